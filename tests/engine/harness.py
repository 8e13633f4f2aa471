"""An engine over a real database under a virtual clock, with a recording transport in place of devices.

The transport stands in for the way to the devices; tests/devices and tests/e2e use real ones.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
import json
from pathlib import Path
import sqlite3
from typing import Protocol
from unittest.mock import patch

import psycopg
from sqlalchemy import event

from meter_bridge.actor import Actor
from meter_bridge.config.site_file import load
from meter_bridge.core.money import parse_amount
from meter_bridge.core.supply.local_cutoff import CutOffRequest
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.engine.metering.readings import ReportHandler
from meter_bridge.engine.state.clock import Clocks
from meter_bridge.engine.state.model import Account, CutOffSlot, Meter
from meter_bridge.protocol.messages import OperationResult, Role, SupplyAction, TopUpResult
from meter_bridge.protocol.requests import OperationRequest
from meter_bridge.protocol.vocabulary import AlertKind, RelayPosition, RelayProof, SupplyState
from meter_bridge.runtime.application import Application, build_application
from meter_bridge.storage.database import open_reader, open_writer
from meter_bridge.storage.location import Location
from meter_bridge.storage.writer import InlineWriter
from meter_bridge.text.alerts import alert_text
from tests.storage.template import CREATED_AT, ON_POSTGRESQL, existing_or_new

LANDLORD = Actor("landlord", Role.LANDLORD, frozenset({"*"}))
NOON = CREATED_AT
"""2026-11-01 12:00 in Johannesburg, a Sunday."""
HOUR = 3_600_000

SITE = """
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      flat:
        name: One price
        versions:
          - from: 2026-01-01
            prices: [2.00]
    units:
      flat-1:
        name: Flat 1
        tariff: flat
        meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]
        low credit: [5.00]
"""

BLOCKS = """
name: Test house
sites:
  house:
    name: Test house
    time zone: Africa/Johannesburg
    currency: ZAR
    tariffs:
      blocks:
        name: Blocks and bands
        versions:
          - from: 2026-01-01
            blocks: [1 kWh, 3 kWh]
            bands:
              peak: [{days: mon-sun, from: "17:00", to: "19:00"}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60, 4.05]
              off-peak: [2.20, 2.60, 3.05]
            standing charge: 1.00 per day
            taxes: [{name: VAT, percent: 15}]
    units:
      flat-1:
        name: Flat 1
        tariff: blocks
        meters: [{address: "tasmota:flat-1/1", rating: 10 kW}]
"""


@dataclass
class VirtualTime:
    """Wall and monotonic clocks that a test moves."""

    wall: int = NOON
    monotonic: int = 1_000
    synchronised: bool = False

    def clocks(self) -> Clocks:
        """Return the clocks for an engine."""
        return Clocks(lambda: self.wall, lambda: self.monotonic, lambda: self.synchronised)

    def forward(self, milliseconds: int) -> None:
        """Let time pass."""
        self.wall += milliseconds
        self.monotonic += milliseconds


@dataclass
class Recorder:
    """A transport that notes what would be sent."""

    connected: bool = True
    switched: list[tuple[str, RelayPosition]] = field(default_factory=list)
    queried: list[str] = field(default_factory=list)
    cut_offs: list[tuple[CutOffRequest, int | None]] = field(default_factory=list)

    def switch(self, meter: Meter, position: RelayPosition) -> bool:
        """Note a command."""
        if self.connected:
            self.switched.append((meter.id, position))
        return self.connected

    def query(self, meter: Meter) -> bool:
        """Note a question."""
        if self.connected:
            self.queried.append(meter.id)
        return self.connected

    def cut_off(
        self, place: CutOffSlot, step: CutOffRequest, relay_address: str, limit_wh: int | None
    ) -> bool:
        """Note what is asked of a device's slot, or to be in it."""
        del place, relay_address
        if self.connected:
            self.cut_offs.append((step, limit_wh))
        return self.connected


class DriverConnection(Protocol):
    """What the connections of both drivers can."""

    def execute(self, statement: str, /) -> object: ...
    def commit(self) -> None: ...


