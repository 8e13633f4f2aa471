"""Sensors of a prepaid account and its meters."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
    EmergencyCreditState,
    EmergencyCreditView,
    MeterView,
    PhaseView,
    RelayProof,
    SupplyReason,
    SupplyState,
    TariffNow,
    TopUpView,
)
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .entity import AccountEntity, Candidate, EntityAdder, MeterEntity, account_unique_id, meter_unique_id

# Everything is pushed.
PARALLEL_UPDATES = 0

type Value = str | int | float | Decimal | datetime | None

RUN_OUT_STEP: Final = timedelta(minutes=1)
"""Below this the forecast's jitter is not worth a new state."""

MIDNIGHT_SLACK: Final = timedelta(minutes=2)
"""How long after midnight the bridge may still show yesterday's totals."""


@dataclass(frozen=True, kw_only=True)
class AccountSensorDescription(SensorEntityDescription):
    """A value of an account."""

    value_fn: Callable[[AccountView], Value]
    exists_fn: Callable[[AccountView], bool] = lambda _: True
    attributes_fn: Callable[[AccountView], Mapping[str, Any] | None] = lambda _: None
    sensor_class: type[AccountSensor] | None = None


@dataclass(frozen=True, kw_only=True)
class MoneySensorDescription(AccountSensorDescription):
    """An amount in the account's currency."""

    device_class: SensorDeviceClass | None = SensorDeviceClass.MONETARY


@dataclass(frozen=True, kw_only=True)
class PriceSensorDescription(AccountSensorDescription):
    """A price per kWh in the account's currency."""


@dataclass(frozen=True, kw_only=True)
class MeterSensorDescription(SensorEntityDescription):
    """A value of a meter; ``live`` values mean nothing while the meter is offline."""

    value_fn: Callable[[MeterView], Value]
    only_of_several: bool = False
    live: bool = True


@dataclass(frozen=True, kw_only=True)
class PhaseSensorDescription(SensorEntityDescription):
    """A value of one phase of a meter that measures several."""

    value_fn: Callable[[PhaseView], Value]


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Set up the sensors of every account."""
    await EntityAdder(
        entry, Platform.SENSOR, async_add_entities, partial(_candidates, entry.runtime_data)
    ).async_begin()


def _candidates(coordinator: PrepaidMeterCoordinator, account: AccountView) -> Iterable[Candidate]:
    for description in ACCOUNT_SENSORS:
        yield Candidate(
            account_unique_id(coordinator, account, description),
            description.exists_fn(account),
            partial(description.sensor_class or AccountSensor, coordinator, account, description),
        )
    for meter in account.meters:
        for each in METER_SENSORS:
            yield Candidate(
                meter_unique_id(coordinator, account, meter, each),
                _meter_wants(account, meter, each),
                partial(MeterSensor, coordinator, account, meter, each),
            )
        for number, _ in enumerate(meter.phases, start=1):
            yield from _phase_candidates(coordinator, account, meter, number)


def _phase_candidates(
    coordinator: PrepaidMeterCoordinator, account: AccountView, meter: MeterView, number: int
) -> Iterable[Candidate]:
    for description in PHASE_SENSORS:
        yield Candidate(
            f"{meter_unique_id(coordinator, account, meter, description)}/{number}",
            description.value_fn(meter.phases[number - 1]) is not None,
            partial(PhaseSensor, coordinator, account, meter, description, number),
        )


def _meter_wants(account: AccountView, meter: MeterView, description: MeterSensorDescription) -> bool:
    needed = len(account.meters) > 1 or not description.only_of_several
    return needed and description.value_fn(meter) is not None


class AccountSensor(AccountEntity, SensorEntity):
    """A value of an account."""

    # Grows with every reading; the block itself is recorded.
    _unrecorded_attributes = frozenset({"ladder"})
    entity_description: AccountSensorDescription

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        description: AccountSensorDescription,
    ) -> None:
        """Take the unit from the account's currency where the value is money."""
        super().__init__(coordinator, account, description)
        if isinstance(description, MoneySensorDescription):
            self._attr_native_unit_of_measurement = account.currency
            self._attr_suggested_display_precision = currency_digits(account)
        if isinstance(description, PriceSensorDescription):
            self._attr_native_unit_of_measurement = f"{account.currency}/{UnitOfEnergy.KILO_WATT_HOUR}"

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, None while the bridge does not know it."""
        return self.entity_description.value_fn(self.account)

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return what belongs to the value and changes with it."""
        return self.entity_description.attributes_fn(self.account)


