"""From Tasmota's sensor members to reports in integers."""

from collections.abc import Callable, Iterable

from meter_bridge.devices.base.driver import Phase, Report
from meter_bridge.devices.base.quantities import (
    current_ma,
    float32_step_wh,
    frequency_mhz,
    power_factor_permille,
    power_mw,
    register_mwh,
    voltage_mv,
    worst_phase,
)
from meter_bridge.devices.tasmota.payloads import CurrentTransformer, Energy, Quantity, Sensor

MWH_PER_KWH = 1_000_000
MODULUS_WH = 42_949_672
"""Older firmware keeps the total of one phase as 32 bits of a hundredth of a watt-hour."""


def has_register(sensor: Sensor) -> bool:
    """Return whether a sensor message carries a cumulative register."""
    energy = _energy(sensor)
    return energy is not None and energy.total is not None


def whole_report(address: str, sensor: Sensor, *, retained: bool) -> Report | None:
    """Return what a device measures over all its phases, or None where it measures no energy."""
    energy = sensor.energy or _energy(sensor)
    if energy is None:
        return None
    register, step = _register(energy.total)
    return Report(
        address,
        register,
        step,
        _reset_marker(energy),
        _combined(energy.power, power_mw, sum),
        _combined(energy.voltage, voltage_mv, worst_phase),
        _combined(energy.current, current_ma, sum),
        _combined(energy.frequency, frequency_mhz, worst_phase),
        online=None if retained else True,
        stale=retained,
        register_modulus_wh=MODULUS_WH if sensor.energy and type(energy.total) is float else None,
        returned_wh=_register(energy.returned)[0],
        power_factor_permille=power_factor_permille(energy.factor if type(energy.factor) is float else None),
        phases=_all_phases(energy),
    )


def _all_phases(energy: Energy) -> tuple[Phase, ...]:
    split = (energy.power, energy.voltage, energy.current, energy.factor)
    count = max((len(each) for each in split if isinstance(each, list | dict)), default=0)
    if count < 2:  # noqa: PLR2004 - a meter of one phase has no others to tell it from
        return ()
    return tuple(_phase_values(energy, number) for number in range(1, count + 1))


def _phase_values(energy: Energy, number: int) -> Phase:
    return Phase(
        _converted(_phase(energy.power, number), power_mw),
        _converted(_phase(energy.voltage, number), voltage_mv),
        _converted(_phase(energy.current, number), current_ma),
        power_factor_permille(_phase(energy.factor, number)),
    )


def phase_report(address: str, energy: Energy, number: int, *, retained: bool) -> Report:
    """Return what one phase measures; a register only where ``SetOption129`` splits the total."""
    total = _phase(energy.total, number) if isinstance(energy.total, list | dict) else None
    return Report(
        address,
        _converted(total, _register_wh),
        1 if total is None else float32_step_wh(total),
        _reset_marker(energy),
        _converted(_phase(energy.power, number), power_mw),
        _converted(_phase(energy.voltage, number), voltage_mv),
        _converted(_phase(energy.current, number), current_ma),
        _converted(_phase(energy.frequency, number), frequency_mhz),
        online=None if retained else True,
        stale=retained,
        returned_wh=_converted(_phase(energy.returned, number), _register_wh),
        power_factor_permille=power_factor_permille(_phase(energy.factor, number)),
    )


def _reset_marker(energy: Energy) -> str | None:
    """Return since when the total counts; a device that never had the time says 1970 until it has it."""
    return None if energy.started is None or energy.started.startswith("1970-") else energy.started


def _register_wh(kwh: float) -> int:
    return register_mwh(kwh, MWH_PER_KWH) // 1000


def _energy(sensor: Sensor) -> Energy | None:
    if sensor.energy is not None:
        return sensor.energy
    if sensor.smart_meter is not None and sensor.smart_meter.total is not None:
        meter = sensor.smart_meter
        return Energy(total=meter.total, returned=meter.returned, power=meter.power)
    if sensor.analog is not None:
        return _transformer(sensor.analog.transformer or sensor.analog.transformer1)
    return None


def _transformer(measured: CurrentTransformer | None) -> Energy | None:
    if measured is None:
        return None
    return Energy(
        total=measured.total,
        power=measured.power,
        voltage=measured.voltage,
        current=measured.current,
    )


def _register(total: Quantity) -> tuple[int | None, int]:
    if type(total) is float:
        return _register_wh(total), float32_step_wh(total)
    phases = _values(total)
    known = [value for value in phases if value is not None]
    # A total with one phase missing would look like a counter that fell.
    if not known or len(known) < len(phases):
        return None, 1
    steps = [float32_step_wh(value) for value in known]
    return sum(register_mwh(value, MWH_PER_KWH) for value in known) // 1000, sum(steps) if max(
        steps
    ) > 1 else 1


def _values(quantity: Quantity) -> list[float | None]:
    if isinstance(quantity, dict):
        return list(quantity.values())
    return quantity if isinstance(quantity, list) else [quantity]


def _combined(
    quantity: Quantity, convert: Callable[[float], int], join: Callable[[Iterable[int]], int | None]
) -> int | None:
    if type(quantity) is float:
        return convert(quantity)
    if quantity is None:
        return None
    known = [convert(value) for value in _values(quantity) if value is not None]
    return join(known) if known else None


def _phase(quantity: Quantity, number: int) -> float | None:
    """Return the value of one phase; a scalar such as the voltage holds for every phase."""
    phases = _values(quantity)
    if isinstance(quantity, list | dict):
        return phases[number - 1] if number <= len(phases) else None
    return phases[0]


def _converted(value: float | None, convert: Callable[[float], int]) -> int | None:
    return None if value is None else convert(value)
