"""From Tasmota's sensor members to reports in integers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from meter_bridge.devices.base.driver import Phase, Report
from meter_bridge.devices.base.quantities import (
    Minor,
    MinorValues,
    UnreadableError,
    current_ma,
    float32_step_wh,
    frequency_mhz,
    power_factor_permille,
    power_mw,
    register_mwh,
    voltage_mv,
    worst_phase,
)
from meter_bridge.devices.tasmota.payloads import (
    ANALOG,
    SMART_METER,
    CurrentTransformer,
    Energy,
    Quantity,
    Sensor,
)

TIME_LENGTH: Final = 40
"""Longest time that is read; it is kept."""
MWH_PER_KWH: Final = 1_000_000
MODULUS_WH: Final = 42_949_672
"""Older firmware keeps the total of one phase as 32 bits of a hundredth of a watt-hour."""
type Join = Callable[[Sequence[int], bool], int | None]
"""Makes one value of those of the phases, and of whether none of them was dropped."""
TARIFF_FIELDS: Final = 3
"""Before version 8.5 a device with tariffs told total, first tariff and second tariff in one list."""


type Measured = tuple[int | None, tuple[int | None, ...]]
"""A quantity of the whole device and, where it is split, of each phase."""
type Counter = tuple[int | None, int, tuple[tuple[int | None, int], ...]]
"""A counter in Wh of the whole device, the step of its value and, where it is split, both of each phase."""
NOTHING: Final[Measured] = (None, ())


@dataclass(slots=True)
class Reading:
    """What one message measures."""

    register: Counter
    modulus_wh: int | None
    started: str | None
    returned: Measured
    power: Measured
    voltage: Measured
    current: Measured
    frequency: Measured
    factor: Measured

    def report(self, address: str, *, retained: bool) -> Report:
        """Return what the device measures over all its phases."""
        return Report(
            address,
            self.register[0],
            self.register[1],
            self.started,
            self.power[0],
            self.voltage[0],
            self.current[0],
            self.frequency[0],
            online=None if retained else True,
            stale=retained,
            register_modulus_wh=self.modulus_wh,
            returned_wh=self.returned[0],
            power_factor_permille=self.factor[0],
            phases=self._all_phases(),
        )

    def _all_phases(self) -> tuple[Phase, ...]:
        split = (self.power, self.voltage, self.current, self.factor)
        if split[0][1] == split[1][1] == split[2][1] == split[3][1] == ():
            return ()
        count = max(len(phases) for _, phases in split)
        if count < 2:  # noqa: PLR2004 - a meter of one phase has no others to tell it from
            return ()
        return tuple(Phase(*(_of(each, number) for each in split)) for number in range(1, count + 1))

    def phase_report(self, address: str, number: int, *, retained: bool) -> Report:
        """Return what one phase measures; counters only where the device splits them by phase."""
        registers, returned = self.register[2], self.returned[1]
        register, step = registers[number - 1] if number <= len(registers) else (None, 1)
        return Report(
            address,
            register,
            step,
            self.started,
            _of(self.power, number),
            _of(self.voltage, number),
            _of(self.current, number),
            _of(self.frequency, number),
            online=None if retained else True,
            stale=retained,
            returned_wh=returned[number - 1] if number <= len(returned) else None,
            power_factor_permille=_of(self.factor, number),
        )


def _of(measured: Measured, number: int) -> int | None:
    """Return one phase's value; a single one such as the voltage holds for every phase."""
    whole, phases = measured
    if not phases:
        return whole
    return phases[number - 1] if number <= len(phases) else None


def has_register(sensor: Sensor) -> bool:
    """Return whether a sensor message carries a cumulative register."""
    energy = _energy(sensor, MinorValues())
    return energy is not None and energy.total is not None


def read_sensor(sensor: Sensor, minor: MinorValues) -> Reading | None:
    """Return what a message measures, or None where it measures no energy."""
    energy = _energy(sensor, minor)
    if energy is None:
        return None
    register = _register(energy)
    return Reading(
        register,
        MODULUS_WH if sensor.energy and type(energy.total) is float else None,
        _reset_marker(energy.started, minor),
        _returned(energy, minor),
        _measured("Power", energy.power, power_mw, _sum, minor),
        _measured("Voltage", energy.voltage, voltage_mv, _worst, minor),
        _measured("Current", energy.current, current_ma, _sum, minor),
        _measured("Frequency", energy.frequency, frequency_mhz, _worst, minor),
        _measured("Factor", energy.factor, power_factor_permille, _only_by_phase, minor),
    )


def _reset_marker(started: Minor, minor: MinorValues) -> str | None:
    """Return since when the total counts; a device that never had the time says 1970 until it has it."""
    if started is None:
        return None
    if not _is_time(started):
        minor.refuse("start_time_unreadable", f"TotalStartTime is {started!r:.40}")
        return None
    return None if started.startswith("1970-") else started