class PeriodTotalSensor(AccountSensor):
    """A total that begins anew when the bridge says so."""

    @property
    @override
    def last_reset(self) -> datetime | None:
        """Return since when the total counts."""
        return _instant(self.account.period_start)


class DayTotalSensor(AccountSensor):
    """A total that begins anew at midnight where the account is.

    ``last_reset`` moves only when the value shows that the bridge began the new day: moving it with the clock
    would count yesterday's total once more if an update comes just after midnight.
    """

    _last_value: Decimal | None = None
    _zone: tzinfo

    @override
    async def async_added_to_hass(self) -> None:
        """Begin with the present day."""
        self._zone = await async_get_time_zone(self.account.time_zone) or get_default_time_zone()
        self._attr_last_reset = self._midnight()
        self._last_value = self._total()
        await super().async_added_to_hass()

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._take(self._total())
        super()._handle_change()

    def _take(self, total: Decimal | None) -> None:
        midnight = self._midnight()
        fallen = total is not None and self._last_value is not None and total < self._last_value
        if fallen or utcnow() - midnight > MIDNIGHT_SLACK:
            self._attr_last_reset = midnight
        self._last_value = total

    def _total(self) -> Decimal | None:
        value = self.native_value
        return value if isinstance(value, Decimal) else None

    def _midnight(self) -> datetime:
        return utcnow().astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)


class RunOutSensor(AccountSensor):
    """The instant at which the credit ends, steady while the forecast only jitters.

    Its attributes say how sure that is: four times out of five the credit ends between them.
    """

    _run_out: datetime | None = None
    _band: Mapping[str, datetime | None] | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Begin with the present forecast."""
        self._forecast()
        await super().async_added_to_hass()

    @callback
    @override
    def _handle_change(self) -> None:
        if self.available:
            self._forecast()
        super()._handle_change()

    def _forecast(self) -> None:
        seconds = self.account.seconds_left
        if seconds is None:
            self._run_out = self._band = None
            return
        now = utcnow().replace(microsecond=0)
        if seconds <= 0 and self._run_out is not None and self._run_out <= now:
            return  # it has ended: the instant does not go along with the clock
        run_out = now + timedelta(seconds=seconds)
        if self._run_out is None or abs(run_out - self._run_out) > max(
            RUN_OUT_STEP, run_out_tolerance(seconds)
        ):
            self._run_out = run_out
            self._band = _band(self.account)

    @property
    @override
    def native_value(self) -> Value:
        """Return the instant, None while the bridge is unsure."""
        return self._run_out

    @property
    @override
    def extra_state_attributes(self) -> Mapping[str, Any] | None:
        """Return the band that was foretold with the instant, None while too little is known for one."""
        return self._band


class MeterSensor(MeterEntity, SensorEntity):
    """A value of a meter."""

    entity_description: MeterSensorDescription

    @property
    @override
    def available(self) -> bool:
        """Return whether the value still holds: the last power of a silent meter does not."""
        if not super().available:
            return False
        return not (self.entity_description.live and self.meter and self.meter.online is False)

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, None while the bridge does not know it."""
        return self.entity_description.value_fn(self.meter) if self.meter else None


class PhaseSensor(MeterEntity, SensorEntity):
    """A value of one phase; it means nothing while the meter is offline."""

    entity_description: PhaseSensorDescription

    def __init__(
        self,
        coordinator: PrepaidMeterCoordinator,
        account: AccountView,
        meter: MeterView,
        description: PhaseSensorDescription,
        number: int,
    ) -> None:
        """Carry the phase's number in name and id."""
        super().__init__(coordinator, account, meter, description)
        self._number = number
        self._attr_unique_id = f"{self._attr_unique_id}/{number}"
        self._attr_translation_placeholders = {
            **getattr(self, "_attr_translation_placeholders", {}),
            "phase": str(number),
        }

    @property
    def phase(self) -> PhaseView | None:
        """Return the newest view of the phase, or None while the meter does not tell it."""
        phases = self.meter.phases if self.meter else ()
        return phases[self._number - 1] if len(phases) >= self._number else None

    @property
    @override
    def available(self) -> bool:
        """Return whether the value still holds."""
        return super().available and not (self.meter and self.meter.online is False)

    @property
    @override
    def native_value(self) -> Value:
        """Return the value, None while the bridge does not know it."""
        return self.entity_description.value_fn(self.phase) if self.phase else None


