"""A long history of many meters: start, pages and statements, and the cost of a message.

10,000 meters and 10 million interval rows, some minutes; with ``PREPAID_BENCHMARK_FULL=yes`` 100,000 meters
and 100 million. The disk needs 2 GB, or 8. See ``long_history`` for what is written.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import random
from statistics import quantiles
import tempfile
import time
from typing import Final

from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from tests.benchmarks.installation import install
from tests.benchmarks.long_history import History, Journal, write_files
from tests.benchmarks.parts import bridge, cpu_s, load, mosquitto, quiet, resident_mb
from tests.benchmarks.progress import bar

FULL: Final = os.environ.get("PREPAID_BENCHMARK_FULL") == "yes"
METERS: Final = 100_000 if FULL else 10_000
HISTORY: Final = History(meters=METERS, sampled=200, days=31, rows=METERS * 1_000)
STAGES: Final = 3
QUARTERS: Final = 16 if FULL else 32
"""Quarters of all meters that each stage adds to the journal."""
ROUNDS: Final = 2 if FULL else 5
PAGES: Final = 400
TOP_UPS: Final = 200
GOAL_START_S: Final = 10
GOAL_P99_MS: Final = 100


@dataclass(slots=True)
class Costs:
    """The figures for one length of history."""

    intervals: int
    database_mb: float
    message_us: float
    top_up_ms: float


async def main() -> None:
    """Measure costs as the history grows, then start, pages and statements with all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, now, started = folder / "data", int(time.time() * 1000), time.perf_counter()
        await asyncio.to_thread(asyncio.run, install(data, METERS))
        print(f"  {METERS:,} meters installed in {time.perf_counter() - started:.0f} s", flush=True)
        started = time.perf_counter()
        size = await asyncio.to_thread(write_files, data, HISTORY, now, lambda share: bar("  files", share))
        print(
            f"  {HISTORY.rows:,} interval rows in files of {size / 1e6:,.0f} MB,"
            f" written in {time.perf_counter() - started:.0f} s",
            flush=True,
        )
        broker, port = await mosquitto(folder)
        try:
            await _grow(folder, Journal(data / "bridge.db", HISTORY, now), port)
            await _look(folder, port)
        finally:
            await broker.stop()


async def _grow(folder: Path, journal: Journal, port: int) -> None:
    """Extend the journal and print the cost of a message and of a top-up at each length of it."""
    print("  intervals in the journal   database MB   processor a message, µs   a top-up, ms", flush=True)
    found = [await _costs(folder, journal, port, 0)]
    for stage in range(1, STAGES + 1):
        if stage == 1:
            await asyncio.to_thread(journal.add_sample, STAGES * QUARTERS)
        await asyncio.to_thread(journal.add, QUARTERS)
        found.append(await _costs(folder, journal, port, stage))
    first, last = found[0], found[-1]
    message, top_up = last.message_us / first.message_us, last.top_up_ms / first.top_up_ms
    print(
        f"  with {last.intervals:,} intervals beside none: message x {message:.2f}, top-up x {top_up:.2f}"
        " (goal: flat)",
        flush=True,
    )


async def _costs(folder: Path, journal: Journal, port: int, stage: int) -> Costs:
    """Measure messages of all meters and some top-ups, in a bridge that has just started."""
    process = await bridge(folder, folder / "data", port)
    try:
        start = stage * (ROUNDS + 1)
        await load(port, METERS, 1, start=start)
        await quiet(process)
        cpu = cpu_s(process)
        await load(port, METERS, ROUNDS, start=start + 1)
        await quiet(process)
        message_us = (cpu_s(process) - cpu) / (ROUNDS * METERS) * 1e6
        api = BridgeApi(process.url, await process.token("scale", "landlord"))
        accounts = random.Random(stage).sample(range(HISTORY.sampled, METERS), TOP_UPS)
        took = await _timed(lambda n: api.top_up(f"u{accounts[n]}", "5.00"), TOP_UPS)
        await api.close()
    finally:
        await process.stop()
    database_mb = (folder / "data/bridge.db").stat().st_size / 1e6
    costs = Costs(journal.intervals, database_mb, message_us, quantiles(took, n=100)[49])
    print(
        f"  {costs.intervals:24,}   {costs.database_mb:11,.0f}   {costs.message_us:24.1f}"
        f"   {costs.top_up_ms:12.2f}",
        flush=True,
    )
    return costs


async def _timed(ask: Callable[[int], Awaitable[object]], times: int) -> list[float]:
    """Send requests one after another and return their durations in ms."""
    took = []
    for n in range(times):
        started = time.perf_counter()
        await ask(n)
        took.append((time.perf_counter() - started) * 1000)
    return took


async def _look(folder: Path, port: int) -> None:
    first, took = await _started(folder, port)
    await first.stop()
    process, again = await _started(folder, port)
    print(f"  serving after {took:.1f} and {again:.1f} s (goal: under {GOAL_START_S})", flush=True)
    try:
        await quiet(process)
        print(f"  {resident_mb(process):,.0f} MB resident", flush=True)
        await _pages(folder, process)
    finally:
        await process.stop()


async def _started(folder: Path, port: int) -> tuple[BridgeProcess, float]:
    """Start the bridge with a cold cache; return it, and the seconds until it serves."""
    _forget(folder / "data/bridge.db")
    started = time.monotonic()
    process = await bridge(folder, folder / "data", port, settle=False)
    return process, time.monotonic() - started


async def _pages(folder: Path, process: BridgeProcess) -> None:
    """Print the durations of pages and statements, each of another account."""
    api = BridgeApi(process.url, await process.token("pages", "landlord"))
    every = random.Random(1).sample(range(METERS), PAGES)
    today = datetime.now(UTC).date()
    month = f"from={today - timedelta(days=30)}&to={today - timedelta(days=1)}"

    async def account(n: int) -> None:
        await api.get(f"/api/v1/accounts/u{every[n]}")
        await api.get(f"/api/v1/accounts/u{every[n]}/ledger?limit=50")

    async def statement(n: int) -> None:
        await api.get(f"/api/v1/accounts/u{n}/statement?{month}")

    async def daily(n: int) -> None:
        await api.get(f"/api/v1/accounts/u{n}/statement?{month}&detail=day")

    for what, ask, times in (
        ("account page with its ledger", account, PAGES),
        ("statement of 30 days by line", statement, HISTORY.sampled),
        ("statement of 30 days by day", daily, HISTORY.sampled),
    ):
        for how in ("nothing of the file in memory", "again"):
            if how != "again":
                _forget(folder / "data/bridge.db")
            took = quantiles(await _timed(ask, times), n=100)
            print(
                f"  {what}, {how}: p50 {took[49]:.1f} ms, p99 {took[98]:.1f} ms"
                f" (goal: p99 under {GOAL_P99_MS})",
                flush=True,
            )
    await api.close()


def _forget(database: Path) -> None:
    """Drop a file from the system's cache, as after a reboot."""
    descriptor = os.open(database, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