@dataclass
class House:
    """A running engine with what a test needs to drive it."""

    data: Path
    time: VirtualTime
    transport: Recorder
    engine: Engine
    app: Application
    intake: ReportHandler
    store: InlineWriter
    pragmas: dict[str, int]
    location: Location
    keys: int = 0
    at_once: bool = True
    """Whether what closes is posted before the next report; else in its turn, when the bridge ticks."""

    @property
    def account(self) -> Account:
        """Return the first account."""
        return next(iter(self.engine.session.installation.accounts.values()))

    @property
    def meter(self) -> Meter:
        """Return the first meter."""
        return self.account.meters[0]

    @property
    def available(self) -> int:
        """Return the first account's available credit."""
        return self.app.accounts.view(LANDLORD, self.account.id).available

    def state(self) -> SupplyState:
        """Return the first account's supply state now."""
        return self.account.state

    def proof(self) -> RelayProof:
        """Return how far the first meter's relay is proven now."""
        return self.meter.relay.proof

    async def apply_begun(self) -> None:
        """Wait until a site file is being applied."""
        while self.engine.session.accepting.is_set():  # noqa: ASYNC110 - an event tells its setting, not its clearing
            await asyncio.sleep(0)

    def alert_kinds(self) -> set[AlertKind]:
        """Return the kinds of the first account's open alerts."""
        return {key.kind for key in self.account.alerts}

    def alert_texts(self, kind: AlertKind) -> list[str]:
        """Return the texts of the first account's open alerts of a kind."""
        return [
            alert_text(kind, alert.facts) for key, alert in self.account.alerts.items() if key.kind is kind
        ]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query, as another process sees them."""
        with self.engine.session.reader.connect().execution_options(no_parameters=True) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def change(self, *statements: str) -> None:
        """Change the database behind the bridge's back, in one transaction."""
        with open_writer(self.location).begin() as connection:
            for statement in statements:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)

    def damage(self, *statements: str) -> None:
        """Change the database as somebody who means harm: past its guards and references."""
        if ON_POSTGRESQL:
            self.change("SET LOCAL session_replication_role = replica", *statements)
            return
        assert isinstance(self.location, Path)
        with closing(sqlite3.connect(self.location)) as connection:
            guards = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            drops = [f"DROP TRIGGER {name}" for name, _ in guards]
            again = [statement for _, statement in guards]
            connection.executescript(";".join(("PRAGMA foreign_keys=OFF", *drops, *statements, *again)))

    def events(self, kind: str) -> list[dict[str, object]]:
        """Return what the stored events of a kind tell, oldest first."""
        rows = self.rows(f"SELECT data FROM event WHERE kind = '{kind}' ORDER BY seq")
        return [json.loads(str(data)) for (data,) in rows]

    def pragma(self, name: str, value: int) -> None:
        """Set a pragma, or PostgreSQL's setting, on the writer's connection, and on those it opens later."""
        self.pragmas[name] = value
        connection = self.store._connection
        if connection is not None:
            driver = connection.connection.driver_connection
            assert driver is not None
            _set_pragmas(driver, self.pragmas)

    async def supply(self, action: SupplyAction, reason: str | None = None) -> None:
        """Switch, release or confirm the first account's supply."""
        await self.app.supply.switch(LANDLORD, self.account.id, action, reason=reason)
        await self.settle()

    async def hold_off(self, reason: str | None = None) -> None:
        """Let the landlord hold the first account's supply off."""
        await self.supply(SupplyAction.OFF, reason)

    async def settle(self) -> None:
        """Let effects of commits happen."""
        await self.engine.session.drain()

    async def report(self, *reports: Report, after: int = 0) -> None:
        """Let time pass, then hear reports in one message."""
        self.time.forward(after)
        self.intake.handle(reports)
        if self.at_once:
            await self.post_all()
        await self.settle()

    async def post_all(self) -> None:
        """Post everything that closed, also what its turn has not come for."""
        await self.engine.run_deferred_postings(everything=True)

    async def read(
        self, wh: int, *, after: int = 10_000, power_w: int | None = None, witness: str | None = None
    ) -> None:
        """Hear a reading of the first meter."""
        power = None if power_w is None else power_w * 1000
        address = self.meter.plan.energy_address
        await self.report(Report(address, register_wh=wh, power_mw=power, reset_marker=witness), after=after)

    async def relay(self, position: RelayPosition, *, power_w: int | None = None, after: int = 300) -> None:
        """Hear the first meter's relay."""
        power = None if power_w is None else power_w * 1000
        address = self.meter.plan.relay_address or ""
        await self.report(Report(address, relay=position, power_mw=power), after=after)

    async def prove_closed(self) -> None:
        """Hear that every relay is closed and nothing is used, as after the first top-up."""
        for meter in self.account.meters:
            if meter.plan.relay_address is not None:
                await self.report(Report(meter.plan.relay_address, relay=RelayPosition.CLOSED))
                await self.report(Report(meter.plan.energy_address, power_mw=0))

    async def top_up(self, amount: str, key: str | None = None) -> TopUpResult:
        """Book a top-up for the first account."""
        self.keys += 1
        result, _ = await self.app.accounts.top_up(
            LANDLORD,
            self.account.id,
            amount=amount,
            method="cash",
            reference=None,
            key=key or f"key-{self.keys}",
        )
        await self.settle()
        return result

    async def tick(self, milliseconds: int = 1_000) -> None:
        """Let time pass and do the bridge's own work."""
        self.time.forward(milliseconds)
        self.engine.check_clock()
        self.engine.advance_protections()
        await self.engine.run_due_accounts()
        await self.engine.run_deferred_postings()
        if self.engine.session.storage_error is None:
            self.engine.cut_offs.tick()
            self.engine.relays.tick()
            self.engine.check_offline_meters()
            self.engine.session.flush(everything=True)
        await self.settle()

    async def set_clock_back(self, hours: int) -> None:
        """Let the wall clock be set back and confirmed: event time is ahead and passes slowly from here."""
        self.time.wall -= hours * HOUR
        await self.tick()
        await self.app.status.confirm_clock(LANDLORD)
        await self.tick()

    def problems(self) -> Sequence[str]:
        """Return what verification finds wrong."""
        self.engine.session.flush(everything=True)
        return verify(self.location)


