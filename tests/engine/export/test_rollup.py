"""The daily sums keep the order in which bands follow each other, for ladders to climb."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.engine.export.parquet_file import daily_sums, open_duckdb
from tests.exported import ROLLUP_SCHEMA


@pytest.fixture
def database(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb(tmp_path) as opened:
        yield opened


def summed(database: duckdb.DuckDBPyConnection, tables: Sequence[pa.Table]) -> pa.Table:
    """Return the daily sums of rows, which may be daily sums themselves."""
    database.register("given", pa.concat_tables(tables))
    return database.sql(daily_sums("FROM given")).to_arrow_table()


def _day(*parts: tuple[int, int, str]) -> pa.Table:
    """Return segments of a day, written as first hour, hour after it, and band; 10 Wh in each quarter."""
    rows = [
        dict.fromkeys(ROLLUP_SCHEMA.names)
        | {
            "account_id": "flat-1",
            "supply_id": "flat-1-supply",
            "local_day": date(2026, 11, 1),
            "kind": "consumption",
            "band": band,
            "version_id": "v1",
            "start_ms": quarter * SLOT_MS,
            "end_ms": (quarter + 1) * SLOT_MS,
            "wh": 10,
            "amount": 1,
            "tax": 0,
        }
        for first, end, band in parts
        for quarter in range(first * 4, end * 4)
    ]
    return pa.Table.from_pylist(rows, schema=ROLLUP_SCHEMA)


def parts(table: pa.Table) -> list[tuple[int, str, int]]:
    """Return the first hour, band and energy of each row."""
    rows = [(row["start_ms"] // SLOT_MS / 4, row["band"], row["wh"]) for row in table.to_pylist()]
    return sorted(rows)


def test_the_rollup_keeps_apart_what_another_band_lies_between(
    database: duckdb.DuckDBPyConnection,
) -> None:
    day = _day((0, 17, "rest"), (17, 19, "peak"), (19, 24, "rest"))
    expected = [(0, "rest", 680), (17, "peak", 80), (19, "rest", 200)]
    assert parts(summed(database, [day])) == expected
    pieces = [day.slice(0, 30), day.slice(30, 50), day.slice(80)]
    so_far = summed(database, pieces[:1])
    for piece in pieces[1:]:
        so_far = summed(database, [so_far, piece])
    assert parts(so_far) == expected


def test_the_rollup_keeps_apart_what_a_gap_lies_between(database: duckdb.DuckDBPyConnection) -> None:
    morning_and_evening = _day((0, 17, "rest"), (19, 24, "rest"))
    assert parts(summed(database, [morning_and_evening])) == [(0, "rest", 680), (19, "rest", 200)]


def test_a_time_that_another_meter_covers_is_no_gap_and_a_midnight_begins_a_new_row(
    database: duckdb.DuckDBPyConnection,
) -> None:
    long, early, late = _day((0, 4, "rest")), _day((1, 2, "rest")), _day((3, 4, "rest"))
    whole = long.slice(0, 1).set_column(8, "end_ms", pa.array([16 * SLOT_MS], pa.int64()))
    assert parts(summed(database, [whole, early, late])) == [(0, "rest", 90)]
    tomorrow = late.set_column(2, "local_day", pa.array([date(2026, 11, 2)] * 4))
    assert parts(summed(database, [whole, early, tomorrow])) == [(0, "rest", 50), (3, "rest", 40)]
