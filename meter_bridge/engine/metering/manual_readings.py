"""Readings that somebody tells: a person, or a device that only speaks HTTP."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.energy import EnergyError, parse_register
from meter_bridge.core.register.register import Register, RegisterReading, RegisterStep, first_reading
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import ReadingOutcome, ReadingResult
from meter_bridge.protocol.messages import (
    ErrorCode,
    EventKind,
    Role,
)
from meter_bridge.storage import changeset as ops, tables

MAX_AHEAD_MS: Final = 60_000
"""How far the clock of whoever tells may be ahead of the bridge's."""


@dataclass(frozen=True, slots=True)
class ReportedReading:
    """A register as somebody read it."""

    wh: int
    step_wh: int
    at: int
    ahead_ms: int
    """How far event time was ahead of the wall clock then."""


def parse_reading(session: Session, field: str, register: str, at: str | None, now: int) -> ReportedReading:
    """Return a register as somebody told it, at an instant by a right clock; raises ``RequestRefused``."""
    wh, step_wh = parse_register_text(field, register)
    read_at = parse_instant(at, now)
    when = now if at is None else min(session.clock.to_event_time(read_at), now)
    return ReportedReading(wh, step_wh, when, session.clock.ahead_ms_at(when))


def parse_register_text(field: str, text: str) -> tuple[int, int]:
    """Return a register and its resolution in Wh.

    Raises ``RequestRefused`` naming field, value and remedy.
    """
    try:
        return parse_register(text)
    except EnergyError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field=field,
            value=text[:40],
            remedy="write it as on the meter, in kWh, such as 12345.6",
        ) from error


def parse_instant(text: str | None, now: int) -> int:
    """Return the instant that somebody told, never later than now; raises ``RequestRefused``."""
    if text is None:
        return now
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        told = None
    if told is None or told.tzinfo is None:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{text[:40]!r} is not an instant with its offset",
            field="at",
            value=text[:40],
            remedy="write it like 2026-03-03T10:30:00+02:00 or 2026-03-03T08:30:00Z",
        )
    at = (told - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if not 0 <= at <= now + MAX_AHEAD_MS:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"{text[:40]} is in the future, or before 1970: by the bridge's clock it is {iso(now)}",
            field="at",
            value=text[:40],
            remedy="give the instant at which the register was read, or leave it out for now",
        )
    return min(at, now)


def require_sure_clock(session: Session) -> None:
    """Refuse to date anything by a clock that is not believed."""
    if not session.clock.sure:
        raise RequestRefused(
            ErrorCode.CONFLICT,
            "the bridge does not believe its clock, so that it cannot date a reading",
            remedy="set the clock right, or confirm it with 'meter-bridge clock confirm'; then ask again",
        )


def dated_too_early(meter: Meter, register: Register, what: str) -> RequestRefused:
    """Return the refusal of something dated before the present counter began."""
    return RequestRefused(
        ErrorCode.CONFLICT,
        f"the present counter of {meter.id} began at {iso(register.since)}; a {what} dated before concerns"
        " the one that has ended",
        field="at",
        remedy="give a later instant, or leave it out for now; correct by hand what an ended counter missed",
    )


def save_reading(
    session: Session, meter: Meter, tx: Transaction, reading: ReportedReading, kind: EventKind, **what: object
) -> None:
    """Keep for good what somebody told of a register, and who."""
    row: dict[str, object] = dict.fromkeys(column.name for column in tables.register_record.columns)
    row |= {"id": f"register-{session.installation.sequences.event}", "meter_id": meter.id, "kind": kind}
    row |= {"at": reading.at, "told_at": tx.at, "register_wh": reading.wh, "actor": tx.actor}
    tx.changeset.add(ops.INSERT_REGISTER_RECORD, row | {"confirmed": False} | what)


def record_reading_event(
    session: Session, meter: Meter, tx: Transaction, kind: EventKind, data: dict[str, object]
) -> None:
    """Tell what somebody told of a register."""
    account_id = meter.supply.account.id
    record_event(session.installation, tx, kind, account_id=account_id, meter_id=meter.id, data=data)


async def submit_reading(
    session: Session, readings: MeterReports, actor: Actor, meter: Meter, *, register: str, at: str | None
) -> ReadingResult:
    """Take a reading of a meter the way that every reading goes."""
    tx = session.begin(actor)
    session.check_served(meter.supply.account)
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
    modulus = meter.plan.register_modulus_wh
    reading = RegisterReading(
        told.wh,
        told.at,
        told.step_wh,
        modulus_wh=modulus,
        boot_id=meter.boot_id,
        ahead_ms=told.ahead_ms,
    )
    meter.power_record.invalidate()
    if meter.register is None:
        meter.register = first_reading(reading)
        return RegisterStep(meter.register)
    return readings.apply_reading(meter, tx, meter.register, reading)


def _record(
    session: Session, meter: Meter, tx: Transaction, reading: ReportedReading, outcome: ReadingOutcome
) -> None:
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
    if before is None:
        return "first"
    if step.delta_wh:
        return "charged"
    doubted = step.register.doubt is not None and step.register.doubt is not before.doubt
    return "doubted" if doubted else "unchanged"
