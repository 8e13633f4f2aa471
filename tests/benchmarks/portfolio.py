"""A portfolio of many meters over a year, as the bridge exports it: month files of segments."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from meter_bridge.core.calendar import SLOT_MS, day_start, next_month
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from meter_bridge.engine.export.parquet_file import ROW_GROUP_ROWS
from tests.benchmarks.rating import tariff
from tests.exported import SEGMENT_SCHEMA
from tests.oracles.described import Example, Load, Meaning
from tests.oracles.pricing import version_of

YEAR: Final = 2029
"""It begins on a Monday, as the other calculator's year does."""
QUARTERS: Final = 35_040
TERMS: Final = SupplyTerms()
_BATCH: Final = 250
"""Units that are drawn and written together."""


def version() -> TariffVersion:
    """Return the benchmark's tariff: three blocks by three bands, other hours at weekends."""
    return version_of(Example(tariff(), Load("year", YEAR, 15, ()), Meaning.CHRONOLOGICAL))


def timeline() -> Timeline:
    """Return the benchmark's timeline."""
    return Timeline((version(),))


def year() -> tuple[int, int]:
    """Return the first instant of the year and that of the next."""
    zone = version().zone
    return day_start(date(YEAR, 1, 1), zone), day_start(date(YEAR + 1, 1, 1), zone)


def account(number: int) -> str:
    return f"unit-{number:05d}"


def write_portfolio(folder: Path, units: int, progress: Callable[[float], None]) -> list[Path]:
    """Write a file of segments for each month, sorted by unit and time; return them."""
    paths, month = [], date(YEAR, 1, 1)
    while month.year == YEAR:
        paths.append(write_month(folder, units, month))
        progress(month.month / 12)
        month = next_month(month)
    return paths


def write_month(folder: Path, units: int, month: date) -> Path:
    """Write the file of segments of a month and return it."""
    path = folder / SEGMENTS.format(month)
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, SEGMENT_SCHEMA, compression="zstd") as writer:
        for first in range(0, units, _BATCH):
            several = range(first, min(first + _BATCH, units))
            writer.write_table(_segments(several, month), row_group_size=ROW_GROUP_ROWS)
    return path


SEGMENTS: Final = "segments/month={:%Y-%m}/1-1-0.parquet"


def drawn(unit: int, month: date) -> np.ndarray:
    """Return the energy of a unit's quarter hours in a month: a base load, an evening peak, and chance."""
    quarters = (next_month(month) - month).days * 96
    rng = np.random.default_rng((unit, month.month))
    hour = np.arange(quarters) // 4 % 24
    shape = 1 + 2 * ((hour >= 17) & (hour < 22)) + (hour < 6) * -0.5
    return (rng.integers(20, 200, quarters) * shape * (1 + unit % 7 / 4)).astype(np.int64)


def _segments(units: range, month: date) -> pa.Table:
    zone = version().zone
    start, end = day_start(month, zone), day_start(next_month(month), zone)
    starts = np.arange(start, end, SLOT_MS, dtype=np.int64)
    count, rows = len(starts), len(starts) * len(units)
    days = np.array([(month - date(1970, 1, 1)).days + at // 96 for at in range(count)], dtype=np.int32)
    names = pa.array([account(unit) for unit in units])
    name = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.arange(len(units), dtype=np.int32), count)), names
    ).cast(pa.string())
    known = {
        "account_id": name,
        "supply_id": name,
        "meter_id": name,
        "start_ms": np.tile(starts, len(units)),
        "end_ms": np.tile(starts + SLOT_MS, len(units)),
        "wh": np.concatenate([drawn(unit, month) for unit in units]),
        "local_day": pa.array(np.tile(days, len(units)), pa.int32()).cast(pa.date32()),
        "local_slot": np.tile(np.arange(count, dtype=np.int16) % 96, len(units)),
        "entry_seq": np.arange(rows, dtype=np.int64),
    }
    constant = {"kind": "consumption", "band": "band 0", "block": 1, "version_id": "v1", "estimated": False}
    columns = [
        pa.array(known[field.name], field.type)
        if field.name in known
        else pa.repeat(pa.scalar(constant.get(field.name, 0), field.type), rows)
        for field in SEGMENT_SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SEGMENT_SCHEMA)
