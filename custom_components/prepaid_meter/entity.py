"""What every entity of the integration shares."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import override

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, MeterView
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import account_identifier, bridge_identifier


class BridgeEntity(Entity):
    """An entity of the bridge itself."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, coordinator: PrepaidMeterCoordinator, description: EntityDescription) -> None:
        """Belong to the bridge's device."""
        self.coordinator = coordinator
        self.entity_description = description
        self._attr_unique_id = f"{coordinator.installation_id}/{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={bridge_identifier(coordinator)})

    @property
    @override
    def available(self) -> bool:
        """Return whether the bridge is connected."""
        return self.coordinator.available

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the bridge."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_bridge(self.async_write_ha_state))


class AccountEntity(Entity):
    """An entity of an account."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, coordinator: PrepaidMeterCoordinator, account: AccountView, description: EntityDescription
    ) -> None:
        """Belong to the account's device."""
        self.coordinator = coordinator
        self.entity_description = description
        self._account_id = account.id
        self._attr_unique_id = account_unique_id(coordinator, account, description)
        self._attr_device_info = DeviceInfo(identifiers={account_identifier(coordinator, account.id)})

    @property
    def account(self) -> AccountView:
        """Return the newest view of the account."""
        return self.coordinator.accounts[self._account_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the bridge is connected and still has the account."""
        return self.coordinator.available and self._account_id in self.coordinator.accounts

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the account."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_account(self._account_id, self._handle_change))

    @callback
    def _handle_change(self) -> None:
        self.async_write_ha_state()


class MeterEntity(AccountEntity):
    """An entity of one of an account's meters; it carries the meter's name where the account has several."""

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        meter: MeterView,
        description: EntityDescription,
    ) -> None:
        """Belong to the account's device, under the meter's name if that is needed."""
        super().__init__(coordinator, account, description)
        self._meter_id = meter.id
        self._attr_unique_id = meter_unique_id(coordinator, account, meter, description)
        if len(account.meters) > 1:
            self._attr_translation_key = f"{description.translation_key}_of_meter"
            self._attr_translation_placeholders = {"meter": meter.name}

    @property
    def meter(self) -> MeterView | None:
        """Return the newest view of the meter, or None once it left the account."""
        return next((meter for meter in self.account.meters if meter.id == self._meter_id), None)

    @property
    @override
    def available(self) -> bool:
        """Return whether the account still has the meter."""
        return super().available and self.meter is not None


def account_unique_id(
    coordinator: PrepaidMeterCoordinator, account: AccountView, description: EntityDescription
) -> str:
    """Return the unique id of an account's entity."""
    return f"{coordinator.installation_id}/{account.id}/{description.key}"


def meter_unique_id(
    coordinator: PrepaidMeterCoordinator,
    account: AccountView,
    meter: MeterView,
    description: EntityDescription,
) -> str:
    """Return the unique id of a meter's entity."""
    return f"{coordinator.installation_id}/{account.id}/{meter.id}/{description.key}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that an account may have; ``wanted`` says whether there is something to show yet."""

    unique_id: str
    wanted: bool
    create: Callable[[], Entity]


class EntityAdder:
    """Add a platform's entities as accounts, meters and abilities appear, and drop those that are gone."""

    def __init__(
        self,
        entry: PrepaidMeterConfigEntry,
        platform: str,
        add_entities: AddConfigEntryEntitiesCallback,
        candidates: Callable[[AccountView], Iterable[Candidate]],
    ) -> None:
        """Add what there is now and follow the bridge."""
        self._coordinator = entry.runtime_data
        self._platform = platform
        self._registry = er.async_get(self._coordinator.hass)
        self._add_entities = add_entities
        self._candidates = candidates
        self._added: dict[str, set[str]] = {}
        accounts = list(self._coordinator.accounts.values())
        self._remove_stale(accounts)
        self._accounts_changed(accounts, ())
        entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))

    def _remove_stale(self, accounts: list[AccountView]) -> None:
        expected = {each.unique_id for account in accounts for each in self._candidates(account)}
        entry_id = self._coordinator.config_entry.entry_id
        for entity in er.async_entries_for_config_entry(self._registry, entry_id):
            of_bridge = entity.unique_id.count("/") == 1
            if entity.domain == self._platform and not of_bridge and entity.unique_id not in expected:
                self._registry.async_remove(entity.entity_id)

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._added.pop(account_id, None)
        if entities := [entity for account in changed for entity in self._new_entities(account)]:
            self._add_entities(entities)

    def _new_entities(self, account: AccountView) -> Iterable[Entity]:
        added = self._added.setdefault(account.id, set())
        for candidate in self._candidates(account):
            if candidate.unique_id not in added and (candidate.wanted or self._is_registered(candidate)):
                added.add(candidate.unique_id)
                yield candidate.create()

    def _is_registered(self, candidate: Candidate) -> bool:
        """Return whether the entity was there before: a meter that is silent now keeps its entities."""
        return self._registry.async_get_entity_id(self._platform, DOMAIN, candidate.unique_id) is not None
