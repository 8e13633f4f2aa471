"""A running bridge: its parts put together, with devices or, for a single command, without."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field, replace
import gc
import hashlib
import logging
from pathlib import Path
import secrets
from typing import Final

from sqlalchemy import Engine as SqlEngine, select

from meter_bridge import VERSION
from meter_bridge.config.settings import Settings
from meter_bridge.core.supply.alerts import AlertFacts
from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.devices.base.driver import Item, ReportSink
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.session import MakeClient, gmqtt_client
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.export.exporter import Exporter
from meter_bridge.engine.export.retention import EventRetention, Retention
from meter_bridge.engine.forecasting.forecaster import STEP_S as FORECAST_S, Forecaster
from meter_bridge.engine.gateway import Gateway
from meter_bridge.engine.jobs import Intervals, Job, Scheduler
from meter_bridge.engine.maintenance.audit import CHECK_S as AUDIT_S, Auditor
from meter_bridge.engine.maintenance.backup_record import CHECK_S as BACKUP_CHECK_S, BackupWatch
from meter_bridge.engine.metering.readings import ReportHandler
from meter_bridge.engine.state.clock import Clocks, wall_ms
from meter_bridge.engine.state.model import CutOffSlot, Meter
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition
from meter_bridge.runtime.application import Application, build_application
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import Ownership, errors_named, open_reader, reading
from meter_bridge.storage.errors import LockedError
from meter_bridge.storage.location import Location, location_of, shown
from meter_bridge.storage.migrate import HEAD, migrate
from meter_bridge.storage.owning import owned
from meter_bridge.storage.private_folder import make_private
from meter_bridge.storage.segment_archive import EXPORT_NAME
from meter_bridge.storage.shards import WHOLE, Shard, count_of
from meter_bridge.storage.writer import InlineWriter, Store, ThreadWriter, execute

RETENTION_INTERVAL_S: Final = 600.0
PURGE_INTERVAL_S: Final = 3_600.0
PAYMENTS_INTERVAL_S: Final = 5.0
NOTICES_INTERVAL_S: Final = 1.0
SHOWN_TOPICS: Final = 10
"""Of those that the broker refuses, in an alert."""
_LOGGER: Final = logging.getLogger(__name__)


_HASH_COST: Final = 2**14
"""Of scrypt: some 50 ms and 16 MB, once at the start."""
_ID_BYTES: Final = 16
_MOST_PROBLEMS: Final = 5
"""Of the settings that an alert names; the log and 'meter-bridge check' name all."""


class DeviceTransport:
    """The way to the devices once there is a gateway; without one, relays wait for a running bridge."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None

    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        """Hand over a relay command."""
        return self.gateway is not None and self.gateway.switch(meter, position)

    def query(self, meter: Meter) -> bool:
        """Ask for a fresh reading."""
        return self.gateway is not None and self.gateway.query(meter)

    def cut_off(
        self, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        """Ask for, write or withdraw a local cut-off."""
        gateway = self.gateway
        return gateway is not None and gateway.cut_off(place, step, relay_address, limit_wh)


def prepare(data: Path, now: int | None = None, ownership: Ownership | None = None) -> Location:
    """Create or upgrade the data folder's database, and return its location; raises ``StorageError``."""
    make_private(data)
    ownership = ownership or Ownership(location_of(data))
    database = ownership.location
    migrate(database, keep_copy=True)
    with errors_named(database), ownership.writer().begin() as connection:
        if connection.execute(select(tables.installation.c.id)).first() is None:
            work, now = Changeset(), wall_ms() if now is None else now
            row = {
                "id": secrets.token_hex(16),
                "name": "Prepaid electricity",
                "created_at": now,
                "last_instant": now,
            }
            work.add(ops.UPSERT_INSTALLATION, row)
            execute(connection, [work])
    return database


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[Application]:
    """Offer the bridge in this process, without devices, under the exclusive lock of the installation."""
    async with owned(settings.data, settings.location) as ownership:
        database = await asyncio.to_thread(prepare, settings.data, None, ownership)
        store = InlineWriter(ownership.writer())
        with reading(database) as reader:
            try:
                with errors_named(database):
                    _check_shards(reader, 1)
                    engine = Engine(reader, store, DeviceTransport(), Clocks())
                    app = build_application(engine, settings.data)
                await engine.run_due_accounts()
                yield app
                await engine.run_due_accounts()
                engine.session.flush(everything=True)
                await engine.session.drain()
            finally:
                store.close()


def _check_shards(reader: SqlEngine, expected: int) -> None:
    """Refuse to serve sites that are divided otherwise: each shard's numbers are its own bridge's."""
    with reader.connect() as connection:
        count = count_of(connection)
    if count != expected:
        msg = f"the sites are divided among {count} shards; start a bridge and repeat the command"
        raise LockedError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a running bridge takes from the machine and the network; a simulation passes its own."""

    clocks: Clocks = field(default_factory=Clocks)
    make_store: Callable[[SqlEngine, asyncio.AbstractEventLoop], Store] = ThreadWriter
    make_client: MakeClient = gmqtt_client
    make_exporter: Callable[[Location, Path], Exporter | None] = Exporter
    audits: bool = True
    """Whether the ledger is audited each night."""
    more_jobs: Callable[[Application], Sequence[Job]] = lambda _app: ()
    """What is run periodically besides the jobs of every bridge."""
    pace: Intervals = field(default_factory=Intervals)


@dataclass(slots=True)
class RunningBridge:
    """A running bridge."""

    engine: Engine
    app: Application
    gateway: Gateway
    daemon: Scheduler


@asynccontextmanager
async def running(
    settings: Settings,
    broker: MqttSettings | None,
    outside: Environment | None = None,
    ownership: Ownership | None = None,
    shard: Shard = WHOLE,
    problems: Sequence[str] = (),
) -> AsyncIterator[RunningBridge]:
    """Run the engine of a shard with its devices; the API is served by whoever enters this.

    ``problems`` are mistakes in the settings that turn off a part of the bridge; its alert names them.
    """
    outside = outside or Environment()
    ownership = ownership or Ownership(settings.location)
    database = prepare(settings.data, None, ownership)
    _LOGGER.info("Version %s, schema %s, database %s", VERSION, HEAD, shown(database))
    store = outside.make_store(ownership.writer(), asyncio.get_running_loop())
    transport = DeviceTransport()
    reader = open_reader(database, kept=True)
    with (
        ExitStack() as on_failure,
        ownership.suspend_watchdog(),
        _collection_paused(),
        errors_named(database),
    ):
        on_failure.callback(store.close)
        on_failure.callback(reader.dispose)
        _check_shards(reader, shard.count)
        engine = Engine(reader, store, transport, outside.clocks, shard)
        app = build_application(engine, settings.data)
        on_failure.pop_all()
    engine.session.suspend_watchdog = ownership.suspend_watchdog
    engine.session.clock.shared_clock_ahead_ms = ownership.server_clock_ahead_ms

    def broker_changed(_connected: bool) -> None:  # noqa: FBT001 - as the connection calls it
        if gateway.connection is not None:
            _broker_changed(engine, gateway.connection)

    gateway = Gateway(
        _as_owner(broker, database, engine),
        _log_errors(engine.intake),
        broker_changed,
        shard=shard,
        make_client=outside.make_client,
    )
    transport.gateway = gateway
    engine.on_assigned = lambda: gateway.set_meters(engine.session.installation)
    exporter = outside.make_exporter(database, settings.data / EXPORT_NAME)
    jobs = [
        ("payments", PAYMENTS_INTERVAL_S, app.payments.tick),
        ("forecast", FORECAST_S, Forecaster(engine.session).tick),
        ("notices", NOTICES_INTERVAL_S, app.notices.tick),
        ("backup", BACKUP_CHECK_S, BackupWatch(settings.data).tick),
        *outside.more_jobs(app),
    ]
    if outside.audits:
        jobs.append(("audit", AUDIT_S, Auditor(engine.session, settings.data, database).tick))
    if settings.keep_readings_days and engine.session.archive is not None:
        retention = Retention(engine.session, engine.session.archive, settings.keep_readings_days)
        jobs.append(("retention", RETENTION_INTERVAL_S, retention.tick))
    if settings.keep_events_days:
        jobs.append(
            ("forgetting", PURGE_INTERVAL_S, EventRetention(engine.session, settings.keep_events_days).tick)
        )
    missing = gateway.missing_passwords(engine.session.installation)
    _report_problems(engine, (*problems, *app.problems, *missing))
    daemon = Scheduler(engine, exporter, settings.export_every_s, *jobs, intervals=outside.pace)
    try:
        gateway.start(engine.session.installation)
        daemon.start()
        yield RunningBridge(engine, app, gateway, daemon)
    finally:
        await gateway.stop()
        await app.notices.stop()
        await daemon.stop()
        engine.feed.end()
        reader.dispose()
        store.close()


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Keep the collector from walking what is being loaded again and again: none of it is garbage."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@asynccontextmanager
async def without_garbage_collection(
    parts: AbstractAsyncContextManager[RunningBridge],
) -> AsyncIterator[RunningBridge]:
    """Run what lives as long as the process: the collector never walks what was loaded, not even once.

    So it looks for garbage before, while there is little to walk. What loading leaves is not worth a walk
    over every meter: of 100,000 that takes two seconds.
    """
    async with AsyncExitStack() as stack:
        gc.collect()
        with _collection_paused():
            running_now = await stack.enter_async_context(parts)
            gc.freeze()
        yield running_now


def _as_owner(broker: MqttSettings | None, database: Location, engine: Engine) -> MqttSettings | None:
    """Return the broker with the client id of the shard where bridges may follow each other.

    The broker then ends the connection of a bridge that lost the shard and has not noticed.
    """
    if broker is None or isinstance(database, Path):
        return broker
    return replace(
        broker,
        client_id=client_id_of(engine.session.installation.id, engine.session.shard.n, broker.password),
    )


def client_id_of(installation_id: str, shard: int, password: str | None) -> str:
    """Return the same id in every bridge of an installation, which nobody else can work out.

    Whoever knew it could end the bridge's connection, and the installation's own id is public. So the
    broker's password is in it, behind a slow hash because a broker's log shows client ids.
    """
    salt = installation_id.encode()
    digest = hashlib.scrypt((password or "").encode(), salt=salt, n=_HASH_COST, r=8, p=1, dklen=_ID_BYTES)
    return f"prepaid-meter-{digest.hex()}" + ("" if shard == 0 else f"-{shard}")


def _log_errors(intake: ReportHandler) -> ReportSink:
    """Return a taker of items in which an error of ours never ends the connection that brought them."""

    def take(items: Sequence[Item]) -> None:
        try:
            intake.handle(items)
        except Exception:
            _LOGGER.exception("A message could not be handled; nothing of it was charged")

    return take


def _broker_changed(engine: Engine, connection: MqttConnection) -> None:
    """Tell whether the broker is there and lets everything be heard, and take up what waits for it."""
    set_installation_alert(engine.session, AlertKind.BROKER_LOST, _broker_problem(connection))
    if connection.connected:
        engine.silence.resume()
        engine.cut_offs.resume()
        engine.relays.resume()
    else:
        engine.silence.pause()
        engine.relays.note_deafness()


def _report_problems(engine: Engine, problems: Sequence[str]) -> None:
    """Open the alert of mistakes in the settings, or close it; a new mistake is a new alert."""
    for problem in problems:
        _LOGGER.error("A mistake turns a part of the bridge off: %s", problem)
    shown = [*problems[:_MOST_PROBLEMS], *(["…"] if len(problems) > _MOST_PROBLEMS else [])]
    facts: AlertFacts | None = {"problems": " | ".join(shown)} if problems else None
    known = engine.session.installation.alerts.get(engine.session.bridge_alert_key(AlertKind.SETTINGS_WRONG))
    if known is not None and known.facts != facts:
        set_installation_alert(engine.session, AlertKind.SETTINGS_WRONG, None)
    set_installation_alert(engine.session, AlertKind.SETTINGS_WRONG, facts)


def _broker_problem(connection: MqttConnection) -> AlertFacts | None:
    """Return the facts of what is wrong with the broker, or None where nothing is."""
    if connection.refused:
        topics = ", ".join(sorted(connection.refused)[:SHOWN_TOPICS])
        return {"case": "refused", "topics": topics, "user": connection.user}
    if connection.connected:
        return None
    authority = connection.unusable_authority
    if authority is not None:
        return {"case": "bad_authority" if authority.readable else "no_authority", "file": authority.file}
    if connection.reached or connection.remedy is None:
        return {}
    return {"case": "never_reached", "reason": connection.remedy}


async def until_any(*events: asyncio.Event) -> None:
    """Wait until one of several events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
