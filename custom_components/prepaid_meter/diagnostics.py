"""Diagnostics that are safe to share: names of people and places, and secrets, are redacted."""

from dataclasses import asdict
from typing import Any, Final

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.core import HomeAssistant

from .coordinator import PrepaidMeterConfigEntry

TO_REDACT: Final = {
    CONF_HOST,
    CONF_TOKEN,
    "address",
    "customer",
    "installation_id",
    "message",
    "name",
    "note",
    "reference",
    "site_name",
}


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
) -> dict[str, Any]:
    """Return diagnostics for a config entry."""
    coordinator = entry.runtime_data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "connected": coordinator.available,
        "server": async_redact_data(asdict(coordinator.server), TO_REDACT),
        "role": coordinator.role,
        "accounts": [
            async_redact_data(asdict(account), TO_REDACT) for account in coordinator.accounts.values()
        ],
        "alerts": [async_redact_data(asdict(alert), TO_REDACT) for alert in coordinator.alerts],
    }
