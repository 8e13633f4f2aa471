"""Prices a portfolio in one pass of polars: ``python -m tests.benchmarks.pricing_polars FOLDER UNITS``.

One window over the intervals fills the blocks, the obvious way to write it, in integers.
"""

from itertools import pairwise
import json
import os
from pathlib import Path
import resource
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl

from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff.tariff import WH_PER_MWH, TariffVersion
from tests.benchmarks.portfolio import SEGMENTS, version, year

ENDLESS = 1 << 60


def calendar(priced: TariffVersion) -> pl.LazyFrame:
    """Return month and band of every quarter hour."""
    first, last = year()
    starts = range(first, last, SLOT_MS)
    bands = [priced.calendar.at(at).band for at in starts]
    months = [priced.period(at) for at in starts]
    return pl.LazyFrame({"start_ms": list(starts), "band": bands, "month": months}).with_columns(
        pl.col("band", "month").cast(pl.Categorical)
    )


def lines(paths: list[Path], priced: TariffVersion) -> pl.DataFrame:
    """Return the energy of each unit, month, band and block."""
    limits = [0, *priced.ladders[0].limits, ENDLESS]
    load = pl.scan_parquet(paths).select("account_id", "start_ms", "wh")
    high = pl.col("wh").cum_sum().over("account_id", "month", order_by="start_ms")
    inside = [
        (
            pl.min_horizontal("high", pl.lit(end))
            - pl.max_horizontal(pl.col("high") - pl.col("wh"), pl.lit(begin))
        )
        .clip(0)
        .sum()
        .alias(str(block))
        for block, (begin, end) in enumerate(pairwise(limits))
    ]
    placed = load.join(calendar(priced), on="start_ms").with_columns(high.alias("high"))
    return placed.group_by("account_id", "month", "band").agg(inside).collect()


def main() -> None:
    """Price every month file and print seconds, peak memory and the sum of all lines."""
    folder = Path(sys.argv[1])
    started, cpu = time.perf_counter(), time.process_time()
    priced = version()
    total = 0
    for path in sorted(folder.glob(SEGMENTS.replace("{:%Y-%m}", "*"))):
        for row in lines([path], priced).iter_rows(named=True):
            for block in range(priced.ladders[0].blocks):
                total += divide_half_even(priced.price(block, row["band"]) * row[str(block)], WH_PER_MWH)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
                "total": total,
            }
        )
    )


if __name__ == "__main__":
    main()
