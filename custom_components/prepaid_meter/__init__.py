"""The Prepaid Meter integration: accounts, meters and supplies of a prepaid meter bridge."""

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from . import issues
from .bus_events import async_fire_bus_events
from .cards import async_setup_cards
from .config_flow import PrepaidMeterConfigFlow
from .const import DOMAIN, PLATFORMS
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import DeviceManager, known_identifiers
from .history import async_start_history_import
from .issue_manager import IssueManager
from .services import async_setup_services
from .store import PrepaidMeterStore
from .websocket_api import async_setup_websocket_api

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:  # noqa: ARG001
    """Register what does not depend on a config entry: actions, WebSocket commands, events and cards."""
    async_setup_services(hass)
    async_setup_websocket_api(hass)
    async_fire_bus_events(hass)
    await async_setup_cards(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> bool:
    """Set up a bridge."""
    store = PrepaidMeterStore(hass, entry.entry_id)
    await store.async_load()
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, store.async_save))
    coordinator = PrepaidMeterCoordinator(hass, entry, store)
    await coordinator.async_connect()
    entry.runtime_data = coordinator
    DeviceManager(hass, entry)
    IssueManager(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    # Start last: an event that arrives before its entity exists would be lost.
    coordinator.async_start()
    async_start_history_import(hass, entry)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> bool:
    """Remove the supply switches of version 1.1, with which a tap or a voice assistant cut a supply."""
    if entry.version > PrepaidMeterConfigFlow.VERSION:
        return False
    registry = er.async_get(hass)
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.domain == Platform.SWITCH:
            registry.async_remove(entity.entity_id)
    hass.config_entries.async_update_entry(entry, minor_version=PrepaidMeterConfigFlow.MINOR_VERSION)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> bool:
    """Unload a bridge; its stream and history import are background tasks of the entry and end with it."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.store.async_close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
    """Delete the bridge's repair issues and its stored positions."""
    issues.async_delete_all(hass, entry.entry_id)
    await PrepaidMeterStore(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    device: DeviceEntry,
) -> bool:
    """Allow deleting a device only when the bridge no longer has it."""
    return not device.identifiers & known_identifiers(entry.runtime_data)
