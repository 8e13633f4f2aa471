"""Ten thousand meters with one reading every ten seconds: latency of decisions, and growth of memory.

A minute by default, ten minutes with ``PREPAID_BENCHMARK_FULL=yes``. While all others report, two meters a
second use up their credit; the latency is from the reading that ends it to the relay command on the wire.
Their relays respond and report it. The bridge's clock is set so that a quarter of an hour ends soon after the
start, when everything used becomes due for posting.

With ``PREPAID_BENCHMARK_BOUNDARY=midnight`` a local day ends then as well, so that standing charges are due
besides; with ``month`` a billing period too.
"""

import asyncio
from dataclasses import dataclass, field
import math
import os
from pathlib import Path
from statistics import linear_regression, quantiles
import tempfile
import time
from typing import Final
from unittest.mock import patch

from gmqtt import Client
from sqlalchemy import text

from meter_bridge.storage.database import reading
from meter_bridge.storage.location import location_of
from scripts.lib.demo.bridge import BridgeProcess
from tests.benchmarks.boundary import Boundary, ahead_ms, chosen
from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, cpu_s, load, mosquitto, quiet, resident_mb
from tests.benchmarks.publisher import START_WH, telemetry
from tests.benchmarks.shifted import ahead_of

METERS: Final = 10_000
EVERY_S: Final = 10
RATE: Final = METERS // EVERY_S
FULL: Final = os.environ.get("PREPAID_BENCHMARK_FULL") == "yes"
HELD_S: Final = 600 if FULL else 60
DEPLETING_PER_S: Final = 2
DEPLETING: Final = HELD_S * DEPLETING_PER_S
CREDIT: Final = "100.00"
ENOUGH_WH: Final = 60_000
"""More energy than the credit buys in any band."""
WARM_UP: Final = 3
LOOK_EVERY_S: Final = 1.0
GOAL_MS: Final = 250
LAST_COMMANDS_S: Final = 2.0
INSTALLED_S: Final = 600
"""By how much earlier, by its clock, the installation is made: a bridge must not begin before its records."""
PREPARED_S: Final = 120
"""Time from the start of the bridge to the instant by its clock, in which all gets ready."""
BEFORE_S: Final = 15.0
"""How long the load is held before the instant."""
AFTER_S: Final = 30.0
"""How long after the instant decisions are counted as those at it."""
STANDING: Final = """\
SELECT COUNT(*), MAX(at) FROM segment JOIN journal_entry ON seq = entry_seq
WHERE segment.kind = 'standing' AND at >= :instant"""

type Looks = list[tuple[float, float, float]]
"""Seconds since the begin, resident memory in MB, and processor time in seconds."""


