"""Find accounts by what people choose in Home Assistant: entities, devices, areas, floors, labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, target

from .client.protocol import AccountView
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import account_device


@dataclass(frozen=True, slots=True)
class Place:
    """An account, and the bridge that it is on."""

    coordinator: PrepaidMeterCoordinator
    account: AccountView


@callback
def async_loaded(hass: HomeAssistant) -> Iterator[PrepaidMeterCoordinator]:
    """Return the bridges that are set up."""
    entries: list[PrepaidMeterConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    return (entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED)


@callback
def async_account_ids(hass: HomeAssistant, chosen: dict[str, Any]) -> set[tuple[str, str]]:
    """Return entry and id of every account of which something is chosen; a bridge itself is no account."""
    selected = target.async_extract_referenced_entity_ids(
        hass, target.TargetSelection(chosen), primary_entities_only=False
    )
    registry = er.async_get(hass)
    found = (registry.async_get(each) for each in selected.referenced | selected.indirectly_referenced)
    ours = (entity for entity in found if entity is not None and entity.platform == DOMAIN)
    parts = ((entity.config_entry_id or "", entity.unique_id.split("/")) for entity in ours)
    return {(entry_id, names[1]) for entry_id, names in parts if len(names) > 2}  # noqa: PLR2004 - of a bridge


@callback
def async_chosen(hass: HomeAssistant, chosen: dict[str, Any]) -> list[Place]:
    """Return the chosen accounts of bridges that are set up."""
    ids = async_account_ids(hass, chosen)
    return [
        Place(coordinator, account)
        for coordinator in async_loaded(hass)
        for account in coordinator.accounts.values()
        if (coordinator.config_entry.entry_id, account.id) in ids
    ]


@callback
def async_device_id(place: Place) -> str | None:
    """Return the id of an account's device."""
    device = account_device(place.coordinator, place.account.id)
    return device.id if device else None


@callback
def async_is_account(hass: HomeAssistant, device_id: str) -> bool:
    """Return whether a device is that of an account; the bridge's own is not."""
    return bool(async_account_ids(hass, {ATTR_DEVICE_ID: [device_id]}))
