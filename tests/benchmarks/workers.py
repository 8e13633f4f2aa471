"""Processor time per message of one and of two bridges that share the sites, including the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
import os
from pathlib import Path
from statistics import median
import tempfile
import time
from typing import Final

import psycopg

from meter_bridge.storage.location import written
from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.process import LOOPBACK, free_port
from scripts.lib.demo.waiting import until
from tests import postgresql_server
from tests.benchmarks.installation import HEAD, site_file
from tests.benchmarks.parts import TICKS_PER_S, cpu_s, load, mosquitto, quiet

SITES: Final = 2
"""Sites, each a shard; the same for one worker and for two."""
METERS: Final = 4_000
ROUNDS: Final = 8
RATE: Final = 4_000.0
"""Messages per second: the same work for both, well below what a processor can do."""
RUNS: Final = 3
SAMPLE_S: Final = 0.02
CORES: Final = 6
"""Fewer cores show no speed-up: broker, database and load need some as well."""
DATABASE: Final = "workers"
HOT_A_SECOND: Final = 5.0
"""Writes of one row a second from which on it is named: a shard marks each batch in a row of its own."""
_WRITTEN: Final = (
    "SELECT relname, n_tup_upd, n_live_tup FROM pg_stat_user_tables"
    " WHERE (SELECT pg_stat_force_next_flush()) IS NOT NULL"
)
_WAITED_FOR: Final = (
    "SELECT DISTINCT c.relname FROM pg_locks w JOIN pg_locks h ON h.pid = w.pid AND h.locktype = 'tuple'"
    " JOIN pg_class c ON c.oid = h.relation WHERE NOT w.granted"
)
_SAMPLE: Final = (
    "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) FROM pg_stat_activity"
    " WHERE application_name = 'prepaid-meter' AND state <> 'idle'"
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one measurement."""

    bridges_us: float
    database_us: float
    waiting: int
    """Times that a transaction was seen waiting for a lock, out of those that it was seen at all."""
    seen: int
    busiest: Sequence[tuple[str, float]]
    """Tables by the writes of each of their rows a second, the most written first."""
    waited_for: frozenset[str]
    """Tables in whose rows a transaction was seen waiting for another."""

    @property
    def together_us(self) -> float:
        """Return the total processor time per message in µs."""
        return self.bridges_us + self.database_us


@dataclass
class Parts:
    """Database, broker and both workers."""

    server: postgresql_server.Server
    broker_port: int
    workers: Sequence[BridgeProcess]
    rounds_published: int = 0
    """Rounds published so far: registers only rise."""

    async def shared_by(self, count: int) -> None:
        """Wait until this many workers own all shards, and are idle."""

        async def look() -> bool:
            return await asyncio.to_thread(self._owners) == (SITES, count)

        await until(f"{count} workers own all", look, 120)
        for worker in self.workers[:count]:
            await quiet(worker)

    def _owners(self) -> tuple[int, int]:
        query = (
            "SELECT count(*), count(DISTINCT holder) FROM lease WHERE name NOT LIKE 'worker-%'"
            " AND expires_at > extract(epoch FROM clock_timestamp()) * 1000"
        )
        with self._connect() as connection:
            row = connection.execute(query).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.server.folder), user=postgresql_server.USER, dbname=DATABASE, autocommit=True
        )

    def database_s(self) -> dict[int, float]:
        """Return the processor time of each server process."""
        first = int((self.server.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except FileNotFoundError, ProcessLookupError:
                continue
            if int(path.parent.name) == first or int(fields[1]) == first:
                found[int(path.parent.name)] = (int(fields[11]) + int(fields[12])) / TICKS_PER_S
        return found

    async def publish(self, rounds: int, rate: float | None = RATE) -> None:
        """Publish some readings of every meter."""
        await load(self.broker_port, METERS, rounds, self.rounds_published, rate)
        self.rounds_published += rounds

    async def measure(self, count: int) -> Figures:
        """Measure this many workers under the same load."""
        await self.publish(2)
        workers = self.workers[:count]
        for worker in workers:
            await quiet(worker)
        over = asyncio.Event()
        sampling = asyncio.create_task(asyncio.to_thread(self._sample, over))
        written, started = self._written(), time.monotonic()
        before, database = sum(map(cpu_s, workers)), self.database_s()
        await self.publish(ROUNDS)
        for worker in workers:
            await quiet(worker)
        bridges = sum(map(cpu_s, workers)) - before
        spent = sum(now - database.get(pid, 0.0) for pid, now in self.database_s().items())
        over.set()
        took = time.monotonic() - started
        (waiting, seen, rows), messages = await sampling, METERS * ROUNDS
        busiest = self._busiest(written, took)
        return Figures(bridges / messages * 1e6, spent / messages * 1e6, waiting, seen, busiest, rows)

    def _written(self) -> dict[str, tuple[int, int]]:
        """Return the number of updates and rows of each table."""
        with self._connect() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(_WRITTEN)}

    def _busiest(self, before: dict[str, tuple[int, int]], took_s: float) -> list[tuple[str, float]]:
        """Return the writes per row and second of each table that was written."""
        found = [
            (name, (updates - before.get(name, (0, 0))[0]) / max(rows, 1) / took_s)
            for name, (updates, rows) in self._written().items()
        ]
        return sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])

    def _sample(self, over: asyncio.Event) -> tuple[int, int, frozenset[str]]:
        """Sample repeatedly who waits for a lock, and who holds it."""
        waiting = seen = 0
        rows: set[str] = set()
        with self._connect() as connection:
            while not over.is_set():
                row = connection.execute(_SAMPLE).fetchone()
                assert row is not None
                waiting, seen = waiting + row[0], seen + row[1]
                rows |= {each[0] for each in connection.execute(_WAITED_FOR)}
                time.sleep(SAMPLE_S)
        return waiting, seen, frozenset(rows)


