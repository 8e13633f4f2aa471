"""What an older bridge stored is read, charged on and proven by this one, on both databases.

``dumps/schema_NNNN.sql`` are dumps of SQLite made by the bridge of that schema, with the engine's harness: a
flat with blocks, bands and tax, eight hours of use, two top-ups, an export, a hold. Each release adds one.
``dumps/supply_documents_515b651.jsonl`` are states of supplies that the engine of that commit stored in its
tests: doubted, replaced, unread registers, returned energy, units bought, demand, open and due quarter hours.
"""

from contextlib import closing
import json
from pathlib import Path
import sqlite3
from typing import cast

import pytest
from sqlalchemy import Boolean, MetaData, Table, insert, text

from meter_bridge.api.routes.websocket import encode as encode_event
from meter_bridge.config.plan import MeterPlan
from meter_bridge.core.tariff.tariff import Timeline
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.engine.state.events import read_events
from meter_bridge.engine.state.model import Account, Meter, Supply
from meter_bridge.engine.state.supply_document import decode_into, encode, stored_energy
from meter_bridge.protocol.messages import SupplyAction
from meter_bridge.protocol.vocabulary import SupplyState
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import SchemaError
from meter_bridge.storage.location import Location
from meter_bridge.storage.migrate import FIRST, HEAD, main, migrate, schema_of
from tests.engine.harness import HOUR, LANDLORD, House, VirtualTime, opened, zar
from tests.storage.template import empty_location

pytestmark = pytest.mark.both_databases

DUMPS = sorted((Path(__file__).parent / "dumps").glob("schema_*.sql"))
DOCUMENTS = (Path(__file__).parent / "dumps" / "supply_documents_515b651.jsonl").read_bytes().splitlines()
UNDONE = {"0015": "ALTER TABLE alert RENAME COLUMN facts TO message"}
"""What each revision changed, undone; the newest comes first."""
BALANCE = 113_350_500
"""What the older bridge told last."""
STOPPED_AT = 1_793_556_079_000


def restore(dump: Path, folder: Path) -> Location:
    """Put a dump into a folder's file, or its rows into a server's database of the same older schema."""
    location = empty_location(folder)
    file = location if isinstance(location, Path) else folder / "older.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    if not isinstance(location, Path):
        main(location)
        _downgrade(location, dump.stem.removeprefix("schema_"))
        _fill(file, location)
    return location


def _downgrade(location: Location, schema: str) -> None:
    """Bring the empty database of a server back to an older schema."""
    with open_writer(location).begin() as connection:
        for newer, statement in UNDONE.items():
            if newer > schema:
                connection.execute(text(statement))
        connection.execute(text("UPDATE alembic_version SET version_num = :schema"), {"schema": schema})


def _fill(file: Path, location: Location) -> None:
    """Copy the rows of a file into a database with the same tables."""
    metadata = MetaData()
    with closing(sqlite3.connect(file)) as source, open_writer(location).begin() as target:
        metadata.reflect(target)
        source.row_factory = sqlite3.Row
        for table in metadata.sorted_tables:
            rows = [_typed(table, row) for row in source.execute(f"SELECT * FROM {table.name}")]
            if rows and table.name != "alembic_version":
                target.execute(insert(table), rows)


def _typed(table: Table, row: sqlite3.Row) -> dict[str, object]:
    """Return a row as the other database has it: SQLite has no booleans."""
    return {
        column.name: bool(row[column.name])
        if isinstance(column.type, Boolean) and row[column.name] is not None
        else row[column.name]
        for column in table.columns
    }


def later() -> VirtualTime:
    """Return clocks of some hours after the older bridge stopped."""
    return VirtualTime(wall=STOPPED_AT + 2 * HOUR, synchronised=True)


async def test_there_is_a_dump_of_the_first_schema() -> None:
    assert DUMPS[0].stem == f"schema_{FIRST}"


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
def test_the_books_are_right_after_the_upgrade(dump: Path, tmp_path: Path) -> None:
    location = restore(dump, tmp_path)
    assert schema_of(location) == dump.stem.removeprefix("schema_")
    migrate(location)
    assert schema_of(location) == HEAD
    assert verify(location) == []


