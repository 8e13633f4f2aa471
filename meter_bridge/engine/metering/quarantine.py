"""What a person decides about a register that contradicts itself."""

from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.register.register import Decision, RegisterStep, decide
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, EventKind, MeterView

_UNDECIDED: Final = "'meter-bridge quarantine list' shows the registers that wait for a decision"


async def decide_quarantine(
    session: Session, readings: MeterReports, actor: Actor, meter: Meter, decision: str, reason: str
) -> MeterView:
    """Apply a person's decision on a quarantined register, with who took it and why."""
    tx = session.begin(actor)
    step = _step_of_decision(meter, decision)
    with session.atomic():
        readings.charge_step(meter, tx, step)
        readings.end_quarantine(meter, tx, decision, actor.name, reason)
        record_event(
            session.installation,
            tx,
            EventKind.QUARANTINE_DECIDED,
            account_id=meter.supply.account.id,
            meter_id=meter.id,
            data={
                "decision": decision,
                "by": actor.name,
                "reason": reason,
                "charged_wh": step.delta_wh,
            },
        )
        evaluate(session, meter.supply.account, tx)
    await session.commit(tx)
    return meter_view(meter)


def _step_of_decision(meter: Meter, decision: str) -> RegisterStep:
    """Return what a decision does to a register; raises ``RequestRefused`` where there is none to take."""
    try:
        if meter.register is not None:
            return decide(meter.register, Decision(decision))
        what = f"{meter.id} has not been read yet"
    except ValueError as error:
        what = str(error)
    raise RequestRefused(ErrorCode.CONFLICT, what, field="decision", value=decision, remedy=_UNDECIDED)
