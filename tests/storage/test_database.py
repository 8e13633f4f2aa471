"""The database is written by one process, durably, and read by others beside it."""

from contextlib import ExitStack, closing
import os
from pathlib import Path
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from meter_bridge.runtime.bridge import prepare
from meter_bridge.storage.database import (
    DATABASE_NAME,
    InstallationLock,
    LockedError,
    open_reader,
    open_writer,
    snapshot,
)
from meter_bridge.storage.migrate import HEAD, schema_of
from meter_bridge.storage.sqlite import READERS
from tests.storage.template import new_database

pytestmark = pytest.mark.sqlite("pragmas, locks and rights of the file")


def test_the_writer_is_durable(database: Path) -> None:
    with open_writer(database).connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_the_writer_takes_the_write_lock_when_it_begins(database: Path) -> None:
    with open_writer(database).begin():
        other = sqlite3.connect(database, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_a_reader_cannot_write(database: Path) -> None:
    with open_reader(database).connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("UPDATE installation SET name = 'x'"))


def test_a_reader_reads_while_the_writer_writes(database: Path) -> None:
    with open_writer(database).begin() as writing:
        writing.execute(text("UPDATE installation SET name = 'new'"))
        with open_reader(database).connect() as reading:
            assert reading.execute(text("SELECT name FROM installation")).scalar() == "Prepaid electricity"


@pytest.mark.parametrize("name", ["with space", "per%20cent", "hash#mark", "what?now", "naïve"])
def test_any_folder_may_hold_an_installation(tmp_path: Path, name: str) -> None:
    path = new_database(tmp_path / name)
    assert schema_of(path) == HEAD
    with open_writer(path).begin() as connection:
        connection.execute(text("UPDATE installation SET name = 'written'"))
    with open_reader(path).connect() as connection:
        assert connection.execute(text("SELECT name FROM installation")).scalar() == "written"
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_second_bridge_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    first, second = InstallationLock(tmp_path), InstallationLock(tmp_path)
    first.acquire()
    with pytest.raises(LockedError, match=f"in use by process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
    second.release()


def test_the_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    holder = (
        "import os, sys; from pathlib import Path;"
        "from meter_bridge.storage.database import InstallationLock;"
        "InstallationLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", holder, str(tmp_path)], check=False)
    lock = InstallationLock(tmp_path)
    lock.acquire()
    lock.release()


def test_preparing_twice_changes_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, 1_000)
    before = (tmp_path / DATABASE_NAME).read_bytes()
    prepare(tmp_path, 2_000)
    assert (tmp_path / DATABASE_NAME).read_bytes() == before


def test_readers_that_are_kept_see_what_was_committed_since_and_leave_the_file_alone(database: Path) -> None:
    writer, reader = open_writer(database), open_reader(database, kept=True)
    opened: list[object] = []
    event.listen(reader, "connect", lambda connection, _: opened.append(connection))
    names = []
    with writer.connect() as writing:
        for name in ("first", "second"):
            with writing.begin():
                writing.execute(text("UPDATE installation SET name = :name"), {"name": name})
            with snapshot(reader) as connection:
                names.append(connection.execute(text("SELECT name FROM installation")).scalar())
        with closing(sqlite3.connect(database)) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0), "nobody reads"
        reader.dispose()
    assert names == ["first", "second"]
    assert len(opened) == 1
    assert [each.name for each in database.parent.iterdir()] == [DATABASE_NAME], "the writer closed it last"


def test_any_number_may_read_at_once(database: Path) -> None:
    reader = open_reader(database, kept=True)
    with ExitStack() as stack:
        for _ in range(3 * READERS):
            connection = stack.enter_context(snapshot(reader))
            assert connection.execute(text("SELECT count(*) FROM installation")).scalar() == 1
    assert isinstance(reader.pool, QueuePool)
    assert reader.pool.checkedin() == READERS
    reader.dispose()


def test_a_connection_in_use_while_its_pool_ends_is_closed_when_it_comes_back(database: Path) -> None:
    reader, opened = open_reader(database, kept=True), list[sqlite3.Connection]()
    event.listen(reader, "connect", lambda connection, _: opened.append(connection))
    with reader.connect():
        reader.dispose()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
    with reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM installation")).scalar() == 1
    reader.dispose()
