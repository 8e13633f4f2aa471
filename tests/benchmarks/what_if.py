"""What-if over a portfolio: a year from daily sums with the same windows, a month with other windows.

``PREPAID_BENCHMARK_FULL=yes`` asks of 10,000 meters; without it 500. The first time includes reading the
installation; the second is what a person waits who changes a price and asks again.
"""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
import os
from pathlib import Path
import resource
import tempfile
import time
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.pricing.what_if import WhatIfQuestion, what_if
from meter_bridge.config.codec import encode
from meter_bridge.core.calendar import day_start, next_month
from meter_bridge.core.supply.decision import Policy
from meter_bridge.core.tariff.bands import Band
from meter_bridge.core.tariff.tariff import BlockSchedule, TariffVersion, Timeline
from meter_bridge.engine.export.exporter import manifest_rows, watermark_row
from meter_bridge.engine.export.parquet_file import ROW_GROUP_ROWS
from meter_bridge.storage import tables
from meter_bridge.storage.segment_files import ExportFile
from tests.benchmarks.portfolio import YEAR, account, version, write_month, year
from tests.benchmarks.progress import bar
from tests.dashboard.sample_house import House
from tests.exported import ROLLUP_SCHEMA

UNITS: Final = 500
FULL: Final = 10_000
GOAL_YEAR_S: Final = 3
GOAL_MONTH_S: Final = 10
MONTH: Final = date(YEAR, 3, 1)
SITE: Final = "street"
TARIFF: Final = "present"
LANDLORD: Final = Viewer(every_site=True)


def write(folder: Path, units: int) -> None:
    """Write an installation whose year is exported: daily sums of all, segments of one month."""
    house = House(folder, year()[1])
    price_list = replace(version(), tariff_id=TARIFF)
    house.add(tables.installation, id="b", name="Benchmark", created_at=0, last_instant=house.now)
    house.add(
        tables.site, id=SITE, name="Street", time_zone=price_list.time_zone, currency=price_list.currency
    )
    house.add(tables.tariff, id=TARIFF, site_id=SITE, name="Present")
    house.add(
        tables.tariff_version,
        id=price_list.id,
        tariff_id=TARIFF,
        valid_from=price_list.valid_from,
        document=encode(price_list),
        withdrawn_at=None,
    )
    for number in range(units):
        _add_unit(house, account(number))
    files = [_rollup(folder, units, month) for month in (date(YEAR, each, 1) for each in range(1, 13))]
    path = write_month(folder / "export", units, MONTH)
    files.append(_file("segments", path.relative_to(folder / "export").as_posix(), MONTH))
    for row in manifest_rows(files, 0):
        house.add(tables.export_file, **row)
    house.add(tables.export_watermark, **watermark_row(1))
    house.write()


def _add_unit(house: House, name: str) -> None:
    house.add(
        tables.account,
        id=name,
        site_id=SITE,
        name=name,
        customer=None,
        policy=encode(Policy()),
        opened_at=0,
        closed_at=None,
    )
    house.add(tables.supply, id=name, account_id=name, commodity="electricity", closed_at=None)
    house.add(tables.supply_tariff, supply_id=name, valid_from=0, tariff_id=TARIFF)
    house.add(tables.tenancy, account_id=name, n=1, start_ms=0, end_ms=None, first_seq=1, first_event=1)


def _file(kind: str, name: str, month: date) -> ExportFile:
    last = next_month(month) - timedelta(days=1)
    days = {"first_day": month.isoformat(), "last_day": last.isoformat()}
    return ExportFile(name=name, kind=kind, first_seq=1, last_seq=1, rows=1, **days)


def _rollup(folder: Path, units: int, month: date) -> ExportFile:
    """Write the daily sums of a month: one row for each unit and interval in a band."""
    timeline, zone = Timeline((version(),)), version().zone
    at, end = day_start(month, zone), day_start(next_month(month), zone)
    parts: list[tuple[date, str, int, int]] = []
    day = month
    while at < end:
        stretch = timeline.interval_at(at)
        while day_start(day + timedelta(days=1), zone) <= at:
            day += timedelta(days=1)
        until = min(stretch.end, day_start(day + timedelta(days=1), zone))
        parts.append((day, stretch.band, at, until))
        at = until
    name = f"rollup/{month:%Y-%m}.parquet"
    path = folder / "export" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, ROLLUP_SCHEMA, compression="zstd") as writer:
        for first in range(0, units, 500):
            several = range(first, min(first + 500, units))
            writer.write_table(_rows(several, parts, month), row_group_size=ROW_GROUP_ROWS)
    return _file("rollup", name, month)