def zar(text: str) -> int:
    """Return an amount of rand."""
    return parse_amount(text, "ZAR")


@contextmanager
def refusing(house: House, action: str, table: str, *, when: str = "") -> Iterator[None]:
    """Let the real database refuse an action on a table, as a fault of its own would."""
    only = f" WHEN ({when})" if when else ""
    trigger = f"CREATE TRIGGER refusal BEFORE {action} ON {table}"
    make = [f"{trigger}{only} BEGIN SELECT RAISE(ABORT, 'refused'); END"]
    end = ["DROP TRIGGER refusal"]
    if ON_POSTGRESQL:
        body = "BEGIN RAISE EXCEPTION 'refused'; END"
        make = [
            f"CREATE FUNCTION refusal() RETURNS trigger LANGUAGE plpgsql AS '{body.replace("'", "''")}'",
            f"{trigger} FOR EACH ROW{only} EXECUTE FUNCTION refusal()",
        ]
        end = ["DROP FUNCTION refusal() CASCADE"]
    house.change(*make)
    try:
        yield
    finally:
        house.change(*end)


@contextmanager
def disk_full(house: House) -> Iterator[None]:
    """Let the database have no page more than it has (SQLITE_FULL), as on a full disk."""
    ((pages,),) = house.rows("PRAGMA page_count")
    assert isinstance(pages, int)
    house.pragma("max_page_count", pages)
    try:
        yield
    finally:
        house.pragma("max_page_count", 2**30)


@contextmanager
def losing_answers(house: House) -> Iterator[None]:
    """Let the database store what is committed, and lose the connection before it says so."""

    def lose(connection: DriverConnection) -> None:
        connection.commit()
        error = psycopg.OperationalError if ON_POSTGRESQL else sqlite3.OperationalError
        raise error("the connection was lost")

    with patch.object(house.store._engine.dialect, "do_commit", lose):
        yield


@contextmanager
def read_only(house: House) -> Iterator[None]:
    """Let the real writer find its database read-only."""
    setting = "default_transaction_read_only" if ON_POSTGRESQL else "query_only"
    house.pragma(setting, 1)
    try:
        yield
    finally:
        house.pragma(setting, 0)


async def operate(house: House, asked: OperationRequest, key: str | None = None) -> OperationResult:
    """Carry out an operation on the first account's books, as the landlord."""
    house.keys += 1
    result, _ = await house.app.accounts.operate(
        LANDLORD, house.account.id, asked, key=key or f"operation-{house.keys}"
    )
    await house.settle()
    return result


async def apply(house: House, site: str) -> None:
    """Apply a site file."""
    await house.app.sites.apply(LANDLORD, load(site), document=site, dry_run=False)
    await house.tick(0)


def _set_pragmas(connection: DriverConnection, pragmas: dict[str, int]) -> None:
    """Give a new connection of either driver the faults that are switched on."""
    for name, value in pragmas.items():
        connection.execute(f"SET {name} = {value}" if ON_POSTGRESQL else f"PRAGMA {name}={value}")
    connection.commit()


@asynccontextmanager
async def opened(data: Path, time: VirtualTime, transport: Recorder | None = None) -> AsyncIterator[House]:
    """Open the bridge on a data directory, as after a start; without a transport one that records."""
    location = existing_or_new(data)
    pragmas: dict[str, int] = {}
    writer, reader = open_writer(location), open_reader(location, kept=True)
    event.listen(writer, "connect", lambda connection, _: _set_pragmas(connection, pragmas))
    store = InlineWriter(writer)
    transport = transport or Recorder()
    engine = Engine(reader, store, transport, time.clocks())
    app, intake = (
        build_application(engine, data),
        engine.intake,
    )
    house = House(data, time, transport, engine, app, intake, store, pragmas, location)
    try:
        await house.tick(0)
        yield house
    finally:
        if engine.session.storage_error is not None:
            await house.settle()  # the lost state is read again, which needs the reader
        reader.dispose()
        store.close()


@asynccontextmanager
async def house(
    data: Path,
    site: str = SITE,
    credit: str | None = "100.00",
    transport: Recorder | None = None,
    *,
    fast_path: bool = True,
) -> AsyncIterator[House]:
    """Open a house with a site file applied and, unless None, credit on the first account.

    Without ``fast_path`` every reading takes the full path.
    """
    way = nullcontext() if fast_path else patch("meter_bridge.engine.metering.fast_path.activate")
    async with opened(data, VirtualTime(), transport) as opened_house:
        await apply(opened_house, site)
        if credit is not None:
            await opened_house.top_up(credit, key="first")
            await opened_house.prove_closed()
        opened_house.transport.switched.clear()
        with way:
            yield opened_house
