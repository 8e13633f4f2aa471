"""How many intervals the engine prices per second on one core, compared with other calculators."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
import random
import statistics
import time
from typing import Final

from tests.oracles.asking import Job, Oracle, Question
from tests.oracles.described import WEEKDAYS, WEEKEND, Described, Example, Load, Meaning, Window
from tests.oracles.pricing import price
from tests.oracles.translating import pysam_job, ratebook_job

ROUNDS: Final = 5
QUARTERS: Final = 35_040
GOAL: Final = 50_000
BLOCKS: Final = (150_000, 400_000)
PRICES: Final = (("0.31", "0.19", "0.11"), ("0.38", "0.24", "0.14"), ("0.47", "0.30", "0.18"))
"""Three blocks by three bands: peak, day, night."""


def tariff() -> Described:
    """Return a tariff of blocks by bands with other hours at weekends."""
    return Described(
        prices=tuple(tuple(Decimal(each) for each in row) for row in PRICES),
        limits=(BLOCKS,) * 3,
        windows=(
            Window(2, WEEKDAYS, 0, 6 * 60),
            Window(1, WEEKDAYS, 6 * 60, 17 * 60),
            Window(0, WEEKDAYS, 17 * 60, 21 * 60),
            Window(1, WEEKDAYS, 21 * 60, 0),
            Window(2, WEEKEND, 0, 8 * 60),
            Window(1, WEEKEND, 8 * 60, 0),
        ),
    )


def examples() -> Iterator[Example]:
    """Yield one year of quarter hours, for each meaning of blocks and bands."""
    rng = random.Random(1)
    wh = tuple(rng.randrange(20, 400) for _ in range(QUARTERS))
    for meaning in Meaning:
        yield Example(tariff(), Load("year", 2029, 15, wh), meaning)


def ours(example: Example, *, asked: bool = False) -> float:
    """Return the intervals that the engine prices per second of processor time, including postings.

    With ``asked`` what has accrued is asked for after each, as by a bridge that decides on it.
    """
    found = []
    for _ in range(ROUNDS):
        started = time.process_time()
        price(example, asked=asked)
        found.append(time.process_time() - started)
    return len(example.load.wh) / statistics.median(found)


def theirs(oracle: Oracle, job: Job, loads: dict[str, tuple[int, ...]]) -> float:
    """Return the intervals that another calculator prices per second of processor time."""
    with Question(oracle, [job] * ROUNDS, loads) as question:
        found = [float(answer["cpu_s"][0]) for answer in question.answers()]
    return len(loads[job["load"]]) / statistics.median(found)


def measure() -> None:
    """Print the table, with the medians of several rounds."""
    for example in examples():
        mine = ours(example)
        asked = ours(example, asked=True)
        print(f"  {example.meaning}: {mine:>10,.0f} intervals/s on one core (goal: {GOAL:,})", flush=True)
        print(f"    credit worked out after each: {asked:,.0f} intervals/s", flush=True)
        if example.meaning is Meaning.PER_BAND:
            hours = {"year": example.load.hourly()}
            other, name = theirs(Oracle.RATEBOOK, ratebook_job(example), hours), "ratebook, Decimal, hours"
        else:
            loads = {"year": example.load.wh}
            other, name = theirs(Oracle.PYSAM, pysam_job(example), loads), "PySAM, C++, doubles"
        print(f"    {name}: {other:,.0f} intervals/s; ours {mine / other:.3f} of that", flush=True)


async def main() -> None:
    """Measure in a thread, so that the event loop stays free."""
    await asyncio.to_thread(measure)
