"""A meter's register compared with the power that it reports: what contradicts it is told, or not charged."""

from collections.abc import Sequence
from typing import Final

from meter_bridge.core.register.power_comparison import Comparison, Finding, compare, is_told
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.devices.base.driver import Phase
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.model import Installation, Meter
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.vocabulary import AlertKind

_CASES: Final = {Finding.STANDS_STILL: "still"}


def note_phases(meter: Meter, phases: Sequence[Phase]) -> None:
    """Note that energy flows back on a phase, which hides in the sum what another one uses."""
    if any((phase.power_mw or 0) < 0 for phase in phases):
        meter.power_record.invalidate()


def go_on(before: Installation, after: Installation) -> None:
    """Go on with the comparisons of devices that are still in use after the state was read again."""
    for meter in before.meters.values():
        same = after.meters.get(meter.id)
        if same is not None and same.plan.energy_address == meter.plan.energy_address:
            same.power_record = meter.power_record


def conclude(meter: Meter, at: int, step_wh: int, *, rose: bool) -> Comparison | None:
    """Return what a comparison shows once it is due; None where nothing can be compared."""
    register, record = meter.register, meter.power_record
    if register is None or register.doubt is not None:
        return None
    if register.ahead_ms or _may_flow_back(meter):
        record.invalidate()
        return None
    return compare(record, meter.energy_wh or 0, at, step_wh, rose=rose)


def _may_flow_back(meter: Meter) -> bool:
    reverse = meter.reverse_energy
    return meter.plan.returns_energy or (reverse is not None and reverse.flowed_at is not None)


def update_alert(installation: Installation, meter: Meter, tx: Transaction, found: Comparison) -> None:
    """Open or close the alert of a register that its power contradicts."""
    account = meter.supply.account
    key = AlertKey(AlertKind.REGISTER_DISAGREES, account.id, meter.id)
    if is_told(found.finding, meter.power_record.mismatches):
        set_alert(installation, account, tx, key, _facts(found))
    elif found.finding is Finding.AGREES:
        set_alert(installation, account, tx, key, None)


def _facts(found: Comparison) -> AlertFacts:
    return {
        "case": _CASES.get(found.finding, ""),
        "counted_wh": found.counted_wh,
        "flowed_wh": found.flowed_wh,
        "power_mw": found.power_mw,
    }
