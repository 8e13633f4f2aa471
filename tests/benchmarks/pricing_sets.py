"""Prices a portfolio in sets: ``python -m tests.benchmarks.pricing_sets FOLDER UNITS``."""

import json
from pathlib import Path
import resource
import sys
import time

import duckdb
import pyarrow as pa

from dashboard.pricing.pricer import Pricer
from tests.benchmarks.portfolio import SEGMENTS, TERMS, account, timeline, year
from tests.benchmarks.progress import bar

THREADS = 2
_MONTH = """
    SELECT c.unit::INTEGER AS unit, s.start_ms, s.end_ms, s.wh
    FROM read_parquet(getvariable('path')) s JOIN chosen c ON c.account_id = s.account_id"""


def main() -> None:
    """Price every month file and print seconds, peak memory and the sum of all lines."""
    folder, units = Path(sys.argv[1]), int(sys.argv[2])
    started, cpu = time.perf_counter(), time.process_time()
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": "3GB"})
    first, last = year()
    pricer = Pricer(connection, timeline(), dict.fromkeys(range(units), TERMS), first, last)
    numbers = pa.table({"account_id": [account(unit) for unit in range(units)], "unit": range(units)})
    pricer.register("chosen", numbers)
    paths = sorted(folder.glob(SEGMENTS.replace("{:%Y-%m}", "*")))
    for done, path in enumerate(paths, 1):
        pricer.set_variables(path=str(path))
        pricer.add(_MONTH)
        bar("  pricing", done / len(paths))
    totals = pricer.totals()
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "cpu": time.process_time() - cpu,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
                "total": sum(totals.values()),
                "first": {
                    f"{unit} {period}": amount for (unit, period), amount in totals.items() if unit < 24
                },
            }
        )
    )


if __name__ == "__main__":
    main()
