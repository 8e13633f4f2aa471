"""Constants of the Prepaid Meter integration."""

import logging
from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "prepaid_meter"
LOGGER: Final = logging.getLogger(__package__)

DEFAULT_PORT: Final = 8126

PLATFORMS: Final = [Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR, Platform.SWITCH]

MANUFACTURER: Final = "Prepaid Meter"
