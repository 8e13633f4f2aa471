"""Moving an installation to another database: a copy while the bridge runs, the rest once it has stopped.

Half a copy can never be mistaken for an installation: on PostgreSQL its lease is sealed, in SQLite it has
another name. Nor can the source, once it was moved.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
import hashlib
from pathlib import Path
import sqlite3
from typing import Final

from sqlalchemy import Column, Connection, Row, Select, Table, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage import tables
from meter_bridge.storage.database import InstallationLock, on_sqlite, open_writer, reading, snapshot
from meter_bridge.storage.errors import LockedError, StorageError
from meter_bridge.storage.location import Location, shown
from meter_bridge.storage.migrate import check_schema, migrate

BATCH_ROWS: Final = 5_000
APPEND_ONLY: Final = {
    "journal_entry": "seq",
    "posting": "entry_seq",
    "charge_line": "entry_seq",
    "segment": "entry_seq",
    "event": "seq",
    "supply_decision": "seq",
    "applied_site": "seq",
}
"""Tables that only grow at their end, and the number by which they do: a copy needs only the rest."""
type _Columns = tuple[object, ...]
PRUNED: Final = frozenset({"outbox", "notice", "export_file", "wrong_secret"})
"""Other tables of which rows go: a copy takes them as they are now."""
_NEVER_CHANGED: Final = frozenset(table.name for table in tables.APPEND_ONLY)
COPY_ORDER: Final = tuple(table for table in tables.metadata.sorted_tables if table is not tables.lease)
"""Every table with rows of the installation, those first that others name."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What two tables have in common only if every row of both is the same."""

    rows: int
    sha256: str


def copy(source: Connection, target: Connection) -> int:
    """Add to a copy, empty or older, what the source has more; return the rows that were written.

    Both connections see one instant each. Raises ``StorageError`` where the target is no older copy.
    """
    _check_target(source, target)
    return sum(_copy_table(source, target, table) for table in COPY_ORDER)


def digests(connection: Connection) -> dict[str, Digest]:
    """Return what tells two databases apart, by table."""
    return {table.name: _digest(connection, table) for table in COPY_ORDER}


def differences(source: dict[str, Digest], target: dict[str, Digest]) -> list[str]:
    """Return the tables in which two databases differ, with what of it."""
    return [
        f"{name} has {target[name].rows} rows, not {own.rows}"
        if target[name].rows != own.rows
        else f"{name} has other rows"
        for name, own in source.items()
        if target[name] != own
    ]


def installation_of(connection: Connection) -> str | None:
    """Return the id of the installation that a database holds, None where it holds none."""
    return connection.execute(select(tables.installation.c.id)).scalar()


def _check_target(source: Connection, target: Connection) -> None:
    own, there = installation_of(source), installation_of(target)
    if own is None:
        raise StorageError("the source holds no installation")
    if there is not None and there != own:
        raise StorageError("the target holds another installation; name an empty database")
    newest = select(func.max(tables.journal_entry.c.seq))
    ahead = (target.execute(newest).scalar() or 0) > (source.execute(newest).scalar() or 0)
    if ahead:
        raise StorageError("the target's journal is longer: it was in use since; name an empty database")


def _copy_table(source: Connection, target: Connection, table: Table) -> int:
    if table.name in APPEND_ONLY:
        return _append_rows(source, target, table)
    if table.name in PRUNED:
        target.execute(delete(table))
    statement, written = _upsert(target, table), 0
    for rows in _batches(source, select(table).order_by(*table.primary_key)):
        target.execute(statement, [row._asdict() for row in rows])
        written += len(rows)
    return written


def _append_rows(source: Connection, target: Connection, table: Table) -> int:
    number = table.c[APPEND_ONLY[table.name]]
    if table.name in tables.PRUNABLE:
        _delete_pruned(source, target, table, number)
    query = select(table).where(number > (target.execute(select(func.max(number))).scalar() or 0))
    written = 0
    for rows in _batches(source, query.order_by(*table.primary_key)):
        if on_sqlite(target):
            target.execute(insert(table), [row._asdict() for row in rows])
        else:
            from meter_bridge.storage.postgresql import bulk_insert  # noqa: PLC0415 - not needed for SQLite

            bulk_insert(target, table, rows)
        written += len(rows)
    return written


