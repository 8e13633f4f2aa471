"""One bridge owns an installation on PostgreSQL; whoever lost it commits nothing, whatever it believes."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
import threading
import time
from typing import cast

import psycopg
import pytest
from sqlalchemy import URL, text

from meter_bridge.storage import changeset as ops, lease
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import (
    LeaseLostError,
    LockedError,
    NotOwnedError,
    StorageError,
    UnreachableError,
)
from meter_bridge.storage.lease import Grant, Leases, fenced
from meter_bridge.storage.owning import owned
from meter_bridge.storage.writer import InlineWriter
from tests import postgresql_server

pytestmark = pytest.mark.postgresql
NAME = "installation"


@pytest.fixture
def leases(server_database: URL) -> Iterator[Leases]:
    opened = Leases(server_database)
    yield opened
    opened.close()


def expire(url: URL) -> None:
    """Let every lease be over, as after the time that it lasts."""
    with open_writer(url).begin() as connection:
        connection.execute(text("UPDATE lease SET expires_at = 1"))


def rename(n: int) -> Changeset:
    work = Changeset()
    row = {"id": "one", "name": str(n), "created_at": 0, "last_instant": 0}
    work.add(ops.UPSERT_INSTALLATION, row)
    return work


def test_a_lease_has_one_holder(leases: Leases) -> None:
    assert leases.take(NAME, "first") is not None
    assert leases.take(NAME, "second") is None
    assert leases.holder(NAME) == "first"


def test_a_lease_that_was_given_back_is_free_at_once_and_its_token_rises(leases: Leases) -> None:
    first = leases.take(NAME, "first")
    assert first is not None
    leases.release(first)
    assert leases.holder(NAME) == "nobody"
    assert leases.take(NAME, "second") == Grant(NAME, first.token + 1)


def test_a_lease_that_expired_is_neither_renewed_nor_given_back_by_who_had_it(
    leases: Leases, server_database: URL
) -> None:
    first = leases.take(NAME, "first")
    assert first is not None
    assert leases.renew(first)
    expire(server_database)
    assert not leases.renew(first)
    second = leases.take(NAME, "second")
    assert second is not None
    leases.release(first)
    assert leases.holder(NAME) == "second"
    assert leases.renew(second)


async def test_a_lease_that_is_lost_commits_nothing(leases: Leases, server_database: URL) -> None:
    grant = leases.take(NAME, "first")
    assert grant is not None
    store = InlineWriter(fenced(open_writer(server_database), grant))
    await store.commit(rename(1))
    expire(server_database)
    with pytest.raises(StorageError, match="another bridge took installation over"):
        await store.commit(rename(2))
    leases.take(NAME, "second")
    store.recover()
    with pytest.raises(StorageError, match="another bridge took installation over"):
        await store.commit(rename(3))
    store.close()
    with open_writer(server_database).connect() as connection:
        assert connection.execute(text("SELECT name FROM installation WHERE id = 'one'")).scalar() == "1"


def test_a_takeover_waits_for_a_commit_that_is_under_way(leases: Leases, server_database: URL) -> None:
    grant = leases.take(NAME, "first", term_ms=300)
    assert grant is not None
    with fenced(open_writer(server_database), grant).begin() as connection:
        connection.execute(text("UPDATE installation SET name = 'the last word of the first'"))
        taken: list[Grant | None] = []
        taking = threading.Thread(target=lambda: taken.append(_take_when_over(leases)))
        taking.start()
        assert _waits(server_database)
        assert taken == []
    taking.join()
    assert taken == [Grant(NAME, grant.token + 1)]
    with open_writer(server_database).connect() as connection, pytest.raises(LeaseLostError):
        grant.check(connection)


def test_a_bridge_that_is_frozen_while_it_sends_a_batch_is_taken_over_and_its_transaction_undone(
    leases: Leases, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALL_MS", 200)
    grant = leases.take(NAME, "first", term_ms=300)
    assert grant is not None
    writer = fenced(open_writer(server_database), grant)
    connection = writer.connect()
    connection.begin()
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    with suppress(psycopg.OperationalError), driver.pipeline():
        driver.execute("UPDATE installation SET name = 'half a batch'")
        driver.pgconn.send_flush_request()
        driver.pgconn.flush()
        taken = _take_when_over(leases)  # the server waits for the rest of the batch
    assert taken == Grant(NAME, grant.token + 1)
    connection.invalidate()
    with open_writer(server_database).connect() as looking:
        assert looking.execute(text("SELECT name FROM installation")).scalar() != "half a batch"


def test_an_owner_that_waits_for_nobody_keeps_its_transaction(
    leases: Leases, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALL_MS", 0)
    grant = leases.take(NAME, "first")
    assert grant is not None
    with fenced(open_writer(server_database), grant).begin() as connection:
        assert leases.take(NAME, "second") is None
        connection.execute(text("SELECT 1"))


def _take_when_over(leases: Leases) -> Grant | None:
    """Take a lease as soon as its time is over; None where that never comes."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(StorageError):  # as where the owner's commit takes long
            if (taken := leases.take(NAME, "second")) is not None:
                return taken
        time.sleep(0.02)
    return None


