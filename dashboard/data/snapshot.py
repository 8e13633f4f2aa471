"""Reads one consistent snapshot of the bridge's database.

Everything is read in one short, read-only transaction through ADBC, of SQLite or PostgreSQL: the manifest of
exported files, the watermark, the segments after it and the small tables. The bridge is never written to and
never waits.

ADBC brings a SQLite of its own. Never use this in a process that opens the same database through another
copy, such as the standard library's: closing a file in one copy drops the file locks of the other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final, cast
from zoneinfo import ZoneInfo

import pyarrow as pa

from dashboard.data.export_index import LAST, ExportIndex, Range, export_index, in_ranges, shard_ranges
from dashboard.data.snapshot_sql import (
    AT,
    EVERYWHERE,
    FIRST_ENTRIES,
    NEWEST,
    OWN,
    PORTFOLIO,
    QUERIES,
    Scope,
    SnapshotQuery,
)
from meter_bridge.core.calendar import day_start, next_month
from meter_bridge.engine.export.folder_manifest import FolderManifest, read_manifest
from meter_bridge.storage.columns import AdbcError, Columns, columns_of
from meter_bridge.storage.location import DATABASE_NAME, Location, LocationError, location_of, shown

EXPORT_NAME: Final = "export"
RECENT_MS: Final = 14 * 24 * 3_600_000
"""How far back payments of all units are read for the first page."""
MARGIN_MS: Final = 48 * 3_600_000
BATCH_ROWS: Final = 262_144
_MONTH_SCHEMA: Final = pa.schema(
    [("account_id", pa.string()), ("first_seq", pa.int64()), ("stop_seq", pa.int64())]
)


class SnapshotError(Exception):
    """The bridge's data cannot be shown; the message says why."""


class NoDatabaseError(SnapshotError):
    """There is no database yet: the bridge has never run here."""


class NotReadableError(SnapshotError):
    """A database is there, but it is not one that this dashboard can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The bridge's data of one instant."""

    export_dir: Path
    as_of: int | None
    """Newest instant that the bridge committed, in milliseconds."""
    files: Mapping[str, tuple[str, ...]]
    """Exported files by kind."""
    tables: Mapping[str, pa.Table]
    first_seq: int = 0
    """Where a tenancy of its own begins: nothing booked before it is shown; 0 shows everything."""


def read_snapshot(data_dir: Path, scope: Scope | str = PORTFOLIO, database: str | None = None) -> Snapshot:
    """Return a snapshot of what a page is about; a text names a unit. Raises ``SnapshotError``.

    ``database`` is the address of a PostgreSQL database; None reads the file in the folder.
    """
    requested = Scope(account_id=scope, kind="unit") if isinstance(scope, str) else scope
    location, export_dir = locate(data_dir, database), data_dir / EXPORT_NAME
    mine = read_manifest(export_dir)  # before the database: what was exported since is in the tail as well

    def here(name: str) -> bool:
        return (export_dir / name).is_file()

    try:
        with columns_of(location, batch_rows=BATCH_ROWS) as columns:
            first_seq, found, tables = _read(columns, requested, mine, here)
    except (AdbcError, OSError) as error:
        msg = f"{shown(location)} cannot be read: {error}"
        raise NotReadableError(msg) from error
    return Snapshot(
        export_dir=export_dir,
        as_of=_newest_instant(tables),
        files={kind: tuple(str(export_dir / name) for name in names) for kind, names in found.names.items()},
        tables=tables,
        first_seq=first_seq,
    )


def locate(data_dir: Path, database: str | None) -> Location:
    """Return where the bridge's database is; raises ``SnapshotError`` where there is none."""
    try:
        location = location_of(data_dir, database)
    except LocationError as error:
        raise NotReadableError(str(error)) from error
    if isinstance(location, Path) and not location.is_file():
        msg = f"There is no {DATABASE_NAME} in {data_dir}."
        raise NoDatabaseError(msg)
    return location


def _read(
    connection: Columns, scope: Scope, mine: FolderManifest | None, here: Callable[[str], bool]
) -> tuple[int, ExportIndex, dict[str, pa.Table]]:
    """Return the tables as of one read transaction, which the first statement begins."""
    values: dict[str, str | int] = {"account": scope.account_id, "since": scope.since, "first": 0, "begin": 0}
    tables = {name: _fetch(connection, question, values) for name, question in EVERYWHERE.items()}
    if scope.own:
        for row in _fetch(connection, OWN, values).to_pylist():
            values |= {"first": row["first_seq"], "begin": row["start_ms"]}
    found = export_index(tables, mine, here, lambda seq: _booked_at(connection, seq))
    ranges = shard_ranges(tables["shard"]["n"].to_pylist())
    conditions = {
        ":tail": lambda: found.ranges_not_exported,
        ":since": lambda: _ranges_since(connection, scope.since, ranges),
        ":recent": lambda: _ranges_since(connection, (_newest_instant(tables) or 0) - RECENT_MS, ranges),
    }
    for name, question in QUERIES[scope.kind].items():
        tables[name] = _fetch(connection, _with_ranges(question, conditions), values)
    tables["month_entry"] = _entries_of_month(connection, scope.month, tables, ranges)
    if scope.kind == "system":
        tables["watermark"] = _watermark(connection, ranges, found.ranges_not_exported)
    return int(values["first"]), found, tables


