"""Sensors of a prepaid account and its meters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    PERCENTAGE,
    EntityCategory,
    Platform,
    UnitOfElectricCurrent,
    UnitOfElectricPotential,
    UnitOfEnergy,
    UnitOfFrequency,
    UnitOfPower,
    UnitOfTime,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util.dt import async_get_time_zone, get_default_time_zone, parse_datetime, utcnow

from .amounts import currency_digits, decimal_text, kilowatt_hours, money, price, thousandth
from .client.protocol import (
    AccountView,
    BlockView,
    EmergencyCreditView,
    MeterView,
    PhaseView,
    Role,
    TariffNow,
    TopUpView,
)
from .client.vocabulary import EmergencyCreditState, RelayProof, SupplyReason, SupplyState
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import (
    AccountEntity,
    EntityAdder,
    EntityCandidate,
    MeterEntity,
    account_unique_id,
    meter_unique_id,
)

# Everything is pushed.
PARALLEL_UPDATES = 0

type Value = str | int | float | Decimal | datetime | None

RUN_OUT_STEP: Final = timedelta(minutes=1)
"""Smaller changes of the forecast do not cause a new state."""

MIDNIGHT_SLACK: Final = timedelta(minutes=2)
"""How long after midnight the bridge may still show yesterday's totals."""


@dataclass(frozen=True, kw_only=True)
class AccountSensorDescription(SensorEntityDescription):
    """Description of an account's sensor."""

    value_fn: Callable[[AccountView], Value]
    exists_fn: Callable[[AccountView], bool] = lambda _: True
    attributes_fn: Callable[[AccountView], Mapping[str, Any] | None] = lambda _: None
    sensor_class: type[AccountSensor] | None = None


@dataclass(frozen=True, kw_only=True)
class MoneySensorDescription(AccountSensorDescription):
    """Description of an amount in the account's currency."""

    device_class: SensorDeviceClass | None = SensorDeviceClass.MONETARY


@dataclass(frozen=True, kw_only=True)
class PriceSensorDescription(AccountSensorDescription):
    """Description of a price per kWh in the account's currency."""


@dataclass(frozen=True, kw_only=True)
class MeterSensorDescription(SensorEntityDescription):
    """Description of a meter's sensor; ``live`` values are unavailable while the meter is offline."""

    value_fn: Callable[[MeterView], Value]
    only_with_several_meters: bool = False
    live: bool = True


