"""Readings that somebody tells: a person, or a device that only speaks HTTP."""

from dataclasses import dataclass
from typing import Literal

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.register.register import Advance, Register, RegisterReading, first
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.accounts.view import meter_view
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metering.manual_reading import Told, check_clock, keep, read_told, tell, too_early
from meter_bridge.engine.operations.operation import committed
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import (
    EventKind,
    MeterView,
    Role,
)


async def take_reading(
    engine: Engine, actor: Actor, meter: Meter, unit: Transaction, *, register: str, at: str | None
) -> ReadingResult:
    """Take a reading of a meter the way that every reading goes."""
    check_clock(engine)
    told = read_told(engine, "register", register, at, unit.at)
    before = meter.register
    if before is not None and told.at < before.since:
        raise too_early(meter, before, "reading")
    with engine.whole():
        step = _judge(engine, meter, unit, told)
        outcome = _outcome(before, step)
        if actor.role is Role.DEVICE:
            engine.metering.take(Report(meter.plan.energy_address), unit.at, clock_sure=True)
        else:
            _record(engine, meter, unit, told, outcome)
        unit.keep(meter.supply)
        engine.evaluate(meter.supply.account, unit)
    answer = ReadingResult(meter_view(meter), outcome, step.delta_wh)
    await committed(engine, unit)
    return answer


def _judge(engine: Engine, meter: Meter, unit: Transaction, told: Told) -> Advance:
    """Let a reading move the register, or begin it."""
    modulus = meter.plan.register_modulus_wh
    reading = RegisterReading(
        told.wh,
        told.at,
        told.step_wh,
        modulus_wh=modulus,
        boot=meter.boot,
        ahead_ms=told.ahead_ms,
    )
    if meter.register is None:
        meter.register = first(reading)
        return Advance(meter.register)
    return engine.metering.judge(meter, unit, meter.register, reading)


def _record(engine: Engine, meter: Meter, unit: Transaction, told: Told, outcome: ReadingOutcome) -> None:
    """Tell who read what by hand, and keep it."""
    data = {"register_wh": told.wh, "at": iso(told.at), "by": unit.actor, "manual": True, "outcome": outcome}
    tell(engine, meter, unit, EventKind.REGISTER_READ, data)
    keep(engine, meter, unit, told, EventKind.REGISTER_READ)


def _outcome(before: Register | None, step: Advance) -> ReadingOutcome:
    """Return what became of a reading."""
    if before is None:
        return "first"
    if step.delta_wh:
        return "charged"
    doubted = step.state.doubt is not None and step.state.doubt is not before.doubt
    return "doubted" if doubted else "unchanged"


type ReadingOutcome = Literal["first", "charged", "unchanged", "doubted"]
"""What became of a reading: it began the counter, was charged, told nothing new, or contradicts it."""


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """Answer to a reading that somebody told."""

    meter: MeterView
    outcome: ReadingOutcome
    charged_wh: int