@dataclass
class Switches:
    """The relays of the meters that run out of credit, and when each was commanded to open."""

    client: Client = field(default_factory=lambda: Client("benchmark"))
    sent: dict[str, float] = field(default_factory=dict)
    opened: dict[str, float] = field(default_factory=dict)

    async def connect(self, port: int) -> None:
        """Subscribe to commands."""
        self.client.on_message = self._on_command
        await self.client.connect("127.0.0.1", port)
        self.client.subscribe("cmnd/+/POWER1", qos=0)

    def _on_command(self, _client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        """Open at the first command, and report that without load."""
        meter = topic.split("/")[1]
        if payload == b"OFF" and meter not in self.opened:
            self.opened[meter] = time.monotonic()
            self.client.publish(f"stat/{meter}/POWER", b"OFF", qos=0)
            gone = telemetry(START_WH + ENOUGH_WH).replace(b'"Power":1800', b'"Power":0')
            self.client.publish(f"tele/{meter}/SENSOR", gone, qos=0)
        return 0

    async def deplete(self) -> None:
        """Let one meter after another use up its credit."""
        started = time.monotonic()
        for number in range(DEPLETING):
            await asyncio.sleep(max(started + number / DEPLETING_PER_S - time.monotonic(), 0))
            self.sent[f"m{number}"] = time.monotonic()
            self.client.publish(f"tele/m{number}/SENSOR", telemetry(START_WH + ENOUGH_WH), qos=0)

    def delays_ms(self, first: float = 0, last: float = math.inf) -> list[float]:
        """Return the delay of each command, for readings sent between two instants."""
        return [
            (at - self.sent[meter]) * 1000
            for meter, at in self.opened.items()
            if first <= self.sent[meter] < last
        ]


async def memory(process: BridgeProcess, found: Looks) -> None:
    """Record resident memory and processor time every second."""
    started = time.monotonic()
    while True:
        found.append((time.monotonic() - started, resident_mb(process), cpu_s(process)))
        await asyncio.sleep(LOOK_EVERY_S)


async def hold(process: BridgeProcess, port: int, switches: Switches) -> tuple[Looks, float]:
    """Publish at the rate for the duration; return the memory, and the rate that was achieved."""
    looks: Looks = []
    looking = asyncio.create_task(memory(process, looks))
    others, started = METERS - DEPLETING, time.monotonic()
    rounds = round(HELD_S * RATE / others)
    await asyncio.gather(
        load(port, METERS, rounds, start=WARM_UP, rate=RATE, first=DEPLETING), switches.deplete()
    )
    kept = (rounds * others + DEPLETING) / (time.monotonic() - started)
    await asyncio.sleep(LAST_COMMANDS_S)
    looking.cancel()
    return looks, kept


def p50_p99(delays: list[float]) -> str:
    """Return the median and the 99th percentile of the delays."""
    if len(delays) < 2:
        return "too few to say"
    cuts = quantiles(delays, n=100, method="inclusive")
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms"


def print_results(
    looks: Looks, kept: float, used_s: float, switches: Switches, instant: float, ended: Boundary
) -> None:
    delays = switches.delays_ms()
    print(
        f"  {METERS:,} meters at {kept:,.0f} messages/s for {looks[-1][0]:.0f} s,"
        f" {used_s / looks[-1][0]:.0%} of one processor;"
        f" reading to relay command, {len(delays)} cuts ({DEPLETING - len(delays)} missing):"
        f" {p50_p99(delays)} (goal: p99 under {GOAL_MS})",
        flush=True,
    )
    at_end = switches.delays_ms(instant, instant + AFTER_S)
    print(
        f"  of these in the {AFTER_S:.0f} s after the end of {ended.text}, {len(at_end)} cuts:"
        f" {p50_p99(at_end)}; {_used(looks, BEFORE_S, BEFORE_S + AFTER_S):.1f} s of processor,"
        f" {_used(looks, BEFORE_S, BEFORE_S + EVERY_S):.1f} s of it in the first {EVERY_S} s",
        flush=True,
    )
    later = looks[len(looks) // 2 :]
    slope = linear_regression([at for at, _, _ in later], [mb for _, mb, _ in later]).slope
    start, middle, end = looks[0][1], looks[len(looks) // 2][1], looks[-1][1]
    print(
        f"  resident memory: {start:.1f} MB at the start, {middle:.1f} MB in the middle,"
        f" {end:.1f} MB at the end; {slope * 60:+.2f} MB a minute in the second half (goal: flat)",
        flush=True,
    )


def _used(looks: Looks, first: float, last: float) -> float:
    used = [cpu for at, _, cpu in looks if first <= at <= last]
    return used[-1] - used[0] if used else 0.0


def print_standing_charges(data: Path, instant: int) -> None:
    """Print how many standing charges were booked since an instant, and how long that took."""
    with reading(location_of(data)) as reader, reader.connect() as connection:
        count, last = connection.execute(text(STANDING), {"instant": instant}).one()
    if count:
        print(f"  {count:,} standing charges, the last {(last - instant) / 1000:.1f} s after", flush=True)


async def main() -> None:
    """Run the load and print decisions and memory."""
    ended = chosen()
    instant = ended.next(time.time_ns() // 1_000_000 + (INSTALLED_S + PREPARED_S) * 1000)
    earlier = ahead_ms(instant, INSTALLED_S + PREPARED_S)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        with patch.object(time, "time_ns", ahead_of(time.time_ns, earlier * 1_000_000)):
            await asyncio.to_thread(asyncio.run, install(data, METERS, CREDIT))
        broker, port = await mosquitto(folder)
        at_instant = time.monotonic() + PREPARED_S
        process = await bridge(folder, data, port, ahead_ms=ahead_ms(instant, PREPARED_S))
        switches = Switches()
        try:
            await switches.connect(port)
            await load(port, METERS, WARM_UP, start=0)
            await quiet(process)
            await asyncio.sleep(max(at_instant - BEFORE_S - time.monotonic(), 0))
            before = cpu_s(process)
            looks, kept = await hold(process, port, switches)
            used = cpu_s(process) - before
        finally:
            await switches.client.disconnect()
            await process.stop()
            await broker.stop()
        print_results(looks, kept, used, switches, at_instant, ended)
        print_standing_charges(data, instant)
