"""An installation moves between SQLite and PostgreSQL whole or not at all, and never exists twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
import shutil

import pytest
from sqlalchemy import URL, Connection, text

from meter_bridge.engine.maintenance import transfer
from meter_bridge.engine.maintenance.transfer import copy, move
from meter_bridge.storage.database import (
    DATABASE_NAME,
    InstallationLock,
    open_writer,
    reading,
    snapshot,
)
from meter_bridge.storage.errors import LockedError, StorageError
from meter_bridge.storage.location import Location
from meter_bridge.storage.owning import owned
from tests import postgresql_server
from tests.engine.harness import BLOCKS, HOUR, VirtualTime, house, opened

GONE = (
    "DELETE FROM outbox WHERE revision = (SELECT min(revision) FROM outbox)",
    "DELETE FROM event WHERE seq < (SELECT max(seq) FROM event)",
)
# Both databases take part, whichever the run is on.
pytestmark = [pytest.mark.postgresql, pytest.mark.sqlite("has both databases in any run")]


@pytest.fixture
def server_empty() -> Iterator[URL]:
    """Return the address of a database without any table."""
    server = postgresql_server.shared()
    server.execute("CREATE DATABASE moved")
    yield server.url("moved")
    server.execute("DROP DATABASE moved WITH (FORCE)")


async def use(folder: Path) -> Path:
    """Make an installation with entries of many kinds and return its file."""
    async with house(folder, BLOCKS) as flat:
        await flat.read(10_000, power_w=500)
        for hour in range(1, 30):
            await flat.read(10_000 + 700 * hour, after=HOUR, power_w=700)
        await flat.hold_off("a test")
        await flat.top_up("25.00", key="naïve €")
        await flat.tick()
    return folder / DATABASE_NAME


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a used installation, to copy."""
    return asyncio.run(use(tmp_path_factory.mktemp("original")))


@pytest.fixture
def source(tmp_path: Path, original: Path) -> Path:
    """Return the file of a used installation."""
    return Path(shutil.copyfile(original, tmp_path / DATABASE_NAME))


async def use_more(folder: Path) -> None:
    """Go on with an installation for a while."""
    async with opened(folder, VirtualTime()) as flat:
        flat.time.forward(40 * HOUR)
        await flat.top_up("5.00", key="later")
        await flat.read(40_000)
        await flat.tick()


def new_folder(path: Path) -> Path:
    path.mkdir()
    return path


def exists(path: Path) -> bool:
    return path.exists()


def contents(location: Location) -> dict[str, transfer.Digest]:
    with reading(location) as reader, snapshot(reader) as connection:
        return transfer.digests(connection)


async def test_there_and_back_everything_is_equal(tmp_path: Path, source: Path, server_empty: URL) -> None:
    before = contents(source)
    assert before["segment"].rows > 20
    there = await move(source, server_empty)
    assert (there.finished, there.digests, contents(server_empty)) == (True, before, before)
    back = await move(server_empty, new_folder(tmp_path / "back") / DATABASE_NAME)
    assert (back.finished, contents(tmp_path / "back" / DATABASE_NAME)) == (True, before)
    async with opened(tmp_path / "back", VirtualTime()) as flat:
        assert flat.problems() == []


async def test_a_running_installation_is_copied_first_and_the_rest_when_its_bridge_has_ended(
    tmp_path: Path, source: Path, server_empty: URL
) -> None:
    lock = InstallationLock(tmp_path)
    lock.acquire()
    first = await move(source, server_empty)
    assert (first.finished, exists(source)) == (False, True)
    lock.release()
    await use_more(tmp_path)
    rest = await move(source, server_empty)
    assert rest.finished
    assert 0 < rest.rows < first.rows
    assert contents(server_empty) == rest.digests


