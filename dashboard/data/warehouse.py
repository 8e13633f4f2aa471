"""A snapshot as tables of an in-memory DuckDB: exported files and the tail after them as one.

No extension is loaded, nothing but the export folder can be read, and no text of a person becomes SQL:
queries are constants of ``dashboard/queries`` with parameters.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Concatenate, Final, cast
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from dashboard.access import Viewer
from dashboard.data.snapshot import NotReadableError, Snapshot
from meter_bridge.storage import segment_columns

_SETTINGS: Final = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET parquet_metadata_cache = true",
    "SET temp_directory = ''",
    "SET TimeZone = 'UTC'",
)
_LOCK_DOWN: Final = ("SET enable_external_access = false", "SET lock_configuration = true")
_PERMITTED: Final = """
    CREATE TEMP MACRO permitted(every_site, sites, accounts) AS TABLE
        SELECT id AS account_id FROM account
        WHERE every_site OR list_contains(sites, site_id) OR list_contains(accounts, id)"""
# A building's own meter measures once more what its units use: its money counts, its energy counts already.
_PERMITTED_USE: Final = """
    CREATE TEMP MACRO permitted_use(every_site, sites, accounts) AS TABLE
        SELECT p.account_id,
               NOT contains(a.policy, '"building_meter":true') OR (SELECT count(*) FROM account) = 1 AS used
        FROM permitted(every_site, sites, accounts) p JOIN account a ON a.id = p.account_id"""
_TAIL: Final = f"""
    CREATE TEMP VIEW tail_segment AS SELECT {segment_columns.typed()} FROM tail"""  # noqa: S608
_SEGMENT: Final = "CREATE TEMP VIEW segment AS SELECT * FROM tail_segment"
_SEGMENT_FILES: Final = (
    _SEGMENT  # noqa: S608
    + """
    UNION ALL BY NAME SELECT * FROM read_parquet(getvariable('segment_files'), hive_partitioning = false)
    WHERE entry_seq >= getvariable('first_seq')"""
)
_ROLLUP_COLUMNS: Final = segment_columns.names(
    column for column in segment_columns.ROLLUP if column.name != "end_ms"
)
_ROLLUP: Final = f"CREATE TEMP VIEW rollup AS SELECT {_ROLLUP_COLUMNS} FROM tail_segment"  # noqa: S608
_ROLLUP_FILES: Final = f"""{_ROLLUP}
    UNION ALL BY NAME SELECT {_ROLLUP_COLUMNS}
    FROM read_parquet(getvariable('rollup_files'), hive_partitioning = false)"""  # noqa: S608
# A customer sees the present tenancy alone. Rollups do not know when within a day it began, segments do.
_OWN_ROLLUP: Final = f"""
    CREATE OR REPLACE TEMP VIEW rollup AS
        SELECT {", ".join(segment_columns.ROLLUP_KEYS)}, start_ms, {segment_columns.sums()}
        FROM segment WHERE account_id IN (SELECT id FROM account) GROUP BY ALL"""  # noqa: S608

_CLOCK_SCHEMA: Final = pa.schema(
    [("account_id", pa.string()), ("today", pa.date32()), ("opened", pa.date32())]
)


@lru_cache(maxsize=4)
def _database(export_dir: Path) -> duckdb.DuckDBPyConnection:
    """Return the database that all snapshots of an export folder share, for its cache of file footers."""
    database = duckdb.connect(":memory:")
    for setting in _SETTINGS:
        database.execute(setting)
    database.execute("SET allowed_directories = $folders", {"folders": [str(export_dir)]})
    for setting in _LOCK_DOWN:
        database.execute(setting)
    return database


@dataclass(slots=True)
class _CachedAnswer:
    question: Callable[..., object]
    arguments: tuple[object, ...]
    lock: Lock = field(default_factory=Lock)
    answer: object = None
    known: bool = False


class Warehouse:
    """One snapshot, ready for queries; safe to share between sessions."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.as_of = snapshot.as_of
        self._snapshot = snapshot
        self._lock = Lock()
        self._answers: dict[tuple[object, ...], _CachedAnswer] = {}
        self._answers_lock = Lock()
        self._connection = _database(snapshot.export_dir.absolute()).cursor()
        for name, table in snapshot.tables.items():
            self._connection.register(name, table)
        self._connection.register("account_clock", _account_clock(snapshot))
        self._connection.execute(_PERMITTED)
        self._connection.execute(_PERMITTED_USE)
        self._connection.execute(_TAIL)
        self._connection.execute("SET VARIABLE first_seq = $seq", {"seq": snapshot.first_seq})
        self._view("segment_files", snapshot.files.get("segments", ()), _SEGMENT, _SEGMENT_FILES)
        if snapshot.first_seq:
            self._connection.execute(_OWN_ROLLUP)
        else:
            self._view("rollup_files", snapshot.files.get("rollup", ()), _ROLLUP, _ROLLUP_FILES)

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a connection of its own to the same snapshot, for long questions that keep tables."""
        opened = Warehouse(self._snapshot)
        with closing(opened._connection) as connection:
            yield connection

    def _view(self, variable: str, files: tuple[str, ...], tail: str, both: str) -> None:
        if not files:
            self._connection.execute(tail)
            return
        self._connection.execute(f"SET VARIABLE {variable} = $files", {"files": list(files)})
        try:
            self._connection.execute(both)
        except duckdb.IOException as error:
            msg = f"An exported file cannot be read: {error}"
            raise NotReadableError(msg) from error

    def rows(self, query: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return the answer to a query, a dictionary for each row."""
        with self._lock:
            answer = self._connection.execute(query, dict(parameters))
            names = [column[0] for column in answer.description or ()]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def visible_rows(self, viewer: Viewer, query: str, **values: object) -> list[dict[str, Any]]:
        """Return the rows of a query over ``permitted(…)``: what this person may see."""
        return self.rows(query, viewer.parameters() | values)

    def records[T](self, kind: type[T], viewer: Viewer, query: str, **values: object) -> list[T]:
        """Return the same as objects, whose fields are named as the columns."""
        return [kind(**row) for row in self.visible_rows(viewer, query, **values)]

    def cached[**P, T](
        self, question: Callable[Concatenate[Warehouse, P], T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """Return the answer to a question about this snapshot, worked out once for all who ask the same."""
        assert not named, "questions that are remembered take their arguments by position"
        key = (question, *arguments)
        with self._answers_lock:
            slot = self._answers.setdefault(key, _CachedAnswer(question, arguments))
        with slot.lock:
            if not slot.known:
                slot.answer, slot.known = question(self, *arguments, **named), True
        return cast("T", slot.answer)

    def precompute_from(self, before: Warehouse) -> None:
        """Answer ahead what was asked of the snapshot before, so that nobody waits for it."""
        for slot in list(before._answers.values()):
            if slot.known:
                self.cached(slot.question, *slot.arguments)


def local_date(instant: int, time_zone: str) -> date:
    """Return the local date of an instant in milliseconds."""
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(time_zone)).date()


def _account_clock(snapshot: Snapshot) -> pa.Table:
    now = snapshot.as_of or 0
    accounts = snapshot.tables["account"].select(["id", "time_zone", "opened_at"]).to_pylist()
    rows = [
        {
            "account_id": account["id"],
            "today": local_date(now, account["time_zone"]),
            "opened": local_date(account["opened_at"], account["time_zone"]),
        }
        for account in accounts
    ]
    return pa.Table.from_pylist(rows, schema=_CLOCK_SCHEMA)
