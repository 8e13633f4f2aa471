"""Blocks x bands over a year of quarter hours: sets against PySAM and one pass of polars, exact to the unit.

Each has two cores: sets and polars use two threads, PySAM two processes with half of the meters each; elapsed
time is from the first load to the last bill.

``PREPAID_BENCHMARK_FULL=yes`` prices 10,000 meters, 350 million intervals; without it 500.
"""

import asyncio
from collections.abc import Mapping
from datetime import date
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Final

from meter_bridge.core.money import amount_digits
from meter_bridge.core.rating.load_pricing import LoadInterval, PricedPeriod, price_load_profile
from tests.benchmarks.portfolio import QUARTERS, TERMS, YEAR, drawn, timeline, write_portfolio
from tests.benchmarks.progress import bar
from tests.benchmarks.rating import tariff
from tests.oracles.asking import Oracle, Question
from tests.oracles.described import Example, Load, Meaning, intervals
from tests.oracles.pricing import CURRENCY
from tests.oracles.translating import pysam_job

UNITS: Final = 500
FULL: Final = 10_000
BOTH: Final = 24
"""Units that are priced by PySAM."""
BY_CORE: Final = 3
"""Units that are priced by the bridge's rating."""
GOAL_PYSAM: Final = 5
GOAL_POLARS: Final = 2
GOAL_MB: Final = 4_000

type Output = Mapping[str, object]


def number(output: Output, name: str) -> float:
    """Return a figure from the output of a program."""
    value = output[name]
    assert isinstance(value, int | float)
    return value


def run(module: str, folder: Path, units: int) -> Output:
    """Run a pricing program in a separate process and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.benchmarks.{module}", str(folder), str(units)],
        check=True,
        stdout=subprocess.PIPE,
    )
    output: Output = json.loads(done.stdout)
    return output


def loads(units: int) -> list[tuple[int, ...]]:
    """Return the year of some units."""
    months = [date(YEAR, month, 1) for month in range(1, 13)]
    return [tuple(int(wh) for month in months for wh in drawn(unit, month)) for unit in range(units)]


def pysam(years: list[tuple[int, ...]]) -> tuple[float, float, list[list[float]]]:
    """Return PySAM's intervals per second of processor and of elapsed time (two processes), and the bills."""
    job: dict[str, object] = dict(
        pysam_job(Example(tariff(), Load("0", YEAR, 15, years[0]), Meaning.CHRONOLOGICAL))
    )
    half = len(years) // 2
    names = [str(unit) for unit in range(len(years))]
    shares = [names[:half], names[half:]]
    started = time.perf_counter()
    asked = [
        Question(
            Oracle.PYSAM, [job | {"load": name} for name in share], {name: years[int(name)] for name in share}
        )
        for share in shares
    ]
    found = [answer for question in asked for answer in question.answers()]
    clock = time.perf_counter() - started
    for question in asked:
        question.__exit__()
    cpu = sum(float(answer["cpu_s"][0]) for answer in found)
    bills = [[float(amount) for amount in answer["energy"]] for answer in found]
    return len(years) * QUARTERS / cpu, len(years) * QUARTERS / clock, bills


def disagreements(output: Output, bills: list[list[float]], years: list[tuple[int, ...]]) -> list[str]:
    """Return differences of the sets from PySAM beyond rounding, and any from the bridge."""
    ours = output["first"]
    assert isinstance(ours, dict)
    step = 10 ** -amount_digits(CURRENCY)
    found = []
    for unit, bill in enumerate(bills):
        for month, theirs in enumerate(bill, 1):
            mine = ours[f"{unit} {YEAR}-{month:02d}-01/P1M"] * step
            if abs(mine - theirs) > 9 * step + abs(theirs) * 1e-9:
                found.append(f"unit {unit}, month {month}: sets {mine}, PySAM {theirs}")
    for unit in range(BY_CORE):
        for period in by_core(years[unit]):
            mine = ours[f"{unit} {period.period}"]
            found += [f"unit {unit}, {period.period}: sets {mine}, bridge {period.total}"] * (
                mine != period.total
            )
    return found


def by_core(wh: tuple[int, ...]) -> tuple[PricedPeriod, ...]:
    """Return the bills of a year according to the bridge's rating."""
    zone = timeline().versions[0].time_zone
    load = [LoadInterval(*each) for each in intervals(Load("year", YEAR, 15, wh), zone)]
    return price_load_profile(timeline(), load, TERMS)


def measure(units: int) -> None:
    """Print the table."""
    count = units * QUARTERS
    with tempfile.TemporaryDirectory(dir=os.environ.get("PREPAID_BENCHMARK_FOLDER")) as name:
        folder = Path(name)
        paths = write_portfolio(folder, units, lambda share: bar("  drawing", share))
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"  {units:,} meters, a year, {count:,} intervals, {len(paths)} month files, {size:,.0f} MB")
        sets = run("pricing_sets", folder, units)
        _print_speed("sets", sets, count)
        print(f"    peak {number(sets, 'peak_mb'):,.0f} MB (goal: under {GOAL_MB:,})", flush=True)
        against_pysam(sets, count)
        if units <= UNITS:
            against_polars(sets, run("pricing_polars", folder, units), count)


def against_pysam(sets: Output, count: int) -> None:
    """Print PySAM's speed, ours as a multiple of it, and whether both agree."""
    years = loads(BOTH)
    per_cpu, clock, bills = pysam(years)
    mine, on_clock = count / number(sets, "cpu"), count / number(sets, "seconds")
    print(f"  PySAM: {clock:,.0f} intervals/s on the clock of two processes, {BOTH} of the same meters")
    print(f"    two cores each: sets {on_clock / clock:.1f} x PySAM (goal: {GOAL_PYSAM})")
    print(
        f"    note: by processor time {mine / per_cpu:.1f} x; PySAM takes {per_cpu:,.0f} intervals per second"
    )
    print("          of it without reading its loads, sets read theirs from files", flush=True)
    wrong = disagreements(sets, bills, years)
    result = "; ".join(wrong[:5]) or "yes"
    print(f"    {BOTH} units agree with PySAM, {BY_CORE} with the bridge, to the unit: {result}", flush=True)


def against_polars(sets: Output, polars: Output, count: int) -> None:
    """Print the speed of polars, and ours as a multiple of it."""
    _print_speed("polars, one pass", polars, count)
    clock, cpu = (number(polars, each) / number(sets, each) for each in ("seconds", "cpu"))
    same = "yes" if polars["total"] == sets["total"] else "no"
    print(f"    two cores each: sets {clock:.1f} x polars (goal: {GOAL_POLARS})")
    print(f"    note: by processor time {cpu:.1f} x", flush=True)
    print(f"    same total to the unit: {same}", flush=True)


def _print_speed(what: str, output: Output, count: int) -> None:
    seconds, cpu = number(output, "seconds"), number(output, "cpu")
    print(
        f"  {what}: {seconds:.1f} s, {count / seconds:,.0f} intervals/s on the clock,"
        f" {count / cpu:,.0f} per second of processor time",
        flush=True,
    )


async def main() -> None:
    """Measure in a thread, so that the event loop stays free."""
    full = os.environ.get("PREPAID_BENCHMARK_FULL", "") == "yes"
    await asyncio.to_thread(measure, FULL if full else UNITS)
