"""Meters as an actor may see them, and what people say of their registers."""

from collections.abc import Sequence

from meter_bridge.actor import Actor
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.metering.manual_readings import submit_reading
from meter_bridge.engine.metering.quarantine import decide_quarantine
from meter_bridge.engine.metering.readings import MeterReports
from meter_bridge.engine.metering.view import meter_view
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.answers import ReadingResult
from meter_bridge.protocol.messages import MeterView


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
        meter = self._visibility.meter(actor, meter_id)
        return await decide_quarantine(self._session, self._readings, actor, meter, decision, reason)

    async def submit_reading(
        self, actor: Actor, meter_id: str, *, register: str, at: str | None
    ) -> ReadingResult:
        """Take a register in kWh that a person read, or that the device itself submits."""
        meter = self._visibility.meter(actor, meter_id)
        return await submit_reading(self._session, self._readings, actor, meter, register=register, at=at)