def _is_time(started: Minor) -> bool:
    if not isinstance(started, str) or len(started) > TIME_LENGTH:
        return False
    try:
        datetime.fromisoformat(started)
    except ValueError:
        return False
    return True


def _energy(sensor: Sensor, minor: MinorValues) -> Energy | None:
    if sensor.energy is not None:
        return sensor.energy
    meter = minor.part("SML", SMART_METER.decode, sensor.smart_meter)
    if meter is not None and meter.total is not None:
        return Energy(total=meter.total, returned=meter.returned, power=meter.power)
    analog = minor.part("ANALOG", ANALOG.decode, sensor.analog)
    return None if analog is None else _transformer(analog.transformer or analog.transformer1)


def _transformer(measured: CurrentTransformer | None) -> Energy | None:
    if measured is None:
        return None
    return Energy(
        total=measured.total,
        power=measured.power,
        voltage=measured.voltage,
        current=measured.current,
    )


def _register(energy: Energy) -> Counter:
    total = energy.total
    if total is None:
        return None, 1, ()
    if type(total) is float:
        return *_counter(total), ()
    if isinstance(total, list) and total and _has_tariffs(energy):
        return *_counter(total[0]), ()
    phases = tuple(_counter(each) for each in _parts(total))
    steps = [step for _, step in phases]
    return _sum_mwh(total), sum(steps) if max(steps, default=1) > 1 else 1, phases


def _counter(kwh: float | None) -> tuple[int | None, int]:
    return (None, 1) if kwh is None else (_mwh(kwh) // 1000, float32_step_wh(kwh))


def _sum_mwh(total: Quantity) -> int | None:
    """Return the sum in Wh; a total with one phase missing would look like a counter that fell."""
    known = [_mwh(each) for each in _parts(total) if each is not None]
    return sum(known) // 1000 if known and len(known) == len(_parts(total)) else None


def _has_tariffs(energy: Energy) -> bool:
    """Return whether ``Total`` is one number with its share of each tariff, rather than one per phase.

    ``SetOption129``, from version 9.5, splits total and today together, and the power of several phases
    is always a list; where a tariff made a list of the total, before 8.5, today stayed one number.
    """
    total = energy.total
    if not isinstance(total, list):
        return False
    told = [each for each in (energy.today, energy.power) if type(each) in (int, float, list)]
    if told and all(type(each) is list and len(each) == len(total) for each in told):
        return False
    if told and type(told[0]) is not list and len(total) == TARIFF_FIELDS:
        return True
    raise UnreadableError(
        "register_ambiguous", f"Total {total}: neither one number per phase nor a total and two tariffs"
    )


def _returned(energy: Energy, minor: MinorValues) -> Measured:
    """Return what flowed back: like the total it is one number, one per phase, or total and tariffs."""
    told = energy.returned
    if type(told) is list and told and _has_tariffs(energy):
        told = told[0]
    elif type(told) is list and told and not (type(energy.power) is list and len(energy.power) == len(told)):
        minor.refuse("returned_ambiguous", f"ExportActive {told!r:.80} beside Power {energy.power!r:.80}")
        return NOTHING
    whole, phases = _measured("ExportActive", told, _mwh, _sum, minor)
    return _wh(None if None in phases else whole), tuple(_wh(each) for each in phases)


def _mwh(kwh: float) -> int:
    return register_mwh(kwh, MWH_PER_KWH)


def _wh(mwh: int | None) -> int | None:
    return None if mwh is None else mwh // 1000


def _measured(
    name: str, quantity: Minor, convert: Callable[[float], int], join: Join, minor: MinorValues
) -> Measured:
    if quantity is None:
        return NOTHING
    if type(quantity) is not list and type(quantity) is not dict:
        return minor.read(name, quantity, convert), ()
    told = _parts(quantity)
    phases = tuple(minor.read(name, each, convert) for each in told)
    known = [each for each in phases if each is not None]
    none_dropped = len(known) == sum(each is not None for each in told)
    return join(known, none_dropped) if known else None, phases


def _sum(known: Sequence[int], none_dropped: bool) -> int | None:  # noqa: FBT001 - called as a Join
    return sum(known) if none_dropped else None


def _worst(known: Sequence[int], _none_dropped: bool) -> int | None:  # noqa: FBT001
    return worst_phase(known)


def _only_by_phase(_known: Sequence[int], _none_dropped: bool) -> int | None:  # noqa: FBT001
    return None


def _parts(quantity: Minor) -> list[Minor]:
    return list(quantity.values()) if isinstance(quantity, dict) else list(quantity)