@dataclass(frozen=True, kw_only=True)
class PhaseSensorDescription(SensorEntityDescription):
    """Description of a sensor for one phase of a polyphase meter."""

    value_fn: Callable[[PhaseView], Value]


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of every account."""
    await EntityAdder(
        entry, Platform.SENSOR, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_start()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[EntityCandidate]:
    for description in ACCOUNT_SENSORS:
        yield EntityCandidate(
            account_unique_id(coordinator, account, description),
            description.exists_fn(account),
            partial(description.sensor_class or AccountSensor, coordinator, account, description),
        )
    for meter in account.meters:
        for meter_description in METER_SENSORS:
            yield EntityCandidate(
                meter_unique_id(coordinator, account, meter, meter_description),
                _is_wanted(account, meter, meter_description),
                partial(MeterSensor, coordinator, account, meter, meter_description),
            )
        for number, _ in enumerate(meter.phases, start=1):
            yield from _phase_candidates(coordinator, account, meter, number)


def _phase_candidates(
    coordinator: PrepaidMeterCoordinator, account: AccountView, meter: MeterView, number: int
) -> Iterable[EntityCandidate]:
    for description in PHASE_SENSORS:
        yield EntityCandidate(
            f"{meter_unique_id(coordinator, account, meter, description)}/{number}",
            description.value_fn(meter.phases[number - 1]) is not None,
            partial(PhaseSensor, coordinator, account, meter, description, number),
        )


def _is_wanted(account: AccountView, meter: MeterView, description: MeterSensorDescription) -> bool:
    applies = len(account.meters) > 1 or not description.only_with_several_meters
    return applies and description.value_fn(meter) is not None


class AccountSensor(AccountEntity, SensorEntity):
    """A sensor of an account."""

    # The ladder changes with every reading; the block itself is recorded, and so is the reason of a supply.
    _unrecorded_attributes = frozenset({"holds", "ladder"})
    entity_description: AccountSensorDescription

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        description: AccountSensorDescription,
    ) -> None:
        """Derive the unit of amounts and prices from the account's currency."""
        super().__init__(coordinator, account, description)
        if isinstance(description, MoneySensorDescription):
            self._attr_native_unit_of_measurement = account.currency
            self._attr_suggested_display_precision = currency_digits(account)
        if isinstance(description, PriceSensorDescription):
            self._attr_native_unit_of_measurement = f"{account.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, or None if it is not known."""
        return self.entity_description.value_fn(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the attributes that belong to the value."""
        return self.entity_description.attributes_fn(self.account)


class BalanceSensor(AccountSensor):
    """The balance; the role of the token tells the cards what they may offer."""

    _unrecorded_attributes = frozenset({"role"})

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any]:
        """Return the role of the token."""
        return {"role": _state(self.coordinator.role, Role)}


class PeriodTotalSensor(AccountSensor):
    """A total that the bridge resets with each billing period."""

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return the start of the period."""
        return _instant(self.account.period_start)


class DayTotalSensor(AccountSensor):
    """A total that is reset at midnight in the account's time zone.

    ``last_reset`` changes only when the value shows that the bridge has started the new day: if it followed
    the clock, an update just after midnight would count yesterday's total twice.
    """

    _last_value: Decimal | None = None
    _zone: tzinfo

    @override
    async def async_added_to_hass(self) -> None:
        """Start with the current day."""
        self._zone = await async_get_time_zone(self.account.time_zone) or get_default_time_zone()
        self._attr_last_reset = self._midnight()
        self._last_value = self._total()
        await super().async_added_to_hass()

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._update_last_reset(self._total())
        super()._handle_change()

    def _update_last_reset(self, total: Decimal | None) -> None:
        midnight = self._midnight()
        decreased = total is not None and self._last_value is not None and total < self._last_value
        if decreased or utcnow() - midnight > MIDNIGHT_SLACK:
            self._attr_last_reset = midnight
        self._last_value = total

    def _total(self) -> Decimal | None:
        value = self.native_value
        return value if isinstance(value, Decimal) else None

    def _midnight(self) -> datetime:
        return utcnow().astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)


