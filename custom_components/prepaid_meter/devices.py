"""Devices: one for the bridge, one for each account with its meters."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntry, DeviceEntryType

from .client.protocol import AccountView
from .const import DOMAIN, MANUFACTURER
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator

FAMILIES: Final = {"shelly": "Shelly", "tasmota": "Tasmota", "zigbee2mqtt": "Zigbee2MQTT"}
"""How the families that this version knows write themselves, for meters that do not tell their model."""


def bridge_identifier(coordinator: PrepaidMeterCoordinator) -> tuple[str, str]:
    """Return what identifies the bridge's device."""
    return (DOMAIN, coordinator.installation_id)


def account_identifier(coordinator: PrepaidMeterCoordinator, account_id: str) -> tuple[str, str]:
    """Return what identifies an account's device."""
    return (DOMAIN, f"{coordinator.installation_id}/{account_id}")


def account_device(coordinator: PrepaidMeterCoordinator, account_id: str) -> DeviceEntry | None:
    """Return an account's device, None where somebody has just removed it."""
    identifier = account_identifier(coordinator, account_id)
    registry = dr.async_get(coordinator.hass)
    return registry.async_get_device_by_identifier(identifier, coordinator.config_entry.entry_id)


def known_identifiers(coordinator: PrepaidMeterCoordinator) -> set[tuple[str, str]]:
    """Return the identifiers of every device that the bridge has now."""
    accounts = {account_identifier(coordinator, account_id) for account_id in coordinator.accounts}
    return accounts | {bridge_identifier(coordinator)}


@dataclass(frozen=True, slots=True)
class _Description:
    """What the device registry shows of an account."""

    name: str
    model: str
    firmware: str | None
    meter_ids: frozenset[str]

    @property
    def names_meters(self) -> bool:
        """Return whether the entities of meters carry the meters' names."""
        return len(self.meter_ids) > 1


def _describe(account: AccountView) -> _Description:
    """Describe an account; with a single meter, that meter's model and firmware are its own."""
    only = account.meters[0] if len(account.meters) == 1 else None
    return _Description(
        name=account.name,
        model=(only.model or FAMILIES.get(only.family, only.family)) if only else "Account",
        firmware=only.firmware if only else None,
        meter_ids=frozenset(meter.id for meter in account.meters),
    )


class DeviceKeeper:
    """Keep the device registry in step with the bridge."""

    def __init__(self, hass: HomeAssistant, entry: PrepaidMeterConfigEntry) -> None:
        """Register the bridge and its accounts, and drop what left while Home Assistant was away."""
        self._hass = hass
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._registry = dr.async_get(hass)
        self._described: dict[str, _Description] = {}
        self._bridge_id = self._register_bridge()
        self._server = self._coordinator.server
        self._accounts_changed(self._coordinator.accounts.values(), ())
        self._remove_stale()
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))
        entry.async_on_unload(self._coordinator.async_on_bridge(self._bridge_changed))

    @callback
    def _bridge_changed(self) -> None:
        """Show another version or name of the bridge, as after its update."""
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

    def _register_account(self, account_id: str, description: _Description) -> None:
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
            self._take(account.id, _describe(account))

    def _remove(self, account_id: str) -> None:
        self._described.pop(account_id, None)
        if device := account_device(self._coordinator, account_id):
            self._registry.async_remove_device(device.id)

    def _take(self, account_id: str, now: _Description) -> None:
        before = self._described.get(account_id)
        if now == before:
            return
        self._described[account_id] = now
        self._register_account(account_id, now)
        # Names of a meter's entities depend on whether it is the account's only one, so a rewired account is
        # loaded anew. That happens when an electrician has been there, not in daily life.
        if before and (before.meter_ids - now.meter_ids or before.names_meters != now.names_meters):
            self._hass.config_entries.async_schedule_reload(self._entry.entry_id)
