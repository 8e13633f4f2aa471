"""Processor time per message: the whole bridge, compared with client, routing and decoding alone."""

import asyncio
from pathlib import Path
from statistics import median
import tempfile
import time
from typing import Final

from tests.benchmarks.installation import install
from tests.benchmarks.parts import base_line, bridge, cpu_s, load, mosquitto, quiet, resident_mb

MESSAGES: Final = 200_000
WARM_UP: Final = 3
RUNS: Final = 5


async def measure(folder: Path, data: Path, meters: int, *, decode_only: bool) -> tuple[float, float, float]:
    """Return processor time per message in µs, messages per second, and resident memory in MB."""
    broker, port = await mosquitto(folder)
    process = await (base_line if decode_only else bridge)(folder, data, port)
    try:
        # Twice: a bridge that has just started evaluates every account again at its first reading.
        for begin in (0, WARM_UP):
            await load(port, meters, WARM_UP, start=begin)
            await quiet(process)
        rounds = MESSAGES // meters
        before, started = cpu_s(process), time.monotonic()
        await load(port, meters, rounds, start=2 * WARM_UP)
        sent = time.monotonic() - started
        await quiet(process)
        used = cpu_s(process) - before
        return used / (rounds * meters) * 1e6, rounds * meters / max(sent, used), resident_mb(process)
    finally:
        await process.stop()
        await broker.stop()


async def compare(meters: int, runs: int = RUNS) -> float:
    """Print pairs of runs and return the median ratio."""
    ratios = []
    for run in range(runs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = folder / "data"
            await asyncio.to_thread(asyncio.run, install(data, meters))
            alone, alone_rate, _ = await measure(folder, data, meters, decode_only=True)
            full, rate, memory = await measure(folder, data, meters, decode_only=False)
        ratios.append(full / alone)
        print(
            f"  {meters:>6} meters, run {run + 1}: {full:5.1f} µs a message ({rate:,.0f}/s, {memory:.0f} MB),"
            f" decode only {alone:5.1f} µs ({alone_rate:,.0f}/s), ratio {full / alone:.2f}",
            flush=True,
        )
    return median(ratios)


async def main() -> None:
    """Compare with few and with many meters."""
    for meters in (100, 10_000):
        print(f"  {meters:>6} meters: median ratio {await compare(meters):.2f} (goal: at most 2)", flush=True)
