"""The dashboard's pages with 10,000 meters: cold and warm, ten people at once, and their sizes.

A person here is a WebSocket client for Streamlit's messages, so that a browser's rendering does not count.
``PREPAID_BENCHMARK_UNITS`` and ``PREPAID_BENCHMARK_MONTHS`` choose another size (10000 and 2).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import random
import tempfile
import time
from typing import Final

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.process import LOOPBACK, free_port
from tests.benchmarks.landlord import FULL, Size, write_installation
from tests.benchmarks.parts import resident_mb
from tests.benchmarks.progress import bar

UNITS: Final = 10_000
MONTHS: Final = 2
PEOPLE: Final = 10
ROUNDS: Final = 3
GOAL_COLD_S: Final = 1.5
GOAL_WARM_S: Final = 0.3
GOAL_P95_S: Final = 1.5
GOAL_BYTES: Final = 4 * 1024 * 1024
PAGES: Final = {
    "today": "",
    "units": "",
    "unit": f"unit={FULL}",
    "tariffs": "",
    "top-ups": "",
    "debt": "",
    "energy-balance": "",
    "alerts": "",
    "reports": "",
    "system": "",
}
THINK_S: Final = (0.5, 2.0)
"""How long a person looks at a page before the next click."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One run of a page."""

    page: str
    seconds: float
    largest: int
    """Bytes of the largest message."""
    failed: bool


class Person:
    """A user of the dashboard."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Connect like a browser."""
        self._socket = await connect(
            f"ws://{LOOPBACK}:{self._port}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            origin=f"http://{LOOPBACK}:{self._port}",  # type: ignore[arg-type]
            max_size=None,
        )

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def look_at(self, page: str, query: str = "") -> Seen:
        """Request a page and wait until the server has run it."""
        assert self._socket is not None
        asked = BackMsg()
        asked.rerun_script.page_name = "" if page == "today" else page
        asked.rerun_script.query_string = query
        started = time.perf_counter()
        await self._socket.send(asked.SerializeToString())
        largest, failed = 0, False
        while True:
            raw = await self._socket.recv(decode=False)
            largest = max(largest, len(raw))
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            failed = failed or (
                kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception"
            )
            if kind == "script_finished":
                failed = failed or message.script_finished != ForwardMsg.FINISHED_SUCCESSFULLY
                return Seen(page, time.perf_counter() - started, largest, failed)


async def main() -> None:
    """Build the installation, load every page, and print the figures."""
    size = Size(
        units=int(os.environ.get("PREPAID_BENCHMARK_UNITS", UNITS)),
        months=int(os.environ.get("PREPAID_BENCHMARK_MONTHS", MONTHS)),
    )
    with tempfile.TemporaryDirectory(prefix="prepaid-pages-") as name:
        folder = Path(name)
        started = time.perf_counter()
        await asyncio.to_thread(
            write_installation, folder, size, int(time.time() * 1000), lambda share: bar("  writing", share)
        )
        print(
            f"  {size.units:,} units, {size.months} months of quarter hours and a year of days,"
            f" written in {time.perf_counter() - started:.0f} s"
        )
        await _alone(folder)
        await _together(folder)


async def _alone(folder: Path) -> None:
    """Load each page on a server that has just started, and twice again."""
    print("  page              cold s   warm s   largest message, KiB")
    seen: list[Seen] = []
    for page, query in PAGES.items():
        server = await _started(folder, page)
        try:
            person = Person(int(server.url.rpartition(":")[2]))
            await person.open()
            runs = [await person.look_at(page, query) for _ in range(3)]
            await person.close()
        finally:
            await server.stop()
        seen += runs
        warm = min(run.seconds for run in runs[1:])
        marks = f"{_mark(runs[0].seconds, GOAL_COLD_S)}  {_mark(warm, GOAL_WARM_S)}"
        largest = max(run.largest for run in runs)
        failed = "  FAILED" if any(run.failed for run in runs) else ""
        print(f"  {page:16}  {marks}  {largest / 1024:8.0f}{failed}")
    largest = max(run.largest for run in seen)
    print(f"  largest of all: {largest / 1024:.0f} KiB of {GOAL_BYTES / 1024:.0f}")


def _mark(seconds: float, goal: float) -> str:
    """Return a time, marked if it misses its goal."""
    return f"{seconds:6.2f}{'!' if seconds > goal else ' '}"


async def _together(folder: Path) -> None:
    """Let ten people click through all pages, at their own pace and then all at the same instant."""
    server = await _started(folder, "together")
    try:
        port = int(server.url.rpartition(":")[2])
        runs = await asyncio.gather(*(_clicks(port, number) for number in range(PEOPLE)))
        _print_together(f"{PEOPLE} people, {THINK_S[0]} to {THINK_S[1]} s at a page, on a new server", runs)
        together = asyncio.Barrier(PEOPLE)
        runs = await asyncio.gather(*(_clicks(port, PEOPLE + person, together) for person in range(PEOPLE)))
        _print_together(f"{PEOPLE} people clicking at the same instant, again when all pages are shown", runs)
        print(f"  {resident_mb(server):.0f} MB resident")
    finally:
        await server.stop()


def _print_together(what: str, pages: Sequence[Sequence[Seen]]) -> None:
    seen = [run for runs in pages for run in runs]
    times = sorted(run.seconds for run in seen)
    middle, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(f"  {what}, {len(seen)} pages:")
    print(
        f"    median {middle:.2f} s, p95 {_mark(p95, GOAL_P95_S)} s (goal: under {GOAL_P95_S}),"
        f" slowest {times[-1]:.2f} s, {sum(run.failed for run in seen)} failed"
    )


async def _clicks(port: int, number: int, together: asyncio.Barrier | None = None) -> Sequence[Seen]:
    """Click through all pages in an individual order, at an individual pace or together with all others."""
    rng = random.Random(number)
    person = Person(port)
    await person.open()
    seen = []
    for _ in range(ROUNDS):
        for page in rng.sample(list(PAGES), len(PAGES)):
            query = f"unit=unit-{rng.randrange(100):05d}" if page == "unit" else PAGES[page]
            if together is not None:
                await together.wait()
            seen.append(await person.look_at(page, query))
            if together is None:
                await asyncio.sleep(rng.uniform(*THINK_S))
    await person.close()
    return seen


async def _started(folder: Path, name: str) -> Dashboard:
    server = Dashboard(folder, free_port(), folder / f"{name}.log")
    await server.start()
    return server