def _delete_pruned(source: Connection, target: Connection, table: Table, number: Column[int]) -> None:
    """Delete rows that the source has deleted since."""
    oldest = source.execute(select(func.min(number))).scalar()
    if oldest is not None:
        target.execute(delete(table).where(number < oldest))


def _upsert(target: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that replaces an existing row where that is allowed."""
    statement = sqlite.insert(table) if on_sqlite(target) else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    if table.name in _NEVER_CHANGED or not others:
        return statement.on_conflict_do_nothing(index_elements=keys)
    return statement.on_conflict_do_update(
        index_elements=keys, set_={name: statement.excluded[name] for name in others}
    )


def _batches(connection: Connection, query: Select[_Columns]) -> Iterator[Sequence[Row[_Columns]]]:
    yield from connection.execute(query, execution_options={"yield_per": BATCH_ROWS}).partitions()


def _digest(connection: Connection, table: Table) -> Digest:
    digest = hashlib.sha256()
    count = 0
    for rows in _batches(connection, select(table).order_by(*table.primary_key)):
        for row in rows:
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
        count += len(rows)
    return Digest(count, digest.hexdigest())


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
    check_schema(source)
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


def _claim(target: Location) -> Location:
    """Keep every bridge off the target and return where to write; raises ``StorageError``."""
    if isinstance(target, Path):
        if target.exists():
            raise StorageError(f"{target} exists already; name a file that does not")
        part = target.with_name(target.name + PART)
        migrate(part)
        return part
    from meter_bridge.storage import lease, postgresql  # noqa: PLC0415 - its driver is not needed for SQLite

    postgresql.check_reachable(target)
    migrate(target)
    if not lease.seal_if_free(target, UNFINISHED_HINT):
        raise StorageError(f"{shown(target)} is in use; end its bridge, or name an empty database")
    return target


@asynccontextmanager
async def _own_source(source: Location) -> AsyncIterator[None]:
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
    """Copy in one transaction, kept only if both are equal as of one instant of the source."""
    with (
        reading(source) as reader,
        snapshot(reader) as own,
        open_writer(part).begin() as copied,
    ):
        if not on_sqlite(copied):
            # Reading a large source may take longer than the server lets a transaction idle.
            copied.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        rows = copy(own, copied)
        equal = digests(own)
        differing = differences(equal, digests(copied))
        if differing:
            msg = f"the copy is not equal: {differing[0]} ({len(differing)} tables in all); nothing was kept"
            raise StorageError(msg)
    return rows, equal


def _verify_part(part: Location) -> None:
    problems = verify(part)
    if problems:
        msg = f"the books are not right: {problems[0]} ({len(problems)} problems in all); nothing was moved"
        raise StorageError(msg)


def _retire(source: Location, target: Location) -> None:
    """Keep every bridge from starting on the source; its data stays."""
    if isinstance(source, Path):
        to_one_file(source)
        source.rename(source.with_name(source.name + MOVED))
        return
    from meter_bridge.storage import lease  # noqa: PLC0415 - its driver is not needed for SQLite

    lease.seal(source, f"nobody any more: it was moved to {shown(target)}")


def _release(part: Location, target: Location) -> None:
    if isinstance(part, Path) and isinstance(target, Path):
        to_one_file(part)
        part.rename(target)
        return
    from meter_bridge.storage import lease  # noqa: PLC0415 - its driver is not needed for SQLite

    if not isinstance(target, Path):
        lease.unseal(target, UNFINISHED_HINT)


def to_one_file(database: Path) -> None:
    """End the write-ahead log of a database, so that nothing is left behind when it is moved."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