def _with_ranges(
    query: SnapshotQuery, conditions: Mapping[str, Callable[[], Sequence[Range]]]
) -> SnapshotQuery:
    for mark, ranges in conditions.items():
        if mark in query.sql:
            column = "entry_seq" if mark == ":tail" else "+seq"
            return replace(query, sql=query.sql.replace(mark, in_ranges(column, ranges())))
    return query


def _ranges_since(connection: Columns, instant: int, ranges: Iterable[Range]) -> list[Range]:
    """Return the part of each range that was booked at an instant or later."""
    return [(_first_seq_since(connection, instant - MARGIN_MS, each) - 1, each[1]) for each in ranges]


def _first_seq_since(connection: Columns, instant: int, within_range: Range) -> int:
    """Return from which number of a range on journal entries were booked at an instant or later.

    Entries are numbered as they are booked, so a search that halves needs no index of instants; the margin
    covers what was booked with an instant a little before that of its number.
    """
    low, high = within_range[0], _newest_seq(connection, within_range)
    while low < high:
        middle = (low + high) // 2
        at = _booked_at(connection, middle)
        low, high = (low, middle) if at is None or at >= instant else (middle + 1, high)
    return low


def _newest_seq(connection: Columns, each: Range) -> int:
    """Return the newest entry of a range, or the number before its first."""
    found = _fetch(connection, NEWEST, {"begin": each[0], "end": each[1]})["seq"].to_pylist()
    return found[0] or each[0]


def _booked_at(connection: Columns, seq: int) -> int | None:
    found = _fetch(connection, AT, {"seq": seq})["at"].to_pylist()
    return found[0] if found else None


def _entries_of_month(
    connection: Columns, month: date | None, tables: Mapping[str, pa.Table], ranges: Sequence[Range]
) -> pa.Table:
    """Return the entries of each account that were booked in a month: from one up to and without another."""
    zones = () if month is None else sorted(set(tables["account"]["time_zone"].to_pylist()))
    rows = [row for zone in zones for row in _booked_in(connection, cast("date", month), zone, ranges)]
    return pa.Table.from_pylist(rows, schema=_MONTH_SCHEMA)


def _booked_in(
    connection: Columns, month: date, zone: str, ranges: Sequence[Range]
) -> Iterator[dict[str, str | int]]:
    begin, end = (
        _first_entries(connection, day_start(day, ZoneInfo(zone)), zone, ranges)
        for day in (month, next_month(month))
    )
    for account_id, first in begin.items():
        yield {"account_id": account_id, "first_seq": first, "stop_seq": end.get(account_id, LAST)}


def _first_entries(connection: Columns, at: int, zone: str, ranges: Sequence[Range]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each, (begin, end) in zip(ranges, _ranges_since(connection, at, ranges), strict=True):
        values: dict[str, str | int] = {
            "begin": max(begin, each[0]), "end": end, "at": at, "time_zone": zone,
        }  # fmt: skip
        rows = _fetch(connection, FIRST_ENTRIES, values).to_pylist()
        found |= {row["account_id"]: row["seq"] for row in rows if row["seq"]}
    return found


def _watermark(connection: Columns, ranges: Sequence[Range], tail: Sequence[Range]) -> pa.Table:
    newest = [_newest_seq(connection, each) for each in ranges]
    every = sum(last - begin for (begin, _), last in zip(ranges, newest, strict=True))
    waiting = sum(max(last - after, 0) for (after, _), last in zip(tail, newest, strict=True))
    return pa.table({"seq": [every - waiting], "revision": [every]})


def _fetch(connection: Columns, query: SnapshotQuery, values: Mapping[str, str | int]) -> pa.Table:
    parameters = tuple(values[name] for name in query.parameter_names)
    statement = query.sql if connection.on_sqlite else query.on_postgresql
    return _with_types(connection.table(statement, parameters), query)


def _with_types(table: pa.Table, query: SnapshotQuery) -> pa.Table:
    """Cast the columns to their types, which SQLite does not know when the first rows are empty."""
    fields = [
        pa.field(name, pa.int64() if name in query.whole else pa.string())
        if name in query.whole or name not in query.other
        else table.field(name)
        for name in table.column_names
    ]
    return table.cast(pa.schema(fields))


def _newest_instant(tables: Mapping[str, pa.Table]) -> int | None:
    instants = [
        *tables["installation"]["last_instant"].to_pylist(),
        *(tables["supply_status"]["at"].to_pylist() if "supply_status" in tables else ()),
    ]
    return max((cast("int", instant) for instant in instants), default=None)
