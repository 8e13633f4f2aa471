"""Meters as an actor may see them, and what people say of their registers."""

from collections.abc import Sequence
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.register.register import Decision, RegisterStep, decide
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.manual_readings import record_reading_event, submit_reading
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.model import Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.supply.evaluation import evaluate
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import ReadingResult
from meter_bridge.protocol.messages import ErrorCode, EventKind, MeterView

_UNDECIDED: Final = "'meter-bridge quarantine list' shows the registers that wait for a decision"


class MeterService:
    """Lists a session's meters, and takes manual readings and decisions on quarantined registers."""

    def __init__(
        self, session: Session, readings: MeterReports, visibility: Visibility, discovery: Discovery
    ) -> None:
        self._discovery = discovery
        self._session = session
        self._readings = readings
        self._visibility = visibility

    def views(self, actor: Actor) -> Sequence[MeterView]:
        """Return the meters of the actor's accounts and, for staff, unassigned ones."""
        accounts = self._visibility.visible(actor)
        assigned = [meter_view(meter) for account in accounts for meter in account.meters]
        return [*assigned, *self._discovery.unassigned(actor, self._session.installation)]

    async def decide_quarantine(
        self, actor: Actor, meter_id: str, decision: str, *, reason: str
    ) -> MeterView:
        """Apply a person's decision on a quarantined register."""
        session, meter = self._session, self._visibility.meter(actor, meter_id)
        tx = session.begin(actor)
        session.check_served(meter.supply.account)
        step = _step_of_decision(meter, decision)
        with session.atomic():
            self._readings.charge_step(meter, tx, step)
            self._readings.end_quarantine(meter, tx, decision, actor.name, reason)
            data = {"decision": decision, "by": actor.name, "reason": reason, "charged_wh": step.delta_wh}
            record_reading_event(session, meter, tx, EventKind.QUARANTINE_DECIDED, data)
            evaluate(session, meter.supply.account, tx)
        await session.commit(tx)
        return meter_view(meter)

    async def submit_reading(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        """Take a register in kWh that a person read, or that the device itself submits."""
        meter = self._visibility.meter(actor, meter_id)
        return await submit_reading(self._session, self._readings, actor, meter, register=register, at=at)


def _step_of_decision(meter: Meter, decision: str) -> RegisterStep:
    """Return what a decision does to a register; raises ``RequestRefused`` where there is none to take."""
    try:
        if meter.register is not None:
            return decide(meter.register, Decision(decision))
        what = f"{meter.id} has not been read yet"
    except ValueError as error:
        what = str(error)
    raise RequestRefused(ErrorCode.CONFLICT, what, field="decision", value=decision, remedy=_UNDECIDED)
