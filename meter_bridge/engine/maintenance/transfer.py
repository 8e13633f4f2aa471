"""Moving an installation to another database: a copy while the bridge runs, the rest once it has stopped.

Half a copy can never be mistaken for an installation: on PostgreSQL its lease is sealed, in SQLite it has
another name. Nor can the source, once it was moved.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
import sqlite3
from typing import Final

from sqlalchemy import Connection

from meter_bridge.engine.maintenance.copying import Digest, copy, differences, digests
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.database import InstallationLock, on_sqlite, open_writer, reading, snapshot
from meter_bridge.storage.errors import LockedError, StorageError
from meter_bridge.storage.location import Location, shown
from meter_bridge.storage.migrate import HEAD, migrate, schema_of

UNFINISHED_HINT: Final = "an unfinished 'meter-bridge migrate'"
PART: Final = ".copying"
MOVED: Final = ".moved"


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What a run did: the rows that it wrote, and the digests that both databases share by table."""

    rows: int
    digests: dict[str, Digest]
    finished: bool
    """Whether the target is the installation now; else its bridge still runs on the source."""


async def move(source: Location, target: Location) -> TransferResult:
    """Copy what the target has not got, and finish the move where no bridge owns the source.

    Raises ``StorageError`` where either cannot be used, or where the two are not equal in the end.
    """
    _check_source(source)
    part = await asyncio.to_thread(_claim, target)
    try:
        async with _own_source(source):
            rows, equal = await asyncio.to_thread(_copy_verified, source, part)
            await asyncio.to_thread(_verify_part, part)
            await asyncio.to_thread(_retire, source, target)
            await asyncio.to_thread(_release, part, target)
    except LockedError:
        rows, equal = await asyncio.to_thread(_copy_verified, source, part)
        return TransferResult(rows, equal, finished=False)
    return TransferResult(rows, equal, finished=True)


def _check_source(source: Location) -> None:
    """Raise ``StorageError`` where the source is no installation of this version."""
    schema = schema_of(source)
    if schema is None:
        msg = f"there is no installation in {shown(source)}"
        raise StorageError(msg)
    if schema != HEAD:
        msg = f"{shown(source)} has schema {schema}, not {HEAD}; start its bridge once with this version"
        raise StorageError(msg)


def _claim(target: Location) -> Location:
    """Keep every bridge off the target and return where to write; raises ``StorageError``."""
    if isinstance(target, Path):
        if target.exists():
            msg = f"{target} exists already; name a file that does not"
            raise StorageError(msg)
        part = target.with_name(target.name + PART)
        migrate(part)
        return part
    from meter_bridge.storage import lease, postgresql  # noqa: PLC0415 - its driver is not needed for SQLite

    postgresql.check_reachable(target)
    migrate(target)
    if not lease.seal_if_free(target, UNFINISHED_HINT):
        msg = f"{shown(target)} is in use; end its bridge, or name an empty database"
        raise StorageError(msg)
    return target


@asynccontextmanager
async def _own_source(source: Location) -> AsyncIterator[None]:
    """Own the source, so that nothing is written there; raises ``LockedError`` where a bridge runs."""
    if isinstance(source, Path):
        lock = InstallationLock(source.parent)
        lock.acquire()
        try:
            yield
        finally:
            lock.release()
        return
    from meter_bridge.storage.lease import leased  # noqa: PLC0415 - its driver is not needed for SQLite

    async with leased(source, wait=False, stop=asyncio.Event()):
        yield


def _copy_verified(source: Location, part: Location) -> tuple[int, dict[str, Digest]]:
    """Copy in one transaction, which is kept only if both are equal as of one instant of the source."""
    with (
        reading(source) as reader,
        snapshot(reader) as own,
        open_writer(part).begin() as copied,
    ):
        _extend_timeout(copied)
        rows = copy(own, copied)
        equal = digests(own)
        found = differences(equal, digests(copied))
        if found:
            msg = f"the copy is not equal: {found[0]} ({len(found)} tables in all); nothing was kept"
            raise StorageError(msg)
    return rows, equal


def _extend_timeout(copied: Connection) -> None:
    """Let the server wait for as long as reading a large source takes: nobody waits to take a copy over."""
    if not on_sqlite(copied):
        copied.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


def _verify_part(part: Location) -> None:
    """Raise ``StorageError`` where the books of the copy are not right."""
    problems = verify(part)
    if problems:
        msg = f"the books are not right: {problems[0]} ({len(problems)} problems in all); nothing was moved"
        raise StorageError(msg)


def _retire(source: Location, target: Location) -> None:
    """Let no bridge start on the source any more; everything stays there to look at."""
    if isinstance(source, Path):
        _checkpoint(source)
        source.rename(source.with_name(source.name + MOVED))
        return
    from meter_bridge.storage import lease  # noqa: PLC0415 - its driver is not needed for SQLite

    lease.seal(source, f"nobody any more: it was moved to {shown(target)}")


def _release(part: Location, target: Location) -> None:
    """Let bridges own the target."""
    if isinstance(part, Path) and isinstance(target, Path):
        _checkpoint(part)
        part.rename(target)
        return
    from meter_bridge.storage import lease  # noqa: PLC0415 - its driver is not needed for SQLite

    if not isinstance(target, Path):
        lease.unseal(target, UNFINISHED_HINT)


def _checkpoint(path: Path) -> None:
    """Bring what stands in the write-ahead log into the file, so that it can be renamed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
