"""What a HomeWizard device tells, as a report.

Source: HomeWizard's API documentation, *Recent measurement* (v1: ``total_power_import_kwh``,
``active_power_w``; v2: ``energy_import_kwh``, ``power_w``); the library brings both to one form.
"""

from collections.abc import Callable, Sequence
from typing import Final

from homewizard_energy.models import Measurement, State

from meter_bridge.devices.base.driver import Item, Phase, Report
from meter_bridge.devices.base.quantities import (
    MinorValues,
    UnreadableError,
    current_ma,
    frequency_mhz,
    power_factor_permille,
    power_mw,
    register_wh,
    voltage_mv,
    worst_phase,
)
from meter_bridge.protocol.vocabulary import RelayPosition

MWH_PER_KWH: Final = 1_000_000
LINES: Final = ("l1", "l2", "l3")


def items_of(address: str, told: Measurement, state: State | None, source: str) -> Sequence[Item]:
    """Return the report of one reading, and what had to be dropped; raise ``UnreadableError``."""
    if told.energy_import_kwh is None:
        raise UnreadableError("no_energy_register", "no imported energy")
    minor = MinorValues()

    def read(name: str, convert: Callable[[float], int]) -> int | None:
        return minor.read(name, getattr(told, name), convert)

    phases = [_phase(line, read) for line in LINES if getattr(told, f"power_{line}_w") is not None]
    several = phases if len(phases) > 1 else []
    voltage = read("voltage_v", voltage_mv)
    if voltage is None:
        voltage = worst_phase(each.voltage_mv for each in phases if each.voltage_mv is not None)
    report = Report(
        address,
        register_wh=register_wh(told.energy_import_kwh, MWH_PER_KWH),
        returned_wh=_returned(told.energy_export_kwh, minor),
        power_mw=read("power_w", power_mw),
        voltage_mv=voltage,
        current_ma=read("current_a", current_ma),
        frequency_mhz=read("frequency_hz", frequency_mhz),
        power_factor_permille=read("power_factor", power_factor_permille),
        phases=tuple(several),
        relay=_position(state),
    )
    return [report, *minor.refused(source)]


def _phase(line: str, read: Callable[[str, Callable[[float], int]], int | None]) -> Phase:
    return Phase(
        power_mw=read(f"power_{line}_w", power_mw),
        voltage_mv=read(f"voltage_{line}_v", voltage_mv),
        current_ma=read(f"current_{line}_a", current_ma),
        power_factor_permille=read(f"power_factor_{line}", power_factor_permille),
    )


def _returned(exported_kwh: float | None, minor: MinorValues) -> int | None:
    return minor.read("energy_export_kwh", exported_kwh, lambda value: register_wh(value, MWH_PER_KWH))


def _position(state: State | None) -> RelayPosition | None:
    if state is None or state.power_on is None:
        return None
    return RelayPosition.CLOSED if state.power_on else RelayPosition.OPEN