def _band(account: AccountView) -> Mapping[str, datetime | None] | None:
    told = account.runs_out
    if told is None or told.soonest is None:
        return None
    return {"soonest": _instant(told.soonest), "latest": _instant(told.latest)}


def run_out_tolerance(seconds: int) -> timedelta:
    """Return how far a forecast may wander unseen: a hundredth of what is left."""
    return timedelta(seconds=seconds / 100)


def _known[E: StrEnum](member: E, kind: type[E]) -> str | None:
    """Return the word of an enum; a word that this version does not know is unknown."""
    return None if member is kind("unknown") else member.value


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
    """Return what is owed: the arrears, and what is left of every debt."""
    return account.arrears + sum(debt.owed for debt in account.debts)


def _debt_attributes(account: AccountView) -> Mapping[str, Any]:
    return {
        "arrears": decimal_text(account.arrears, account),
        "debts": {debt.description: decimal_text(debt.owed, account) for debt in account.debts},
    }


def _percent(permille: int | None) -> float | None:
    return None if permille is None else permille / 10


def _total_power(account: AccountView) -> float | None:
    """Return the sum over all meters; without one of them the sum would be false."""
    powers = [None if meter.online is False else meter.power_mw for meter in account.meters]
    return thousandth(sum(each for each in powers if each is not None)) if _all_known(powers) else None


def _all_known(values: list[int | None]) -> bool:
    return bool(values) and None not in values


def _has_power(account: AccountView) -> bool:
    return any(meter.power_mw is not None for meter in account.meters)


def _top_up_attributes(account: AccountView) -> Mapping[str, Any] | None:
    if (top_up := account.last_top_up) is None:
        return None
    split = {name: decimal_text(amount, account) for name, amount in top_up.split.items()}
    return {"method": top_up.method, "reference": top_up.reference, "split": split}


def _block_attributes(account: AccountView) -> Mapping[str, Any] | None:
    if (tariff := account.tariff) is None:
        return None
    return {"blocks": tariff.blocks, "ladder": [_block(block, account) for block in tariff.ladder]}


def _block(block: BlockView, account: AccountView) -> Mapping[str, Any]:
    """Return a block with its energies in kWh and its price as decimal text."""
    return {
        "block": block.number,
        "end": None if block.end_wh is None else block.end_wh / 1000,
        "used": block.used_wh / 1000,
        "price": decimal_text(block.price_per_kwh, account),
    }


def _options(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind if member.value != "unknown"]


ACCOUNT_SENSORS: Final[tuple[AccountSensorDescription, ...]] = (
    # No state class: a balance is neither a total nor, for money, allowed to be a measurement.
    MoneySensorDescription(
        key="balance",
        translation_key="balance",
        value_fn=lambda account: money(account.available, account),
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
        value_fn=_of_emergency_credit(lambda credit, _: _known(credit.state, EmergencyCreditState)),
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
    ),
    AccountSensorDescription(
        key="block_remaining",
        translation_key="block_remaining",
        device_class=SensorDeviceClass.ENERGY,
        native_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
        suggested_display_precision=1,
        value_fn=_of_tariff(lambda tariff, _: kilowatt_hours(tariff.block_remaining_wh)),
    ),
    AccountSensorDescription(
        key="price_change",
        translation_key="price_change",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=_of_tariff(lambda tariff, _: _instant(tariff.next_change)),
    ),
    AccountSensorDescription(
        key="supply_state",
        translation_key="supply_state",
        device_class=SensorDeviceClass.ENUM,
        options=_options(SupplyState),
        value_fn=lambda account: _known(account.supply.state, SupplyState),
        attributes_fn=lambda account: {
            "reason": _known(account.supply.reason, SupplyReason),
            "note": account.supply.note,
            "since": account.supply.since,
        },
    ),
    AccountSensorDescription(
        key="supply_reason",
        translation_key="supply_reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=_options(SupplyReason),
        value_fn=lambda account: _known(account.supply.reason, SupplyReason),
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
        value_fn=lambda account: _known(account.supply.proof, RelayProof),
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
        only_of_several=True,
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
        only_of_several=True,
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
        entity_registry_enabled_default=False,
        suggested_display_precision=2,
        value_fn=lambda meter: thousandth(meter.frequency_mhz),
    ),
    MeterSensorDescription(
        key="power_factor",
        translation_key="power_factor",
        device_class=SensorDeviceClass.POWER_FACTOR,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        entity_registry_enabled_default=False,
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
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        value_fn=lambda phase: _percent(phase.power_factor_permille),
    ),
)
