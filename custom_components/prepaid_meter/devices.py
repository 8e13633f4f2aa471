"""Devices: one for the bridge, and one for each account with its meters."""

from collections.abc import Collection
from dataclasses import dataclass

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntry, DeviceEntryType

from .client.protocol import AccountView
from .const import DOMAIN, MANUFACTURER
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator


def bridge_identifier(coordinator: PrepaidMeterCoordinator) -> tuple[str, str]:
    """Return the identifier of the bridge's device."""
    return (DOMAIN, coordinator.installation_id)


def account_identifier(coordinator: PrepaidMeterCoordinator, account_id: str) -> tuple[str, str]:
    """Return the identifier of an account's device."""
    return (DOMAIN, f"{coordinator.installation_id}/{account_id}")


def account_device(coordinator: PrepaidMeterCoordinator, account_id: str) -> DeviceEntry | None:
    """Return an account's device, or None if it has just been removed."""
    identifier = account_identifier(coordinator, account_id)
    registry = dr.async_get(coordinator.hass)
    return registry.async_get_device_by_identifier(identifier, coordinator.config_entry.entry_id)


def known_identifiers(coordinator: PrepaidMeterCoordinator) -> set[tuple[str, str]]:
    """Return the identifiers of all current devices of the bridge."""
    accounts = {account_identifier(coordinator, account_id) for account_id in coordinator.accounts}
    return accounts | {bridge_identifier(coordinator)}


@dataclass(frozen=True, slots=True)
class _DeviceDescription:
    name: str
    model: str
    firmware: str | None
    meter_ids: frozenset[str]

    @property
    def has_meter_names(self) -> bool:
        """Return whether the names of the meters' entities include the meter."""
        return len(self.meter_ids) > 1


def _describe(account: AccountView) -> _DeviceDescription:
    """Return the description of an account's device; a single meter provides model and firmware."""
    meter = account.meters[0] if len(account.meters) == 1 else None
    return _DeviceDescription(
        name=account.name,
        model=(meter.model or meter.family_title or meter.family) if meter else "Account",
        firmware=meter.firmware if meter else None,
        meter_ids=frozenset(meter.id for meter in account.meters),
    )


class DeviceManager:
    """Synchronizes the device registry with the bridge."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Register the bridge and its accounts, and remove the devices of deleted accounts."""
        self._hass = hass
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._registry = dr.async_get(hass)
        self._descriptions: dict[str, _DeviceDescription] = {}
        self._bridge_id = self._register_bridge()
        self._server = self._coordinator.server
        self._accounts_changed(self._coordinator.accounts.values(), ())
        self._remove_stale()
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))
        entry.async_on_unload(self._coordinator.async_on_bridge(self._bridge_changed))

    @callback
    def _bridge_changed(self) -> None:
        if self._coordinator.server != self._server:
            self._server = self._coordinator.server
            self._register_bridge()

    def _register_bridge(self) -> str:
        server = self._coordinator.server
        return self._registry.async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={bridge_identifier(self._coordinator)},
            name=server.name,
            manufacturer=MANUFACTURER,
            model="Bridge",
            sw_version=server.version,
            entry_type=DeviceEntryType.SERVICE,
        ).id

    def _register_account(self, account_id: str, description: _DeviceDescription) -> None:
        self._registry.async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={account_identifier(self._coordinator, account_id)},
            name=description.name,
            manufacturer=MANUFACTURER,
            model=description.model,
            sw_version=description.firmware,
            via_device_id=self._bridge_id,
        )

    def _remove_stale(self) -> None:
        known = known_identifiers(self._coordinator)
        for device in dr.async_entries_for_config_entry(self._registry, self._entry.entry_id):
            if not device.identifiers & known:
                self._registry.async_remove_device(device.id)

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._remove(account_id)
        for account in changed:
            self._update(account.id, _describe(account))

    def _remove(self, account_id: str) -> None:
        self._descriptions.pop(account_id, None)
        if device := account_device(self._coordinator, account_id):
            self._registry.async_remove_device(device.id)

    def _update(self, account_id: str, new: _DeviceDescription) -> None:
        old = self._descriptions.get(account_id)
        if new == old:
            return
        self._descriptions[account_id] = new
        self._register_account(account_id, new)
        # The names of a meter's entities depend on whether it is the account's only meter, so the entry is
        # reloaded when meters are replaced. That is rare: it takes an electrician.
        if old and (old.meter_ids - new.meter_ids or old.has_meter_names != new.has_meter_names):
            self._hass.config_entries.async_schedule_reload(self._entry.entry_id)
