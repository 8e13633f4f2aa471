"""What every entity of the integration shares."""

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

MANY_ACCOUNTS: Final = 150
"""Home Assistant takes 10,000 enabled entities of an entry, and an account has some forty. Above this number
of accounts new ones begin with what matters most, so that a thousand fit."""
ESSENTIAL: Final = frozenset(
    {
        "alert_event",
        "balance",
        "low_credit",
        "problem",
        "run_out",
        "supply",
        "supply_state",
        "top_up_event",
    }
)
"""Entities of an account that are enabled however many accounts there are."""
AT_ONCE: Final = 25
"""Accounts whose entities are added in one go; Home Assistant does other things in between."""
FURTHER_AT_ONCE: Final = 10
PAUSE_S: Final = 1.0
"""Of many accounts the further entities are registered so many at a time with such a pause: it takes the
recorder half a minute of a processor for a thousand accounts, and nobody waits for it."""


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
        # Registered already, by the keeper of devices; to describe it once more for each entity is a tenth of
        # the time in which a thousand accounts are set up.
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
        """Follow the account."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_on_account(self._account_id, self._handle_change))

    def begin_disabled(self) -> None:
        """Let a person enable the entity; one that is registered already stays as it is."""
        self._attr_entity_registry_enabled_default = False

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


class Candidate(NamedTuple):
    """An entity that an account may have; ``wanted`` says whether there is something to show yet."""

    unique_id: str
    wanted: bool
    create: Callable[[], AccountEntity]

    @property
    def is_essential(self) -> bool:
        """Return whether it is of the account itself and matters most."""
        _, _, key = self.unique_id.split("/", 2)
        return key in ESSENTIAL


class EntityAdder:
    """Add a platform's entities as accounts, meters and abilities appear, and drop those that are gone."""

    def __init__(
        self,
        entry: PrepaidMeterConfigEntry,
        platform: str,
        add_entities: AddConfigEntryEntitiesCallback,
        candidates: Callable[[AccountView], Iterable[Candidate]],
    ) -> None:
        """Prepare to follow the bridge."""
        self._entry = entry
        self._coordinator = entry.runtime_data
        self._platform = platform
        self._registry = er.async_get(self._coordinator.hass)
        self._add_entities = add_entities
        self._candidates = candidates
        self._added: dict[str, set[str]] = {}

    async def async_begin(self) -> None:
        """Add what there is now, let Home Assistant do other things in between, and follow the bridge."""
        accounts = list(self._coordinator.accounts.values())
        self._remove_stale(accounts)
        for some in batched(accounts, AT_ONCE, strict=False):
            self._add(some, only_essential=self._has_many)
            await asyncio.sleep(0)
        self._entry.async_on_unload(self._coordinator.async_on_accounts(self._accounts_changed))
        if self._has_many:
            self._entry.async_create_background_task(
                self._coordinator.hass,
                self._add_rest(accounts),
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
        expected = {each.unique_id for account in accounts for each in self._candidates(account)}
        for entity in of_platform:
            if entity.unique_id not in expected:
                self._registry.async_remove(entity.entity_id)

    @callback
    def _accounts_changed(self, changed: Collection[AccountView], removed: Collection[str]) -> None:
        for account_id in removed:
            self._added.pop(account_id, None)
        self._add(changed, only_essential=False)

    async def _add_rest(self, accounts: list[AccountView]) -> None:
        """Register, disabled, what is not essential of many accounts; nobody needs to wait for that."""
        await self._coordinator.followed.wait()
        for some in batched(accounts, FURTHER_AT_ONCE, strict=False):
            await asyncio.sleep(PAUSE_S)
            self._add((each for each in some if each.id in self._coordinator.accounts), only_essential=False)

    @callback
    def _add(self, accounts: Iterable[AccountView], *, only_essential: bool) -> None:
        new = (each for account in accounts for each in self._new_entities(account, only_essential))
        if entities := list(new):
            self._add_entities(entities)

    def _new_entities(self, account: AccountView, only_essential: bool) -> Iterable[AccountEntity]:  # noqa: FBT001
        added = self._added.setdefault(account.id, set())
        for candidate in self._candidates(account):
            if candidate.unique_id in added:
                continue
            registered = self._registered(candidate)
            if registered is None and (
                not candidate.wanted or (only_essential and not candidate.is_essential)
            ):
                continue
            added.add(candidate.unique_id)
            # What is disabled is made when it is enabled: Home Assistant loads the entry anew then.
            if registered is None or not registered.disabled:
                yield self._made(candidate)

    def _made(self, candidate: Candidate) -> AccountEntity:
        entity = candidate.create()
        if self._has_many and not candidate.is_essential:
            entity.begin_disabled()
        return entity

    def _registered(self, candidate: Candidate) -> er.RegistryEntry | None:
        """Return the entity that was there before: a meter that is silent now keeps its entities."""
        entity_id = self._registry.async_get_entity_id(self._platform, DOMAIN, candidate.unique_id)
        return self._registry.async_get(entity_id) if entity_id else None