class RunOutSensor(AccountSensor):
    """The time at which the credit is forecast to run out, ignoring small changes of the forecast.

    The attributes are the bounds of an 80 % prediction interval.
    """

    _run_out: datetime | None = None
    _interval: Mapping[str, datetime | None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Start with the current forecast."""
        self._update_forecast()
        await super().async_added_to_hass()

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._update_forecast()
        super()._handle_change()

    def _update_forecast(self) -> None:
        seconds = self.account.seconds_left
        if seconds is None:
            self._run_out = self._interval = None
            return
        now = utcnow().replace(microsecond=0)
        if seconds <= 0 and self._run_out is not None and self._run_out <= now:
            return  # the credit has run out: do not move the time along with the clock
        run_out = now + timedelta(seconds=seconds)
        if self._run_out is None or abs(run_out - self._run_out) > max(
            RUN_OUT_STEP, run_out_tolerance(seconds)
        ):
            self._run_out = run_out
            self._interval = _prediction_interval(self.account)

    @property
    @override
    def native_value(self) -> Value:
        """Return the time, or None while there is no forecast."""
        return self._run_out

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the prediction interval, or None while there is too little data for one."""
        return self._interval


class MeterSensor(MeterEntity, SensorEntity):
    """A sensor of a meter."""

    entity_description: MeterSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return whether the value is current: live values of an offline meter are not."""
        if not super().available:
            return False
        return not (self.entity_description.live and self.meter and self.meter.online is False)

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, or None if it is not known."""
        return self.entity_description.value_fn(self.meter) if self.meter else None


class PhaseSensor(MeterEntity, SensorEntity):
    """A sensor of one phase; it is unavailable while the meter is offline."""

    entity_description: PhaseSensorDescription

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        meter: MeterView,
        description: PhaseSensorDescription,
        number: int,
    ) -> None:
        """Add the number of the phase to name and unique id."""
        super().__init__(coordinator, account, meter, description)
        self._number = number
        self._attr_unique_id = f"{self._attr_unique_id}/{number}"
        self._attr_translation_placeholders = {
            **getattr(self, "_attr_translation_placeholders", {}),
            "phase": str(number),
        }

    @property
    def phase(self) -> PhaseView | None:
        """Return the newest view of the phase, or None while the meter does not report it."""
        phases = self.meter.phases if self.meter else ()
        return phases[self._number - 1] if len(phases) >= self._number else None

    @property
    @override
    def available(self) -> bool:
        """Return whether the value is current."""
        return super().available and not (self.meter and self.meter.online is False)

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, or None if it is not known."""
        return self.entity_description.value_fn(self.phase) if self.phase else None


def _prediction_interval(account: AccountView) -> Mapping[str, datetime | None] | None:
    forecast = account.runs_out
    if forecast is None or forecast.soonest is None:
        return None
    return {"soonest": _instant(forecast.soonest), "latest": _instant(forecast.latest)}


def run_out_tolerance(seconds: int) -> timedelta:
    """Return the change of a forecast that is ignored: one percent of the remaining time."""
    return timedelta(seconds=seconds / 100)


def _state[E: StrEnum](member: E, kind: type[E]) -> str | None:
    """Return the value of an enum member, or None if this version does not know it."""
    return None if member is kind("unknown") else member.value


def _proof_since(account: AccountView) -> datetime | None:
    """Return since when the least proven relay is no more proven than that."""
    relays = [meter.relay for meter in account.meters if meter.relay is not None]
    since = [each.proof_at for each in relays if each.proof is account.supply.proof and each.proof_at]
    return _instant(min(since, default=None))


def _instant(text: str | None) -> datetime | None:
    return parse_datetime(text) if text else None


def _of_tariff(value_fn: Callable[[TariffNow, AccountView], Value]) -> Callable[[AccountView], Value]:
    return lambda account: None if account.tariff is None else value_fn(account.tariff, account)


def _of_top_up(value_fn: Callable[[TopUpView, AccountView], Value]) -> Callable[[AccountView], Value]:
    return lambda account: None if account.last_top_up is None else value_fn(account.last_top_up, account)


def _of_emergency_credit(
    value_fn: Callable[[EmergencyCreditView, AccountView], Value],
) -> Callable[[AccountView], Value]:
    return lambda account: (
        None if account.emergency_credit is None else value_fn(account.emergency_credit, account)
    )


def _owed(account: AccountView) -> int:
    return account.arrears + sum(debt.owed for debt in account.debts)


def _debt_attributes(account: AccountView) -> Mapping[str, Any]:
    return {
        "arrears": decimal_text(account.arrears, account),
        "debts": {debt.description: decimal_text(debt.owed, account) for debt in account.debts},
    }


def _percent(permille: int | None) -> float | None:
    return None if permille is None else permille / 10


def _total_power(account: AccountView) -> float | None:
    """Return the sum over all meters, or None if the power of a meter is not known."""
    powers = [None if meter.online is False else meter.power_mw for meter in account.meters]
    known = [power for power in powers if power is not None]
    return thousandth(sum(known)) if known and len(known) == len(powers) else None


def _has_power(account: AccountView) -> bool:
    return any(meter.power_mw is not None for meter in account.meters)


def _top_up_attributes(account: AccountView) -> Mapping[str, Any] | None:
    if (top_up := account.last_top_up) is None:
        return None
    split = {name: decimal_text(amount, account) for name, amount in top_up.split.items()}
    return {"at": top_up.at, "method": top_up.method, "reference": top_up.reference, "split": split}


def _emergency_credit_attributes(account: AccountView) -> Mapping[str, Any] | None:
    credit = account.emergency_credit
    return None if credit is None else {"left": decimal_text(credit.left, account)}


def _block_attributes(account: AccountView) -> Mapping[str, Any] | None:
    if (tariff := account.tariff) is None:
        return None
    return {"blocks": tariff.blocks, "ladder": [_block(block, account) for block in tariff.ladder]}


def _has_blocks(account: AccountView) -> bool:
    return account.tariff is not None and account.tariff.blocks > 1


def _block(block: BlockView, account: AccountView) -> Mapping[str, Any]:
    """Return a block with its energies in kWh and its price as a decimal string."""
    return {
        "block": block.number,
        "end": None if block.end_wh is None else block.end_wh / 1000,
        "used": block.used_wh / 1000,
        "price": decimal_text(block.price_per_kwh, account),
    }


def _options(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind if member.value != "unknown"]


ACCOUNT_SENSORS: Final[tuple[AccountSensorDescription, ...]] = (
    # No state class: a balance is not a total, and Home Assistant does not allow measurements of money.
    MoneySensorDescription(
        key="balance",
        translation_key="balance",
        value_fn=lambda account: money(account.available, account),
        sensor_class=BalanceSensor,
    ),
    AccountSensorDescription(
        key="units_left",
        translation_key="units_left",
        device_class=SensorDeviceClass.ENERGY_STORAGE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        value_fn=lambda account: kilowatt_hours(account.units_left_wh),
    ),
    AccountSensorDescription(
        key="time_left",
        translation_key="time_left",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.DAYS,
        suggested_display_precision=1,
        value_fn=lambda account: account.seconds_left,
    ),
    AccountSensorDescription(
        key="run_out",
        translation_key="run_out",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda _: None,
        sensor_class=RunOutSensor,
    ),
    AccountSensorDescription(
        key="energy",
        translation_key="energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        value_fn=lambda account: kilowatt_hours(account.energy_wh),
    ),
    AccountSensorDescription(
        key="energy_today",
        translation_key="energy_today",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        value_fn=lambda account: kilowatt_hours(account.energy_today_wh),
        sensor_class=DayTotalSensor,
    ),
    MoneySensorDescription(
        key="cost_today",
        translation_key="cost_today",
        state_class=SensorStateClass.TOTAL,
        value_fn=lambda account: money(account.cost_today, account),
        sensor_class=DayTotalSensor,
    ),
    MoneySensorDescription(
        key="cost_period",
        translation_key="cost_period",
        state_class=SensorStateClass.TOTAL,
        value_fn=lambda account: money(account.cost_period, account),
        sensor_class=PeriodTotalSensor,
    ),
    MoneySensorDescription(
        key="emergency_credit_left",
        translation_key="emergency_credit_left",
        value_fn=_of_emergency_credit(lambda credit, account: money(credit.left, account)),
        exists_fn=lambda account: account.emergency_credit is not None,
    ),
    AccountSensorDescription(
        key="emergency_credit",
        translation_key="emergency_credit",
        device_class=SensorDeviceClass.ENUM,
        options=_options(EmergencyCreditState),
        value_fn=_of_emergency_credit(lambda credit, _: _state(credit.state, EmergencyCreditState)),
        attributes_fn=_emergency_credit_attributes,
        exists_fn=lambda account: account.emergency_credit is not None,
    ),
    MoneySensorDescription(
        key="debt",
        translation_key="debt",
        value_fn=lambda account: money(_owed(account), account),
        attributes_fn=_debt_attributes,
        exists_fn=lambda account: bool(account.debts or account.arrears),
    ),
    MoneySensorDescription(
        key="amount_to_restore",
        translation_key="amount_to_restore",
        value_fn=lambda account: money(account.amount_to_restore, account),
    ),
    PriceSensorDescription(
        key="price",
        translation_key="price",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=4,
        value_fn=_of_tariff(lambda tariff, account: price(tariff.price_per_kwh, account)),
        attributes_fn=lambda account: {"band": account.tariff and account.tariff.band},
    ),
    AccountSensorDescription(
        key="band",
        translation_key="band",
        value_fn=_of_tariff(lambda tariff, _: tariff.band),
    ),
    AccountSensorDescription(
        key="block",
        translation_key="block",
        value_fn=_of_tariff(lambda tariff, _: tariff.block),
        attributes_fn=_block_attributes,
        exists_fn=_has_blocks,
    ),
    AccountSensorDescription(
        key="block_remaining",
        translation_key="block_remaining",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        value_fn=_of_tariff(lambda tariff, _: kilowatt_hours(tariff.block_remaining_wh)),
        exists_fn=_has_blocks,
    ),
    AccountSensorDescription(
        key="price_change",
        translation_key="price_change",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_of_tariff(lambda tariff, _: _instant(tariff.next_change)),
    ),
    AccountSensorDescription(
        key="supply_state",
        translation_key="supply_state",
        device_class=SensorDeviceClass.ENUM,
        options=_options(SupplyState),
        value_fn=lambda account: _state(account.supply.state, SupplyState),
        attributes_fn=lambda account: {
            "reason": _state(account.supply.reason, SupplyReason),
            "note": account.supply.note,
            "since": account.supply.since,
            "holds": [asdict(hold) for hold in account.supply.holds],
        },
    ),
    AccountSensorDescription(
        key="supply_reason",
        translation_key="supply_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=_options(SupplyReason),
        value_fn=lambda account: _state(account.supply.reason, SupplyReason),
    ),
    AccountSensorDescription(
        key="cut_at",
        translation_key="cut_at",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda account: _instant(account.supply.cut_at),
    ),
    AccountSensorDescription(
        key="supply_proof",
        translation_key="supply_proof",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=_options(RelayProof),
        value_fn=lambda account: _state(account.supply.proof, RelayProof),
        attributes_fn=lambda account: {"since": _proof_since(account)},
        exists_fn=lambda account: any(meter.relay is not None for meter in account.meters),
    ),
    AccountSensorDescription(
        key="power",
        translation_key="power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=_total_power,
        exists_fn=_has_power,
    ),
    MoneySensorDescription(
        key="last_top_up",
        translation_key="last_top_up",
        value_fn=_of_top_up(lambda top_up, account: money(top_up.amount, account)),
        attributes_fn=_top_up_attributes,
    ),
    AccountSensorDescription(
        key="last_top_up_at",
        translation_key="last_top_up_at",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=_of_top_up(lambda top_up, _: _instant(top_up.at)),
    ),
)

METER_SENSORS: Final[tuple[MeterSensorDescription, ...]] = (
    MeterSensorDescription(
        key="energy",
        translation_key="energy",
        device_class=SensorDeviceClass.ENERGY,
        state_class=SensorStateClass.TOTAL_INCREASING,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=2,
        value_fn=lambda meter: kilowatt_hours(meter.energy_wh),
        only_with_several_meters=True,
        live=False,
    ),
    MeterSensorDescription(
        key="power",
        translation_key="power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=lambda meter: thousandth(meter.power_mw),
        only_with_several_meters=True,
    ),
    MeterSensorDescription(
        key="voltage",
        translation_key="voltage",
        device_class=SensorDeviceClass.VOLTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricPotential.VOLT,
        suggested_display_precision=1,
        value_fn=lambda meter: thousandth(meter.voltage_mv),
    ),
    MeterSensorDescription(
        key="current",
        translation_key="current",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=2,
        value_fn=lambda meter: thousandth(meter.current_ma),
    ),
    MeterSensorDescription(
        key="frequency",
        translation_key="frequency",
        device_class=SensorDeviceClass.FREQUENCY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfFrequency.HERTZ,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=2,
        value_fn=lambda meter: thousandth(meter.frequency_mhz),
    ),
    MeterSensorDescription(
        key="power_factor",
        translation_key="power_factor",
        device_class=SensorDeviceClass.POWER_FACTOR,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda meter: _percent(meter.power_factor_permille),
    ),
)

PHASE_SENSORS: Final[tuple[PhaseSensorDescription, ...]] = (
    PhaseSensorDescription(
        key="phase_power",
        translation_key="phase_power",
        device_class=SensorDeviceClass.POWER,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfPower.WATT,
        suggested_display_precision=0,
        value_fn=lambda phase: thousandth(phase.power_mw),
    ),
    PhaseSensorDescription(
        key="phase_voltage",
        translation_key="phase_voltage",
        device_class=SensorDeviceClass.VOLTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricPotential.VOLT,
        suggested_display_precision=1,
        value_fn=lambda phase: thousandth(phase.voltage_mv),
    ),
    PhaseSensorDescription(
        key="phase_current",
        translation_key="phase_current",
        device_class=SensorDeviceClass.CURRENT,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        suggested_display_precision=2,
        value_fn=lambda phase: thousandth(phase.current_ma),
    ),
    PhaseSensorDescription(
        key="phase_power_factor",
        translation_key="phase_power_factor",
        device_class=SensorDeviceClass.POWER_FACTOR,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda phase: _percent(phase.power_factor_permille),
    ),
)
