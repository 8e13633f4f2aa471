"""Numbers: the warning thresholds and the load limit of an account, for landlords."""

from abc import abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Final, override

from homeassistant.components.number import (
    NumberDeviceClass,
    NumberEntity,
    NumberEntityDescription,
    NumberMode,
)
from homeassistant.const import EntityCategory, Platform, UnitOfPower
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .amounts import currency_digits, decimal_text, money, thousandth
from .client.protocol import AccountView, Role
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, EntityAdder, EntityCandidate, account_unique_id
from .helpers import translated_errors

# The bridge serializes the requests of an account; parallel ones would only race.
PARALLEL_UPDATES = 1

THRESHOLD: Final = NumberEntityDescription(
    key="low_credit_threshold",
    translation_key="low_credit_threshold",
    device_class=NumberDeviceClass.MONETARY,
    entity_category=EntityCategory.CONFIG,
    native_min_value=0,
    native_max_value=1_000_000,
    mode=NumberMode.BOX,
)
LOAD_LIMIT: Final = NumberEntityDescription(
    key="load_limit",
    translation_key="load_limit",
    device_class=NumberDeviceClass.POWER,
    entity_category=EntityCategory.CONFIG,
    native_unit_of_measurement=UnitOfPower.WATT,
    native_min_value=1,
    native_max_value=100_000,
    native_step=1,
    mode=NumberMode.BOX,
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the numbers of every account if the token may change them."""
    await EntityAdder(
        entry, Platform.NUMBER, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    if coordinator.role is not Role.LANDLORD:
        return
    for index, _ in enumerate(account.low_credit_thresholds):
        yield EntityCandidate(
            threshold_unique_id(coordinator, account, index),
            wanted=True,
            create=partial(ThresholdNumber, coordinator, account, index),
        )
    yield EntityCandidate(
        account_unique_id(coordinator, account, LOAD_LIMIT),
        account.load_limit_mw is not None,
        partial(LoadLimitNumber, coordinator, account, LOAD_LIMIT),
    )


def threshold_unique_id(coordinator: PrepaidMeterCoordinator, account: AccountView, index: int) -> str:
    """Return the unique id of a threshold's number entity, counted from the highest threshold."""
    unique_id = account_unique_id(coordinator, account, THRESHOLD)
    return f"{unique_id}/{index + 1}" if index else unique_id


class PolicyNumber(AccountEntity, NumberEntity):
    """A number of an account's policy."""

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Send the value to the bridge and apply its response at once."""
        with translated_errors():
            account = await self._set_policy(value)
        self.coordinator.async_apply_account(account)

    @abstractmethod
    async def _set_policy(self, value: float) -> AccountView:
        """Send the value to the bridge; errors propagate."""


class ThresholdNumber(PolicyNumber):
    """A threshold below which credit is low; the highest is the first."""

    def __init__(self, coordinator: PrepaidMeterCoordinator, account: AccountView, index: int) -> None:
        """Add a number to the name of every threshold but the first."""
        super().__init__(coordinator, account, THRESHOLD)
        self._index = index
        self._attr_unique_id = threshold_unique_id(coordinator, account, index)
        self._attr_native_unit_of_measurement = account.currency
        self._attr_native_step = 10 ** -currency_digits(account)
        if index:
            self._attr_translation_key = "low_credit_threshold_further"
            self._attr_translation_placeholders = {"number": str(index + 1)}

    @property
    def _threshold(self) -> int | None:
        thresholds = self.account.low_credit_thresholds
        return thresholds[self._index] if self._index < len(thresholds) else None

    @property
    @override
    def available(self) -> bool:
        """Return whether the threshold still exists."""
        return super().available and self._threshold is not None

    @property
    @override
    def native_value(self) -> float | None:
        """Return the threshold."""
        threshold = money(self._threshold, self.account)
        return None if threshold is None else float(threshold)

    @override
    async def _set_policy(self, value: float) -> AccountView:
        account = self.account
        thresholds = [decimal_text(amount, account) for amount in account.low_credit_thresholds]
        digits = Decimal(1).scaleb(-currency_digits(account))
        thresholds[self._index] = str(Decimal(str(value)).quantize(digits))
        return await self.coordinator.connection.set_policy(self._account_id, low_credit=thresholds)


class LoadLimitNumber(PolicyNumber):
    """The power that a supply without credit may use where it is limited instead of cut."""

    @property
    @override
    def available(self) -> bool:
        """Return whether the limit still exists."""
        return super().available and self.account.load_limit_mw is not None

    @property
    @override
    def native_value(self) -> float | None:
        """Return the limit."""
        return thousandth(self.account.load_limit_mw)

    @override
    async def _set_policy(self, value: float) -> AccountView:
        return await self.coordinator.connection.set_policy(self._account_id, load_limit_w=round(value))
