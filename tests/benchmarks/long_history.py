"""A long history for an installation: quarter hours as the bridge posts them, and its exported files.

Every quarter hour of a meter is an entry with three postings, two lines and a segment, as
``engine/ledger/journal.py`` writes them. Some accounts have a whole month in the journal, all have the newest
quarters. All segment rows are in the exported files.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
import sqlite3
from typing import Final
from zoneinfo import ZoneInfo

import duckdb

from meter_bridge.core.calendar import SLOT_MS, local_day, local_quarter_hour, month_of

ZONE: Final = ZoneInfo("Africa/Johannesburg")
VERSION: Final = "home@2026-01-01"
PRICE: Final = 2_200
"""Millionths of a rand for a Wh."""
TAX: Final = 330
CACHE_KIB: Final = 2_000_000
DAY_QUARTERS: Final = 96
UNITS_AT_ONCE: Final = 5_000
"""Units whose rows make one file of a month, so that a file holds some millions of rows."""

_ENTRY: Final = """
    INSERT INTO journal_entry
    SELECT :first + n, 'entry-' || (:first + n), id, :at, 'charge', 'Electricity used', 'bridge', NULL,
           had - :times * wh * :cost,
           '{"readings":{"' || id || '/main":[' || (:at - 4000) || ','
               || (1000000 + wh * :times) || ',0]}}'
    FROM temp.unit WHERE n < :units ORDER BY n"""
_POSTING: Final = """
    INSERT INTO posting
    SELECT :first + u.n, p.n, u.id, p.bucket, 'ZAR', p.sign * u.wh * p.price
    FROM temp.unit u, (SELECT 0 AS n, 'balance' AS bucket, -1 AS sign, 2530 AS price
        UNION ALL SELECT 1, 'consumption', 1, 2200 UNION ALL SELECT 2, 'tax', 1, 330) p
    WHERE u.n < :units ORDER BY u.n, p.n"""
_LINE: Final = """
    INSERT INTO charge_line
    SELECT :first + u.n, p.n, u.id || '/electricity', p.kind, :period, :version, p.block, p.band,
           u.wh, p.price, u.wh * p.price
    FROM temp.unit u, (SELECT 0 AS n, 'consumption' AS kind, 1 AS block, 'off-peak' AS band, 2200 AS price
        UNION ALL SELECT 1, 'tax', NULL, 'VAT', 330) p
    WHERE u.n < :units ORDER BY u.n, p.n"""
_SEGMENT: Final = """
    INSERT INTO segment
    SELECT :first + n, 0, 'consumption', id, id || '/electricity', id || '/main', :at - 900000, :at, wh,
           1000000 + wh * :times, :day, :slot, 'off-peak', 1, :version, wh * :price, wh * :tax, 0
    FROM temp.unit WHERE n < :units ORDER BY n"""
_FILE: Final = """
    COPY (
        SELECT (1000000 + t.range * 100000 + u.range)::BIGINT AS entry_seq, 0::INTEGER AS n,
               'consumption' AS kind, 'u' || u.range AS account_id,
               account_id || '/electricity' AS supply_id, account_id || '/main' AS meter_id,
               $begin::BIGINT + t.range * 900000 AS start_ms,
               $begin::BIGINT + t.range * 900000 + 900000 AS end_ms,
               (20 + hash(u.range, t.range) % 300)::BIGINT AS wh,
               $day::DATE + (t.range // 96)::INTEGER AS local_day, (t.range % 96)::SMALLINT AS local_slot,
               'off-peak' AS band, 1::SMALLINT AS block, $version AS version_id, wh * 2200 AS amount,
               wh * 330 AS tax, false AS estimated
        FROM range($low, $high) u, range($first, $after) t)
    TO {path} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 32768)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The length of a history."""

    meters: int
    sampled: int
    """The first accounts, whose journal holds all the quarters of ``days``."""
    days: int
    rows: int
    """Interval rows in exported files, spread over all meters."""


class Journal:
    """The journal of an installation, which grows in steps."""

    def __init__(self, database: Path, history: History, now: int) -> None:
        self._database, self._history = database, history
        self._end = now // SLOT_MS * SLOT_MS
        self._sampled_quarters = history.days * DAY_QUARTERS
        self._done = 0
        with self._opened() as connection:
            _age_openings(connection, self._end - (self._sampled_quarters + 1) * SLOT_MS)
        self.intervals = 0

    def add_sample(self, quarters_kept: int) -> None:
        """Post the month of the sampled accounts, except the newest quarters, which all accounts have."""
        with self._opened() as connection:
            for times in range(1, self._sampled_quarters - quarters_kept + 1):
                self._quarter(connection, self._history.sampled, times)
            _settle(connection)

    def add(self, quarters: int) -> None:
        """Post further quarters of all accounts."""
        with self._opened() as connection:
            for times in range(1, quarters + 1):
                self._quarter(connection, self._history.meters, times)
            _settle(connection)

    def _quarter(self, connection: sqlite3.Connection, units: int, times: int) -> None:
        """Post a quarter of an hour of the first units, the nth time since the journal was opened."""
        self._done += 1
        at = self._end - (self._sampled_quarters - self._done) * SLOT_MS
        day = local_day(at - SLOT_MS, ZONE)
        first = connection.execute("SELECT max(seq) + 1 FROM journal_entry").fetchone()[0]
        given = {
            "first": first, "at": at, "units": units, "times": times, "cost": PRICE + TAX,
            "price": PRICE, "tax": TAX,
            "version": VERSION, "day": day.isoformat(), "slot": local_quarter_hour(at - SLOT_MS, ZONE),
            "period": f"{month_of(day).isoformat()}/P1M",
        }  # fmt: skip
        for statement in (_ENTRY, _POSTING, _LINE, _SEGMENT):
            connection.execute(statement, given)
        self.intervals += units

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._database)) as connection:
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(
                "CREATE TEMP TABLE unit (n INTEGER PRIMARY KEY, id TEXT, wh INTEGER, had INTEGER)"
            )
            connection.execute(
                "INSERT INTO temp.unit SELECT CAST(substr(account_id, 2) AS INTEGER), account_id,"
                " 40 + CAST(substr(account_id, 2) AS INTEGER) % 97, amount"
                " FROM balance WHERE bucket = 'balance'"
            )
            yield connection
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _age_openings(connection: sqlite3.Connection, at: int) -> None:
    """Move every opening credit to an instant before the history."""
    guard = connection.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'journal_entry_no_update'"
    ).fetchone()[0]
    connection.execute("DROP TRIGGER journal_entry_no_update")
    connection.execute("UPDATE journal_entry SET at = ?", (at,))
    connection.execute(guard)


def _settle(connection: sqlite3.Connection) -> None:
    """Set every balance to the sum of its postings, and mark everything posted as exported."""
    connection.execute(
        "INSERT INTO balance SELECT account_id, bucket, asset, sum(amount) FROM posting"
        " GROUP BY account_id, bucket, asset ON CONFLICT DO UPDATE SET amount = excluded.amount"
    )
    connection.execute("INSERT OR REPLACE INTO export_watermark SELECT 1, max(seq) FROM journal_entry")


def write_files(data: Path, history: History, now: int, progress: Callable[[float], None]) -> int:
    """Write the exported files of the whole history with their manifest; return their size in bytes."""
    per_meter = history.rows // history.meters
    first_day = local_day(now - per_meter * SLOT_MS, ZONE)
    begin = int(datetime(first_day.year, first_day.month, first_day.day, tzinfo=ZONE).timestamp() * 1000)
    names, written = [], 0
    with duckdb.connect(":memory:") as database, closing(sqlite3.connect(data / "bridge.db")) as manifest:
        for month, first, after in _months(begin, per_meter):
            folder = data / f"export/segments/month={month}"
            folder.mkdir(parents=True, exist_ok=True)
            for low in range(0, history.meters, UNITS_AT_ONCE):
                high = min(low + UNITS_AT_ONCE, history.meters)
                path = folder / f"1-1-{low // UNITS_AT_ONCE}.parquet"
                given = {
                    "begin": begin, "day": first_day, "version": VERSION, "low": low, "high": high,
                    "first": first, "after": after,
                }  # fmt: skip
                database.execute(_FILE.format(path=f"'{path}'"), given)
                written += path.stat().st_size
                names.append((str(path.relative_to(data / "export")), (high - low) * (after - first), month))
                progress(after / per_meter * high / history.meters)
        manifest.executemany(
            "INSERT INTO export_file (name, kind, first_seq, last_seq, rows, first_day, last_day, created_at,"
            " retired_at, checked) VALUES (?, 'segments', 1, 1, ?, ? || '-01', ? || '-28', ?, NULL, 1)",
            ((name, rows, month, month, now) for name, rows, month in names),
        )
        manifest.commit()
    return written


def _months(begin: int, quarters: int) -> Iterator[tuple[str, int, int]]:
    """Yield each month with its first quarter and the first after it."""
    first = 0
    while first < quarters:
        month = _month(begin + first * SLOT_MS)
        after = first
        while after < quarters and _month(begin + after * SLOT_MS) == month:
            after += DAY_QUARTERS
        yield month, first, min(after, quarters)
        first = after


def _month(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(ZONE).strftime("%Y-%m")
