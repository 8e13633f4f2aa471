"""WebSocket command of the dashboard strategy: which accounts belong to which site."""

from typing import Any, Final

from homeassistant.components.websocket_api import async_register_command
from homeassistant.components.websocket_api.connection import ActiveConnection
from homeassistant.components.websocket_api.decorators import websocket_command
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
import probatio

from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry
from .devices import account_identifier

SITES: Final = f"{DOMAIN}/sites"


@callback
def async_setup_websocket_api(hass: HomeAssistant) -> None:
    """Register the commands."""
    async_register_command(hass, _list_sites)


@websocket_command({probatio.Required("type"): SITES})
@callback
def _list_sites(hass: HomeAssistant, connection: ActiveConnection, message: dict[str, Any]) -> None:
    """Send every site of the loaded bridges with the devices of its accounts, sorted by name."""
    entries: list[PrepaidMeterConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    sites = [
        site
        for entry in entries
        if entry.state is ConfigEntryState.LOADED
        for site in _sites_of_entry(hass, entry)
    ]
    connection.send_result(message["id"], {"sites": sorted(sites, key=lambda site: site["name"])})


def _sites_of_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> list[dict[str, Any]]:
    registry = dr.async_get(hass)
    coordinator = entry.runtime_data
    sites: dict[str, dict[str, Any]] = {}
    for account in coordinator.accounts.values():
        site = sites.setdefault(account.site_id, {"name": account.site_name, "devices": []})
        identifier = account_identifier(coordinator, account.id)
        if device := registry.async_get_device_by_identifier(identifier, entry.entry_id):
            site["devices"].append(device.id)
    return list(sites.values())
