"""Reads one consistent snapshot of the bridge's database.

Everything is read in one short, read-only transaction through ADBC, of SQLite or PostgreSQL: the manifest of
exported files, the watermark, the segments after it and the small tables. The bridge is never written to and
never waits.

ADBC brings a SQLite of its own. Never use this in a process that opens the same database through another
copy, such as the standard library's: closing a file in one copy drops the file locks of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pyarrow as pa

from dashboard.questions import AT, EVERYWHERE, NEWEST, OWN, QUESTIONS, Question
from dashboard.scope import PORTFOLIO, Scope
from meter_bridge.storage.columns import AdbcError, Columns, columns_of
from meter_bridge.storage.location import DATABASE_NAME, Location, LocationError, location_of, shown

EXPORT_NAME: Final = "export"
RECENT_MS: Final = 14 * 24 * 3_600_000
"""How far back payments of all units are read for the first page."""
MARGIN_MS: Final = 48 * 3_600_000
BATCH_ROWS: Final = 262_144


class SourceError(Exception):
    """The bridge's data cannot be shown; the message says why."""


class NoDatabaseError(SourceError):
    """There is no database yet: the bridge has never run here."""


class NotReadableError(SourceError):
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
    """Return a snapshot of what a page is about; a text names a unit. Raises ``SourceError``.

    ``database`` is the address of a PostgreSQL database; None reads the file in the folder.
    """
    asked = Scope(account_id=scope, kind="unit") if isinstance(scope, str) else scope
    location = locate(data_dir, database)
    try:
        with columns_of(location, batch_rows=BATCH_ROWS) as columns:
            first_seq, tables = _read(columns, asked)
    except (AdbcError, OSError) as error:
        msg = f"{shown(location)} cannot be read: {error}"
        raise NotReadableError(msg) from error
    return Snapshot(
        export_dir=data_dir / EXPORT_NAME,
        as_of=_as_of(tables),
        files=_files(tables["export_file"], data_dir / EXPORT_NAME),
        tables=tables,
        first_seq=first_seq,
    )


def locate(data_dir: Path, database: str | None) -> Location:
    """Return where the bridge's database is; raises ``SourceError`` where there is none."""
    try:
        location = location_of(data_dir, database)
    except LocationError as error:
        raise NotReadableError(str(error)) from error
    if isinstance(location, Path) and not location.is_file():
        msg = f"There is no {DATABASE_NAME} in {data_dir}."
        raise NoDatabaseError(msg)
    return location


def _read(connection: Columns, scope: Scope) -> tuple[int, dict[str, pa.Table]]:
    """Return the tables as of one read transaction, which the first statement begins."""
    values: dict[str, str | int] = {"account": scope.account_id, "since": scope.since, "first": 0, "begin": 0}
    tables = {name: _fetch(connection, question, values) for name, question in EVERYWHERE.items()}
    if scope.own:
        for row in _fetch(connection, OWN, values).to_pylist():
            values |= {"first": row["first_seq"], "begin": row["start_ms"]}
    instants = {"since_seq": scope.since, "recent_seq": (_as_of(tables) or 0) - RECENT_MS}
    for name, question in QUESTIONS[scope.kind].items():
        for number in instants.keys() & set(question.takes):
            values[number] = _first_since(connection, instants[number] - MARGIN_MS)
        tables[name] = _fetch(connection, question, values)
    return int(values["first"]), tables


def _first_since(connection: Columns, instant: int) -> int:
    """Return from which number on journal entries were booked at an instant or later.

    Entries are numbered as they are booked, so a search that halves needs no index of instants; the margin
    covers what was booked with an instant a little before that of its number.
    """
    newest = _fetch(connection, NEWEST, {})["seq"].to_pylist()
    low, high = 0, newest[0] or 0
    while low < high:
        middle = (low + high) // 2
        found = _fetch(connection, AT, {"seq": middle})["at"].to_pylist()
        low, high = (low, middle) if not found or found[0] >= instant else (middle + 1, high)
    return low


def _fetch(connection: Columns, question: Question, values: Mapping[str, str | int]) -> pa.Table:
    """Return the answer to one statement."""
    given = tuple(values[name] for name in question.takes)
    statement = question.sql if connection.on_sqlite else question.on_postgresql
    return _with_types(connection.table(statement, given), question)


def _with_types(table: pa.Table, question: Question) -> pa.Table:
    """Return an answer whose columns have their types even when no row tells SQLite so."""
    fields = [
        pa.field(name, pa.int64() if name in question.whole else pa.string())
        if name in question.whole or name not in question.other
        else table.field(name)
        for name in table.column_names
    ]
    return table.cast(pa.schema(fields))


def _as_of(tables: Mapping[str, pa.Table]) -> int | None:
    """Return the newest instant among the installation's and the supplies'."""
    instants = [
        *tables["installation"]["last_instant"].to_pylist(),
        *(tables["supply_status"]["at"].to_pylist() if "supply_status" in tables else ()),
    ]
    return max((cast("int", instant) for instant in instants), default=None)


def _files(manifest: pa.Table, export_dir: Path) -> dict[str, tuple[str, ...]]:
    """Return the paths of exported files by kind."""
    files: dict[str, list[str]] = {}
    for row in manifest.to_pylist():
        files.setdefault(row["kind"], []).append(str(export_dir / row["name"]))
    return {kind: tuple(paths) for kind, paths in files.items()}
