"""The one writer commits groups whole or not at all, and tells each unit's end."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
import sqlite3
import threading
from unittest.mock import patch

import psycopg
import pytest
from sqlalchemy import Engine, event, exc, text

from meter_bridge.storage import changeset as ops
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import StorageError, open_writer, reading
from meter_bridge.storage.errors import OutcomeUnknownError
from meter_bridge.storage.location import Location
from meter_bridge.storage.writer import InlineWriter, ThreadWriter
from tests.storage.template import ON_POSTGRESQL

pytestmark = pytest.mark.both_databases

SOON_S = 60.0


@pytest.fixture
def engine(location: Location) -> Engine:
    """Return the writing engine of a new database."""
    return open_writer(location)


@pytest.fixture
async def writer(engine: Engine) -> AsyncIterator[ThreadWriter]:
    """Return a writer on a thread of its own."""
    opened = ThreadWriter(engine, asyncio.get_running_loop())
    yield opened
    opened.close()


def event_row(seq: int, data: str = "{}") -> Changeset:
    """Return a unit that stores one event."""
    work = Changeset()
    row = {"seq": seq, "at": 0, "kind": "top_up", "account_id": None, "meter_id": None, "data": data}
    work.add(ops.INSERT_EVENT, row)
    return work


def stored(location: Location) -> list[int]:
    """Return the events that another process sees."""
    with reading(location) as reader, reader.connect() as connection:
        return list(connection.execute(text("SELECT seq FROM event ORDER BY seq")).scalars())


@contextmanager
def busy(engine: Engine) -> Iterator[list[int]]:
    """Keep the writer from beginning, and count how often it begins."""
    begun: list[int] = []
    gate = threading.Event()

    def wait(_connection: object) -> None:
        gate.wait(SOON_S)
        begun.append(1)

    event.listen(engine, "begin", wait, insert=True)
    try:
        yield begun
    finally:
        gate.set()


async def test_a_unit_is_on_disk_when_its_future_ends(writer: ThreadWriter, location: Location) -> None:
    await writer.commit(event_row(1))
    assert stored(location) == [1]


async def test_what_waits_together_is_one_transaction(
    engine: Engine, writer: ThreadWriter, location: Location
) -> None:
    with busy(engine) as begun:
        first = writer.commit(event_row(1))
        await asyncio.sleep(0.05)
        rest = [writer.commit(event_row(seq)) for seq in range(2, 50)]
    await asyncio.gather(first, *rest)
    assert len(begun) == 2
    assert stored(location) == list(range(1, 50))


async def test_a_group_with_a_bad_unit_is_refused_whole(
    engine: Engine, writer: ThreadWriter, location: Location
) -> None:
    with busy(engine):
        first = writer.commit(event_row(1))
        await asyncio.sleep(0.05)
        group = [writer.commit(event_row(seq)) for seq in (2, 2, 3)]
    await first
    ended = await asyncio.gather(*group, return_exceptions=True)
    assert all(isinstance(each, StorageError) for each in ended)
    assert stored(location) == [1]


async def test_after_a_failure_everything_is_refused_until_it_recovers(
    writer: ThreadWriter, location: Location
) -> None:
    await writer.commit(event_row(1))
    for _ in range(2):
        with pytest.raises(StorageError):
            await writer.commit(event_row(1))
    with pytest.raises(StorageError):
        await writer.commit(event_row(2))
    writer.recover()
    await writer.commit(event_row(2))
    assert stored(location) == [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("\ud800", id="half a character"),
        pytest.param(
            2**70,
            id="beyond 64 bits",
            marks=pytest.mark.sqlite("PostgreSQL takes it: its text is not bound by type"),
        ),
        pytest.param(object(), id="no value"),
    ],
)
async def test_a_value_that_no_database_takes_is_refused_and_the_thread_lives_on(
    writer: ThreadWriter, location: Location, data: str
) -> None:
    async with asyncio.timeout(SOON_S):
        with pytest.raises(StorageError):
            await writer.commit(event_row(1, data))
        writer.recover()
        await writer.commit(event_row(2))
    assert stored(location) == [2]


async def test_the_reason_names_no_values(writer: ThreadWriter) -> None:
    await writer.commit(event_row(1))
    with pytest.raises(StorageError) as refusal:
        await writer.commit(event_row(1, '{"secret": 1}'))
    sqlite, postgresql = (
        "UNIQUE constraint failed: event.seq",
        "duplicate key value violates unique constraint",
    )
    assert str(refusal.value).startswith(postgresql if ON_POSTGRESQL else sqlite)
    assert "secret" not in str(refusal.value)


async def test_closing_commits_what_waits_and_refuses_what_comes_later(
    engine: Engine, location: Location
) -> None:
    writer = ThreadWriter(engine, asyncio.get_running_loop())
    futures = [writer.commit(event_row(seq)) for seq in range(1, 20)]
    writer.close()
    await asyncio.gather(*futures)
    assert stored(location) == list(range(1, 20))
    async with asyncio.timeout(SOON_S):
        with pytest.raises(StorageError, match="closed"):
            await writer.commit(event_row(20))


async def test_units_are_committed_in_the_order_in_which_they_came(
    writer: ThreadWriter, location: Location
) -> None:
    row = {"id": "one", "name": "?", "created_at": 0, "last_instant": 0}
    ended = []
    for n in range(100):
        work = Changeset()
        work.add(ops.UPSERT_INSTALLATION, row | {"name": str(n)})
        ended.append(writer.commit(work))
    await asyncio.gather(*ended)
    with reading(location) as reader, reader.connect() as connection:
        assert connection.execute(text("SELECT name FROM installation WHERE id = 'one'")).scalar() == "99"


async def test_a_text_with_a_zero_is_kept(writer: ThreadWriter, location: Location) -> None:
    await writer.commit(event_row(1, "a\0b"))
    assert stored(location) == [1]


@pytest.mark.sqlite("pages that SQLite may not have; a server's disk is not the bridge's")
async def test_a_full_disk_is_told_and_gone_when_there_is_room_again(
    engine: Engine, location: Location
) -> None:
    pages = [2**30]
    event.listen(
        engine, "begin", lambda connection: connection.exec_driver_sql(f"PRAGMA max_page_count={pages[0]}")
    )
    writer = ThreadWriter(engine, asyncio.get_running_loop())
    await writer.commit(event_row(1))
    pages[0] = 1
    with pytest.raises(StorageError, match="full"):
        await writer.commit(event_row(2, "x" * 100_000))
    pages[0] = 2**30
    writer.recover()
    await writer.commit(event_row(2, "x" * 100_000))
    writer.close()
    assert stored(location) == [1, 2]


async def test_a_writer_in_place_keeps_the_same_promises(engine: Engine, location: Location) -> None:
    writer = InlineWriter(engine)
    await writer.commit(event_row(1))
    for seq in (1, 2):
        with pytest.raises(StorageError):
            await writer.commit(event_row(seq))
    writer.recover()
    await writer.commit(event_row(2))
    writer.close()
    assert stored(location) == [1, 2]


async def test_empty_work_says_so() -> None:
    work, other = Changeset(), Changeset()
    assert not work
    other.absorb(event_row(1))
    assert other


def test_rows_go_in_the_order_of_what_they_name() -> None:
    late, early = event_row(1), Changeset()
    early.add(ops.UPSERT_SITE, {"id": "house"})
    assert [op.name for op, _ in ops.merged_statements([late, early])] == ["upsert site", "insert event"]


class DriverError(Exception):
    """An error of a driver."""

    def __init__(self, *, sqlstate: str | None = None, sqlite_errorcode: int = 0) -> None:
        super().__init__("refused")
        if sqlstate is not None:
            self.sqlstate = sqlstate
        self.sqlite_errorcode = sqlite_errorcode


@pytest.mark.parametrize(
    "cause, known",
    [
        (DriverError(sqlstate="23505"), True),
        (DriverError(sqlstate="53100"), True),
        (DriverError(sqlstate="57P01"), False),
        (DriverError(sqlstate="08006"), False),
        (DriverError(sqlstate="40003"), False),
        (DriverError(sqlite_errorcode=sqlite3.SQLITE_FULL), True),
        (DriverError(sqlite_errorcode=sqlite3.SQLITE_BUSY_SNAPSHOT), True),
        (DriverError(sqlite_errorcode=sqlite3.SQLITE_IOERR_FSYNC), False),
        (psycopg.OperationalError("server closed the connection unexpectedly"), False),
    ],
)
async def test_a_commit_without_an_answer_may_be_stored_and_what_follows_is_not(
    engine: Engine, writer: ThreadWriter, location: Location, cause: Exception, *, known: bool
) -> None:
    commit = engine.dialect.do_commit

    def lose(connection: object) -> None:
        commit(connection)  # type: ignore[arg-type]
        raise exc.OperationalError("COMMIT", {}, cause)

    with patch.object(engine.dialect, "do_commit", lose):
        first = writer.commit(event_row(1))
        with pytest.raises(StorageError) as refused:
            await first
    assert isinstance(refused.value, OutcomeUnknownError) is not known
    with pytest.raises(StorageError) as after:
        await writer.commit(event_row(2))
    assert not isinstance(after.value, OutcomeUnknownError)
    assert stored(location) == [1]