def _waits(url: URL) -> bool:
    """Say whether some connection comes to wait for a lock."""
    deadline = time.monotonic() + 20
    with open_writer(url).connect() as connection:
        while time.monotonic() < deadline:
            blocked = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if connection.execute(blocked).scalar():
                return True
            connection.commit()
            time.sleep(0.02)
    return False


def test_renewing_does_not_wait_for_a_commit_that_takes_long(leases: Leases, server_database: URL) -> None:
    grant = leases.take(NAME, "first")
    assert grant is not None
    with fenced(open_writer(server_database), grant).begin():
        assert leases.renew(grant)


async def test_a_second_bridge_is_refused_and_told_who_is_there(tmp_path: Path, server_database: URL) -> None:
    async with owned(tmp_path / "a", server_database):
        with pytest.raises(LockedError, match=r"in use by process \d+ on "):
            async with owned(tmp_path / "b", server_database):
                pass
    async with owned(tmp_path / "b", server_database):
        pass


async def test_a_standby_takes_over_when_the_owner_ends(tmp_path: Path, server_database: URL) -> None:
    order: list[str] = []

    async def stand_by() -> None:
        async with owned(tmp_path / "b", server_database, wait=True):
            order.append("second owns")

    async with owned(tmp_path / "a", server_database):
        standby = asyncio.create_task(stand_by())
        await asyncio.sleep(0)
        order.append("first ends")
    async with asyncio.timeout(60):
        await standby
    assert order == ["first ends", "second owns"]


async def test_a_standby_that_is_told_to_stop_stops(tmp_path: Path, server_database: URL) -> None:
    stop = asyncio.Event()
    async with owned(tmp_path / "a", server_database):
        stop.set()
        with pytest.raises(NotOwnedError):
            async with owned(tmp_path / "b", server_database, wait=True, stop=stop):
                pass


async def test_the_owner_hears_that_its_lease_was_taken(
    tmp_path: Path, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    async with owned(tmp_path / "a", server_database) as ownership:
        assert not ownership.lost.is_set()
        expire(server_database)
        async with asyncio.timeout(60):
            await ownership.lost.wait()
        with pytest.raises(LeaseLostError):
            ownership.writer().begin().__enter__()


async def test_a_bridge_that_stands_still_is_taken_over_and_hears_of_it(
    tmp_path: Path, server_database: URL, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RENEW_S", 0.05), ("STALL_S", 0.2), ("TERM_MS", 1_000)):
        monkeypatch.setattr(lease, name, value)
    async with owned(tmp_path / "a", server_database) as ownership:
        other = threading.Thread(target=_take_when_over, args=(leases,))
        other.start()
        other.join(60)  # blocks the event loop, as a bridge that hangs
        assert not other.is_alive()
        async with asyncio.timeout(60):
            await ownership.lost.wait()


async def test_a_bridge_that_reads_a_large_state_keeps_its_lease_meanwhile(
    tmp_path: Path, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("RENEW_S", 0.05), ("STALL_S", 0.0)):
        monkeypatch.setattr(lease, name, value)
    async with owned(tmp_path / "a", server_database) as ownership:
        with ownership.suspend_watchdog(), open_writer(server_database).connect() as connection:
            query = text("SELECT expires_at FROM lease")
            before = connection.execute(query).scalar_one()
            deadline = time.monotonic() + 20
            while connection.execute(query).scalar_one() == before and time.monotonic() < deadline:
                connection.commit()
                time.sleep(0.02)  # noqa: ASYNC251 - blocks the event loop, as a long reading does
            assert connection.execute(query).scalar_one() > before


async def test_a_lease_is_kept_as_long_as_it_is_renewed(
    tmp_path: Path, server_database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.05)
    async with owned(tmp_path / "a", server_database):
        with open_writer(server_database).begin() as connection:
            before = connection.execute(text("SELECT expires_at FROM lease")).scalar_one()
        async with asyncio.timeout(60):
            while True:
                with open_writer(server_database).begin() as connection:
                    if connection.execute(text("SELECT expires_at FROM lease")).scalar_one() > before:
                        break
                await asyncio.sleep(0.02)


async def test_a_standby_waits_for_a_server_that_is_away(tmp_path: Path) -> None:
    with postgresql_server.running() as server:
        server.execute("CREATE DATABASE later")
        url = server.url("later")
        server.stop()
        with pytest.raises(UnreachableError):
            async with owned(tmp_path, url):
                pass
        owns = asyncio.Event()

        async def stand_by() -> None:
            async with owned(tmp_path, url, wait=True):
                owns.set()

        standby = asyncio.create_task(stand_by())
        await asyncio.sleep(0.1)
        assert not owns.is_set()
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(60):
            await standby
        assert owns.is_set()
