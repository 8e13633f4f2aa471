"""Resolves targets (entities, devices, areas, floors, labels) to accounts."""

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
class AccountRef:
    """An account with the coordinator of its bridge."""

    coordinator: PrepaidMeterCoordinator
    account: AccountView


@callback
def async_loaded_bridges(hass: HomeAssistant) -> Iterator[PrepaidMeterCoordinator]:
    """Return the coordinators of the bridges that are set up."""
    entries: list[PrepaidMeterConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    return (entry.runtime_data for entry in entries if entry.state is ConfigEntryState.LOADED)


@callback
def async_account_ids(hass: HomeAssistant, target_config: dict[str, Any]) -> set[tuple[str, str]]:
    """Return entry id and account id of every account in a target; a bridge's own entities do not count."""
    selected = target.async_extract_referenced_entity_ids(
        hass, target.TargetSelection(target_config), primary_entities_only=False
    )
    registry = er.async_get(hass)
    entity_ids = selected.referenced | selected.indirectly_referenced
    entities = (registry.async_get(entity_id) for entity_id in entity_ids)
    own = (entity for entity in entities if entity is not None and entity.platform == DOMAIN)
    parts = ((entity.config_entry_id or "", entity.unique_id.split("/")) for entity in own)
    return {(entry_id, ids[1]) for entry_id, ids in parts if len(ids) > 2}  # noqa: PLR2004 - shorter: a bridge


@callback
def async_target_accounts(hass: HomeAssistant, target_config: dict[str, Any]) -> list[AccountRef]:
    """Return the accounts in a target, of the bridges that are set up."""
    ids = async_account_ids(hass, target_config)
    return [
        AccountRef(coordinator, account)
        for coordinator in async_loaded_bridges(hass)
        for account in coordinator.accounts.values()
        if (coordinator.config_entry.entry_id, account.id) in ids
    ]


@callback
def async_device_id(ref: AccountRef) -> str | None:
    """Return the id of an account's device."""
    device = account_device(ref.coordinator, ref.account.id)
    return device.id if device else None


@callback
def async_is_account(hass: HomeAssistant, device_id: str) -> bool:
    """Return whether a device is that of an account, not of a bridge."""
    return bool(async_account_ids(hass, {ATTR_DEVICE_ID: [device_id]}))
