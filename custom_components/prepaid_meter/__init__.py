"""Prepaid electricity in Home Assistant: accounts, meters and supplies of a prepaid meter bridge."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.device_registry import DeviceEntry
from homeassistant.helpers.typing import ConfigType

from . import issues
from .attention import IssueKeeper
from .cards import async_setup_cards
from .const import DOMAIN, PLATFORMS
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import DeviceKeeper, known_identifiers
from .happenings import async_tell_happenings
from .history import async_follow_history
from .memory import Memory
from .services import async_setup_services
from .websocket_api import async_setup_websocket_api

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:  # noqa: ARG001
    """Register what exists whether or not a bridge is loaded: actions, commands, cards."""
    async_setup_services(hass)
    async_setup_websocket_api(hass)
    async_tell_happenings(hass)
    await async_setup_cards(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> bool:
    """Set up a bridge."""
    memory = Memory(hass, entry.entry_id)
    await memory.async_load()
    coordinator = PrepaidMeterCoordinator(hass, entry, memory)
    await coordinator.async_connect()
    entry.runtime_data = coordinator
    DeviceKeeper(hass, entry)
    IssueKeeper(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    # Only now: an event that arrives before its entity exists would be lost.
    coordinator.async_follow()
    async_follow_history(hass, entry)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> bool:
    """Unload a bridge; its stream and its history end with the entry's background tasks."""
    unloaded = await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
    if unloaded:
        await entry.runtime_data.memory.async_close()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
    """Take along the bridge's repair issues, and what was remembered of it."""
    issues.async_forget(hass, entry.entry_id)
    await Memory(hass, entry.entry_id).async_forget()


async def async_remove_config_entry_device(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    device: DeviceEntry,
) -> bool:
    """Allow deleting a device only when the bridge no longer has it."""
    return not device.identifiers & known_identifiers(entry.runtime_data)
