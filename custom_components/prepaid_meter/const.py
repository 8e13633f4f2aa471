"""Constants of the Prepaid Meter integration."""

import logging
from typing import Final

from homeassistant.const import Platform

from .client.protocol import Role

DOMAIN: Final = "prepaid_meter"
LOGGER: Final = logging.getLogger(__package__)

DEFAULT_PORT: Final = 8126

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.UPDATE,
]

STAFF_ROLES: Final = frozenset({Role.LANDLORD, Role.CARETAKER})
"""Roles that may hold a supply off, reset protections and decide on quarantines."""

SIGNAL_ACCOUNTS: Final = f"{DOMAIN}_accounts"
"""Sent with a coordinator and its new or changed accounts."""
SIGNAL_EVENT: Final = f"{DOMAIN}_event"
"""Sent with every event of an account, as a `ReceivedEvent`."""

EVENT_ACCOUNT: Final = f"{DOMAIN}_event"
"""Fired on Home Assistant's event bus for events of accounts."""

RELEASES_URL: Final = "https://github.com/prepaid-meter/prepaid-meter/releases"

MANUFACTURER: Final = "Prepaid Meter"
