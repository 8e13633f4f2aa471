"""Readings that somebody tells: a person, or a device that only speaks HTTP."""

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.register.register import Register, RegisterReading, RegisterStep, first_reading
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metering.manual_reading import (
    ReportedReading,
    dated_too_early,
    parse_reading,
    record_reading_event,
    require_sure_clock,
    save_reading,
)
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.protocol.answers import ReadingOutcome, ReadingResult
from meter_bridge.protocol.messages import (
    EventKind,
    Role,
)


async def submit_reading(
    session: Session, readings: MeterReports, actor: Actor, meter: Meter, *, register: str, at: str | None
) -> ReadingResult:
    """Take a reading of a meter the way that every reading goes."""
    tx = session.begin(actor)
    require_sure_clock(session)
    told = parse_reading(session, "register", register, at, tx.at)
    before = meter.register
    if before is not None and told.at < before.since:
        raise dated_too_early(meter, before, "reading")
    with session.atomic():
        step = _apply(readings, meter, tx, told)
        outcome = _outcome(before, step)
        if actor.role is Role.DEVICE:
            readings.handle(Report(meter.plan.energy_address), tx.at, clock_sure=True)
        else:
            _record(session, meter, tx, told, outcome)
        tx.save_supply(meter.supply)
        evaluate(session, meter.supply.account, tx)
    answer = ReadingResult(meter_view(meter), outcome, step.delta_wh)
    await session.commit(tx)
    return answer


def _apply(readings: MeterReports, meter: Meter, tx: Transaction, told: ReportedReading) -> RegisterStep:
    """Let a reading move the register, or begin it."""
    modulus = meter.plan.register_modulus_wh
    reading = RegisterReading(
        told.wh,
        told.at,
        told.step_wh,
        modulus_wh=modulus,
        boot_id=meter.boot_id,
        ahead_ms=told.ahead_ms,
    )
    if meter.register is None:
        meter.register = first_reading(reading)
        return RegisterStep(meter.register)
    return readings.apply_reading(meter, tx, meter.register, reading)


def _record(
    session: Session, meter: Meter, tx: Transaction, reading: ReportedReading, outcome: ReadingOutcome
) -> None:
    """Tell who read what by hand, and keep it."""
    data = {
        "register_wh": reading.wh,
        "at": iso(reading.at),
        "by": tx.actor,
        "manual": True,
        "outcome": outcome,
    }
    record_reading_event(session, meter, tx, EventKind.REGISTER_READ, data)
    save_reading(session, meter, tx, reading, EventKind.REGISTER_READ)


def _outcome(before: Register | None, step: RegisterStep) -> ReadingOutcome:
    """Return what became of a reading."""
    if before is None:
        return "first"
    if step.delta_wh:
        return "charged"
    doubted = step.register.doubt is not None and step.register.doubt is not before.doubt
    return "doubted" if doubted else "unchanged"