def _rows(units: range, parts: list[tuple[date, str, int, int]], month: date) -> pa.Table:
    rng, count = np.random.default_rng((units.start, month.month)), len(parts)
    hours = np.array([(until - at) // 3_600_000 for _, _, at, until in parts])
    wh = (rng.integers(100, 1_200, (len(units), count)) * hours).reshape(-1)
    names = np.repeat([account(unit) for unit in units], count)
    days, bands, starts, ends = (list(each) * len(units) for each in zip(*parts, strict=True))
    columns = {
        "account_id": names,
        "supply_id": names,
        "local_day": days,
        "band": bands,
        "start_ms": starts,
        "end_ms": ends,
        "wh": wh,
        "amount": wh * 20,
        "tax": wh * 3,
    }
    constant = {"kind": "consumption", "block": 1, "version_id": version().id}
    return pa.Table.from_arrays(
        [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.repeat(pa.scalar(constant[field.name], field.type), len(wh))
            for field in ROLLUP_SCHEMA
        ],
        schema=ROLLUP_SCHEMA,
    )


def dearer(present: TariffVersion) -> TariffVersion:
    """Return a price list with the same windows, but other prices and blocks."""
    return replace(present, ladders=tuple(_dearer(each) for each in present.ladders))


def _dearer(ladder: BlockSchedule) -> BlockSchedule:
    """Return a ladder that costs a tenth more and ends its blocks a tenth earlier."""
    prices = tuple(tuple(price * 11 // 10 for price in row) for row in ladder.prices)
    return replace(ladder, prices=prices, limits=tuple(limit * 9 // 10 for limit in ladder.limits))


def shifted(present: TariffVersion) -> TariffVersion:
    """Return the price list with every window an hour later."""

    def later(band: Band) -> Band:
        windows = tuple(
            replace(each, start=(each.start + 60) % 1440, end=(each.end + 60) % 1440) for each in band.windows
        )
        return replace(band, windows=windows)

    bands = tuple(later(band) for band in present.bands)
    return replace(present, calendar=replace(present.calendar, bands=bands))


def measure(units: int) -> None:
    """Print the duration of each question."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("PREPAID_BENCHMARK_FOLDER")) as name:
        folder = Path(name)
        write(folder, units)
        started = time.perf_counter()
        opened = Warehouse(read_snapshot(folder))
        print(f"  {units:,} units; read in {time.perf_counter() - started:.2f} s", flush=True)
        december = date(YEAR, 12, 31)
        _ask(opened, "a year, the same windows", dearer(version()), (date(YEAR, 1, 1), december), GOAL_YEAR_S)
        end = next_month(MONTH) - timedelta(days=1)
        _ask(opened, "a month, other windows", shifted(version()), (MONTH, end), GOAL_MONTH_S)
        print(f"  peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB", flush=True)


def _ask(opened: Warehouse, what: str, wanted: TariffVersion, days: tuple[date, date], goal: int) -> None:
    question = WhatIfQuestion(timeline=Timeline((wanted,)), first=days[0], last=days[1])
    for time_of in ("first", "again"):
        started, cpu = time.perf_counter(), time.process_time()
        answer = what_if(opened, LANDLORD, question, lambda share: bar("  pricing", share))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        print(
            f"  {what}, {time_of}: {seconds:.2f} s, {cpu:.1f} s of processor time"
            f" (goal: under {goal} s for {FULL:,}); {answer.more:,} pay more, {answer.less:,} less",
            flush=True,
        )


async def main() -> None:
    """Measure in a thread, so that the event loop stays free."""
    full = os.environ.get("PREPAID_BENCHMARK_FULL", "") == "yes"
    await asyncio.to_thread(measure, FULL if full else UNITS)