async def test_what_has_gone_from_a_source_since_goes_from_its_copy(
    tmp_path: Path, source: Path, server_empty: URL
) -> None:
    lock = InstallationLock(tmp_path)
    lock.acquire()
    await move(source, server_empty)
    lock.release()
    before = contents(source)
    with open_writer(source).begin() as connection:
        for statement in GONE:
            assert connection.execute(text(statement)).rowcount > 0
    rest = await move(source, server_empty)
    assert rest.finished
    assert contents(server_empty) == rest.digests
    assert {name for name, digest in rest.digests.items() if digest.rows < before[name].rows} == {
        "event",
        "outbox",
    }


async def test_the_server_waits_however_long_a_large_source_takes_to_read(
    tmp_path: Path, source: Path, server_empty: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[object] = []

    def read(own: Connection, copied: Connection) -> int:
        allowed.append(copied.execute(text("SHOW idle_in_transaction_session_timeout")).scalar())
        return copy(own, copied)

    monkeypatch.setattr(transfer, "copy", read)
    await move(source, server_empty)
    assert allowed == ["0"]


async def test_no_bridge_starts_on_half_a_copy(tmp_path: Path, source: Path, server_empty: URL) -> None:
    lock = InstallationLock(tmp_path)
    lock.acquire()
    await move(source, server_empty)
    with pytest.raises(LockedError, match="unfinished 'meter-bridge migrate'"):
        async with owned(tmp_path / "other", server_empty):
            pass
    lock.release()
    await move(source, server_empty)
    async with owned(tmp_path / "other", server_empty):
        pass


async def test_no_bridge_starts_on_what_was_moved_away(
    tmp_path: Path, source: Path, server_empty: URL
) -> None:
    await move(source, server_empty)
    assert not exists(source)
    assert source.with_name("bridge.db.moved").exists()
    await move(server_empty, new_folder(tmp_path / "back") / DATABASE_NAME)
    with pytest.raises(LockedError, match="it was moved to"):
        async with owned(tmp_path / "other", server_empty):
            pass


async def test_a_copy_that_is_not_equal_is_not_kept(
    tmp_path: Path, source: Path, server_empty: URL, monkeypatch: pytest.MonkeyPatch
) -> None:

    def forgetful(own: Connection, copied: Connection) -> int:
        rows = copy(own, copied)
        copied.execute(text("UPDATE balance SET amount = amount + 1 WHERE bucket = 'balance'"))
        return rows

    monkeypatch.setattr(transfer, "copy", forgetful)
    with pytest.raises(StorageError, match="balance has other rows"):
        await move(source, server_empty)
    assert exists(source)
    assert contents(server_empty)["installation"].rows == 0
    monkeypatch.undo()
    assert (await move(source, server_empty)).finished


async def test_books_that_are_not_right_are_not_moved(
    tmp_path: Path, source: Path, server_empty: URL
) -> None:
    with open_writer(source).begin() as connection:
        connection.execute(text("UPDATE balance SET amount = amount + 1 WHERE bucket = 'balance'"))
    with pytest.raises(StorageError, match="the books are not right: invariant 2"):
        await move(source, server_empty)
    assert exists(source)


async def test_nothing_is_copied_over_another_installation(
    tmp_path: Path, source: Path, server_empty: URL, server_database: URL
) -> None:
    with pytest.raises(StorageError, match="another installation"):
        await move(source, server_database)
    other = tmp_path / "other.db"
    other.touch()
    with pytest.raises(StorageError, match="exists already"):
        await move(source, other)


async def test_a_database_in_use_is_no_target(
    tmp_path: Path, source: Path, server_empty: URL, server_database: URL
) -> None:
    async with owned(tmp_path / "other", server_database):
        with pytest.raises(StorageError, match="is in use"):
            await move(source, server_database)


async def test_a_source_without_an_installation_is_told(tmp_path: Path, server_empty: URL) -> None:
    with pytest.raises(StorageError, match="there is no installation"):
        await move(tmp_path / "none.db", server_empty)
