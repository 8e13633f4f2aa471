"""The bridge itself as people see it: who it is, whether it is well, and its clock."""

from meter_bridge import VERSION
from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metrics import render
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.session import Health
from meter_bridge.protocol.messages import MIN_SCHEMA_VERSION, SCHEMA_VERSION, EventKind, ServerInfo
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import alert_text


class BridgeStatus:
    """Describes an engine, and confirms its clock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session = engine.session

    def info(self) -> ServerInfo:
        """Return who this bridge is."""
        installation = self._session.installation
        return ServerInfo(
            schema_version=SCHEMA_VERSION,
            min_schema_version=MIN_SCHEMA_VERSION,
            version=VERSION,
            installation_id=installation.id,
            name=installation.name,
        )

    def health(self) -> Health:
        """Return the health of the bridge."""
        if self._session.storage_error is not None:
            return Health("down", (self._session.storage_error,))
        alerts = self._session.installation.alerts
        reasons = tuple(
            alert_text(key.kind, alert.facts)
            for key, alert in alerts.items()
            # A decision that somebody has to take is no fault of the bridge.
            if key.kind is not AlertKind.PAYMENT_WAITING
        )
        return Health("degraded" if reasons else "ok", reasons)

    def metrics(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return render(self._session)

    async def confirm_clock(self, actor: Actor) -> str:
        """Take the wall clock as right once it is on record who said so; return the instant then in force."""
        session = self._session
        tx = session.begin(actor)
        record_event(
            session.installation,
            tx,
            EventKind.CLOCK_CONFIRMED,
            data={"wall": iso(session.clock.wall()), "by": actor.name},
        )
        tx.after_commit(self._engine.confirm_clock)
        await session.commit(tx)
        return iso(session.clock.now())
