"""The daily sums keep the order in which bands follow each other, for ladders to climb."""

from datetime import date

import pyarrow as pa

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.engine.export.parquet_file import ROLLUP_SCHEMA, summed


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


def test_the_rollup_keeps_apart_what_another_band_lies_between() -> None:
    day = _day((0, 17, "rest"), (17, 19, "peak"), (19, 24, "rest"))
    expected = [(0, "rest", 680), (17, "peak", 80), (19, "rest", 200)]
    assert parts(summed([day])) == expected
    pieces = [day.slice(0, 30), day.slice(30, 50), day.slice(80)]
    so_far = summed(pieces[:1])
    for piece in pieces[1:]:
        so_far = summed([so_far, piece])
    assert parts(so_far) == expected


def test_the_rollup_keeps_apart_what_a_gap_lies_between() -> None:
    morning_and_evening = _day((0, 17, "rest"), (19, 24, "rest"))
    assert parts(summed([morning_and_evening])) == [(0, "rest", 680), (19, "rest", 200)]