def divided_site_file() -> str:
    """Return a site file of the benchmark's units over several sites."""
    head, site = HEAD.split("sites:\n")
    units = site_file(METERS, "100000.00").removeprefix(HEAD).split("      u")[1:]
    share = METERS // SITES
    text = head + "sites:\n"
    for n in range(SITES):
        own = "".join("      u" + unit for unit in units[n * share : (n + 1) * share])
        text += site.replace("  house:", f"  house-{n}:").replace("      home:", f"      home-{n}:")
        text += own.replace("tariff: home", f"tariff: home-{n}")
    return text


@asynccontextmanager
async def parts(folder: Path) -> AsyncIterator[Parts]:
    """Run database, broker and the first worker."""
    with postgresql_server.running(fsync="on", synchronous_commit="on", full_page_writes="on") as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
        broker, port = await mosquitto(folder)
        environment = {
            "PREPAID_METER_BROKER": f"mqtt://{LOOPBACK}:{port}",
            "PREPAID_METER_DATABASE": written(server.url(DATABASE)),
            "PREPAID_METER_LOG_LEVEL": "WARNING",
        }
        workers = [
            BridgeProcess(folder / f"w{n}", free_port(), folder / f"w{n}.log", environment) for n in (1, 2)
        ]
        site = folder / "site.yaml"
        site.write_text(divided_site_file(), encoding="utf-8")
        await workers[0].run("apply", "--yes", str(site))
        await workers[0].run("shards", str(SITES))
        try:
            await workers[0].start()
            yield Parts(server, port, workers)
        finally:
            for worker in workers:
                await worker.stop()
            await broker.stop()


async def main() -> None:
    """Compare in pairs, one worker and two in turn."""
    with tempfile.TemporaryDirectory() as name:
        async with parts(Path(name)) as setup:
            await setup.shared_by(1)
            await setup.publish(3)
            one, two = await _pairs(setup)
            ratio = median(b.together_us / a.together_us for a, b in zip(one, two, strict=True))
            waiting, seen = sum(row.waiting for row in two), sum(row.seen for row in two)
            print(f"  median ratio {ratio:.2f} (goal: at most 1.15); with two workers", end=" ")
            print(f"{waiting} of {seen} samples found a transaction waiting for a lock", end=" ")
            print(f"({100 * waiting / max(seen, 1):.1f} %, goal: under 2 %)", flush=True)
            _print_rows(two)
            await _speed_up(setup)


def _print_rows(measured: Sequence[Figures]) -> None:
    """Print the rows that are written most, and those for which transactions waited, if any."""
    most: dict[str, float] = {}
    for figures in measured:
        for name, writes in figures.busiest:
            most[name] = max(most.get(name, 0.0), writes)
    shown = sorted(most.items(), key=lambda each: -each[1])[:3]
    print("  rows written most with two workers:", end=" ")
    print(", ".join(f"{name} {writes:.1f} times a second each" for name, writes in shown), flush=True)
    hot = [name for name, writes in most.items() if writes > HOT_A_SECOND]
    waited = sorted(frozenset().union(*(figures.waited_for for figures in measured)))
    print(
        f"  hot rows (written more than {HOT_A_SECOND:.0f} times a second each): {', '.join(hot) or 'none'};",
        end=" ",
    )
    print(
        f"rows for which one worker was seen waiting for another: {', '.join(waited) or 'none'}", flush=True
    )


async def _pairs(setup: Parts) -> tuple[list[Figures], list[Figures]]:
    measured: tuple[list[Figures], list[Figures]] = ([], [])
    for run in range(1, RUNS + 1):
        for count in (1, 2):
            await _run_with(setup, count)
            figures = await setup.measure(count)
            measured[count - 1].append(figures)
            print(
                f"  run {run}, {count} of 2 workers, {SITES} shards, {METERS} meters, {RATE:,.0f} messages/s:"
                f" {figures.together_us:5.0f} µs a message (bridges {figures.bridges_us:.0f},"
                f" database {figures.database_us:.0f})",
                flush=True,
            )
    return measured


async def _run_with(setup: Parts, count: int) -> None:
    second = setup.workers[1]
    if count == 1 and second.pid is not None:
        await second.stop()
    elif count > 1:
        await second.start()
    await setup.shared_by(count)


async def _speed_up(setup: Parts) -> None:
    """Print how much faster two workers are, if there are enough cores."""
    if (os.cpu_count() or 1) < CORES:
        print(f"  the speed-up of two workers is not printed: it wants {CORES} cores", flush=True)
        return
    took = []
    for count in (2, 1):
        await _run_with(setup, count)
        started = time.monotonic()
        await setup.publish(ROUNDS * 5, rate=None)
        for worker in setup.workers[:count]:
            await quiet(worker)
        took.append(time.monotonic() - started)
    print(f"  two workers take {took[1] / took[0]:.2f} times as many messages a second as one", flush=True)
