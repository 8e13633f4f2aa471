"""Base classes of the integration's entities, and the code that adds and removes them."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from itertools import batched
from typing import Final, NamedTuple, override

from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client.protocol import AccountView, MeterView
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import account_device, bridge_identifier

ESSENTIAL_KEYS: Final = frozenset({"balance", "low_credit", "problem", "run_out", "supply_state"})
"""Entities of an account that are enabled by default regardless of the number of accounts."""
HOUSEHOLD_KEYS: Final = ESSENTIAL_KEYS | {
    *("confirm_supply", "select_emergency_credit"),
    *("block", "cost_period", "cost_today", "debt", "emergency_credit", "energy_today"),
    *("last_top_up", "power", "price", "units_left"),
}
"""Entities that are enabled by default: what a household reads, and what the card shows and presses.

An account has about forty entities. The others are registered, disabled, for those who want them. The total
energy is one of them: the Energy dashboard uses the statistics, and would count the same energy twice.
"""
MANY_ACCOUNTS: Final = 150
"""Home Assistant limits an entry to 10,000 enabled entities. Above this number of accounts only the essential
ones are enabled by default, so that a thousand accounts fit; the others are registered in the background."""
BATCH_SIZE: Final = 25
"""Accounts whose entities are added in one step; Home Assistant can do other work between the steps."""
BACKGROUND_BATCH_SIZE: Final = 10
BACKGROUND_PAUSE_SECONDS: Final = 1.0
"""With many accounts the other entities are registered in small batches with a pause in between: for a
thousand accounts this costs the recorder half a minute of CPU time, and nothing waits for it."""


class BridgeEntity(Entity):
    """An entity of the bridge itself."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, coordinator: PrepaidMeterCoordinator, description: EntityDescription) -> None:
        """Attach the entity to the bridge's device."""
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
        """Subscribe to changes of the bridge."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_bridge(self.async_write_ha_state))


class AccountEntity(Entity):
    """An entity of an account."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(
        self, coordinator: PrepaidMeterCoordinator, account: AccountView, description: EntityDescription
    ) -> None:
        """Attach the entity to the account's device."""
        self.coordinator = coordinator
        self.entity_description = description
        self._account_id = account.id
        self._attr_unique_id = account_unique_id(coordinator, account, description)
        # The device manager has registered the device already. Describing it again for each entity would
        # take a tenth of the time needed to set up a thousand accounts.
        self.device_entry = account_device(coordinator, account.id)

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
        """Subscribe to changes of the account."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_account(self._account_id, self._handle_change))

    def disable_by_default(self) -> None:
        """Disable the entity unless it is registered already; the user can enable it."""
        self._attr_entity_registry_enabled_default = False

    @callback
    def _handle_change(self) -> None:
        self.async_write_ha_state()


class MeterEntity(AccountEntity):
    """An entity of one of an account's meters, named after the meter if the account has several."""

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        meter: MeterView,
        description: EntityDescription,
    ) -> None:
        """Attach the entity to the account's device, and add the meter's name if needed."""
        super().__init__(coordinator, account, description)
        self._meter_id = meter.id
        self._attr_unique_id = meter_unique_id(coordinator, account, meter, description)
        if len(account.meters) > 1:
            self._attr_translation_key = f"{description.translation_key}_of_meter"
            self._attr_translation_placeholders = {"meter": meter.name}

    @property
    def meter(self) -> MeterView | None:
        """Return the newest view of the meter, or None if the account no longer has it."""
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


class EntityCandidate(NamedTuple):
    """An entity that an account may have; ``wanted`` is whether it has a value to show yet."""

    unique_id: str
    wanted: bool
    create: Callable[[], AccountEntity]

    @property
    def key(self) -> str:
        """Return the key of the entity within its account; for an entity of a meter, with the meter's id."""
        return self.unique_id.split("/", 2)[2]


class EntityAdder:
    """Adds a platform's entities as accounts, meters and features appear, and removes obsolete ones."""

    def __init__(
        self,
        entry: PrepaidMeterConfigEntry,
        platform: str,
        add_entities: AddConfigEntryEntitiesCallback,
        candidates: Callable[[AccountView], Iterable[EntityCandidate]],
    ) -> None:
        """Prepare without adding anything."""
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._platform = platform
        self._registry = er.async_get(self._coordinator.hass)
        self._add_entities = add_entities
        self._candidates = candidates
        self._added: dict[str, set[str]] = {}

    async def async_start(self) -> None:
        """Add the entities of the current accounts in batches, and subscribe to changes."""
        accounts = list(self._coordinator.accounts.values())
        self._remove_stale(accounts)
        for batch in batched(accounts, BATCH_SIZE, strict=False):
            self._add(batch, only_essential=self._has_many)
            await asyncio.sleep(0)
        self._entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))
        if self._has_many:
            self._entry.async_create_background_task(
                self._coordinator.hass,
                self._add_remaining(accounts),
                f"{DOMAIN} {self._platform} of {self._entry.title}",
            )

    @property
    def _has_many(self) -> bool:
        return len(self._coordinator.accounts) > MANY_ACCOUNTS

    def _remove_stale(self, accounts: list[AccountView]) -> None:
        of_platform = [
            entity
            for entity in er.async_entries_for_config_entry(self._registry, self._entry.entry_id)
            if entity.domain == self._platform and entity.unique_id.count("/") > 1  # not the bridge's own
        ]
        if not of_platform:
            return
        expected = {candidate.unique_id for account in accounts for candidate in self._candidates(account)}
        for entity in of_platform:
            if entity.unique_id not in expected:
                self._registry.async_remove(entity.entity_id)

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._added.pop(account_id, None)
        self._add(changed, only_essential=False)

    async def _add_remaining(self, accounts: list[AccountView]) -> None:
        """Register the other entities of many accounts, disabled, in the background."""
        await self._coordinator.setup_complete.wait()
        for batch in batched(accounts, BACKGROUND_BATCH_SIZE, strict=False):
            await asyncio.sleep(BACKGROUND_PAUSE_SECONDS)
            current = (account for account in batch if account.id in self._coordinator.accounts)
            self._add(current, only_essential=False)

    @callback
    def _add(self, accounts: Iterable[AccountView], *, only_essential: bool) -> None:
        new = [entity for account in accounts for entity in self._new_entities(account, only_essential)]
        if new:
            self._add_entities(new)

    def _new_entities(self, account: AccountView, only_essential: bool) -> Iterable[AccountEntity]:  # noqa: FBT001
        added = self._added.setdefault(account.id, set())
        for candidate in self._candidates(account):
            if candidate.unique_id in added:
                continue
            registered = self._registered(candidate)
            if registered is None and (
                not candidate.wanted or (only_essential and candidate.key not in ESSENTIAL_KEYS)
            ):
                continue
            added.add(candidate.unique_id)
            # Disabled entities are not created: Home Assistant reloads the entry when one is enabled.
            if registered is None or not registered.disabled:
                yield self._create(candidate)

    def _create(self, candidate: EntityCandidate) -> AccountEntity:
        entity = candidate.create()
        if candidate.key not in (ESSENTIAL_KEYS if self._has_many else HOUSEHOLD_KEYS):
            entity.disable_by_default()
        return entity

    def _registered(self, candidate: EntityCandidate) -> er.RegistryEntry | None:
        """Return the registered entity, if any: an offline meter keeps its entities."""
        entity_id = self._registry.async_get_entity_id(self._platform, DOMAIN, candidate.unique_id)
        return self._registry.async_get(entity_id) if entity_id else None