@pytest.mark.invariant(5)
@pytest.mark.invariant(8)
@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
async def test_this_bridge_goes_on_where_the_older_one_stopped(dump: Path, tmp_path: Path) -> None:
    migrate(restore(dump, tmp_path))
    async with opened(tmp_path, later()) as flat:
        assert flat.account.balance == BALANCE
        assert flat.state() is SupplyState.DISCONNECTED
        await booked_before_is_known(flat)
        await flat.supply(SupplyAction.AUTO)
        await flat.top_up("10.00", key="new")
        before = flat.meter.energy_wh
        assert before == 3_600
        await flat.read(14_000, power_w=400)
        await flat.read(14_000, power_w=0, after=60_000)
        assert flat.meter.energy_wh == before + 400
        assert flat.available < BALANCE + zar("10.00")
        assert flat.problems() == []


@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
async def test_an_alert_and_its_events_keep_the_text_that_the_older_bridge_stored(
    dump: Path, tmp_path: Path
) -> None:
    migrate(restore(dump, tmp_path))
    async with opened(tmp_path, later()) as flat:
        told = "Flat 1: supply is cut, the credit is used up"
        stored = await flat.app.alerts.views(LANDLORD, only_open=False, limit=10)
        assert told in [alert.message for alert in stored if alert.closed_at is not None]
        events = [encode_event(event) for event in read_events(flat.engine.session.reader, 0, 6)]
        assert sum(f'"message":"{told}"'.encode() in event for event in events) == 2


def _with_newer_fields(document: bytes) -> bytes:
    """Return a document with the fields at the end of a register, and of a doubt, that came after it."""
    fields = json.loads(document)
    for register in (meter[1] for meter in fields[3] if meter[1] is not None):
        register += [None, False]  # ended, believed
        if register[5] is not None:
            register[5]["held"] = False
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_stored_supply_is_read_and_stored_as_it_was(document: bytes) -> None:
    supply = Supply("supply", cast("Account", None), "electricity", "tariff", cast("Timeline", None))
    meters = [str(row[0]) for row in json.loads(document)[3]]
    supply.meters = [Meter(each, cast("MeterPlan", None), supply) for each in meters]
    decode_into(supply, document)
    assert encode(supply) == _with_newer_fields(document)
    assert [meter_id for meter_id, _, _ in stored_energy(document)] == meters


@pytest.mark.sqlite("of a file; a server has the same check")
def test_a_database_of_an_unreleased_schema_is_refused_with_a_remedy(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0013'")
    with pytest.raises(SchemaError, match="schema 0013 of an early development version") as refused:
        migrate(database)
    assert "515b651" in refused.value.remedy
    assert schema_of(database) == "0013"


@pytest.mark.sqlite("of files; what a server has was compared once, and the books are checked there")
def test_a_new_database_has_the_schema_of_an_upgraded_one(database: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    path = restore(DUMPS[0], older)
    assert isinstance(path, Path)
    migrate(path)
    assert described(path) == described(database)


def described(path: Path) -> dict[str, object]:
    """Return the names of a file's tables, indexes and triggers, and the columns and keys of its tables."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
        details = {
            name: [
                sorted(tuple(map(str, row[1:])) for row in connection.execute(f"PRAGMA {of}({name})"))
                for of in ("table_info", "foreign_key_list", "index_list")
            ]
            for kind, name in made
            if kind == "table"
        }
    keys = {
        name: [columns, sorted(row[1:] for row in foreign), sorted(row[0] for row in indexes)]
        for name, (columns, foreign, indexes) in details.items()
    }
    return {"made": sorted(made), "tables": keys}


async def booked_before_is_known(flat: House) -> None:
    """Repeat a top-up that the older bridge acknowledged: it counts once (invariant 4)."""
    before = flat.account.balance
    result = await flat.top_up("25.00", key="naïve €")
    assert result.top_up.amount == zar("25.00")
    assert flat.account.balance == before
