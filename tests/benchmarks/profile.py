"""Where the time of a message goes in the bridge: each stage by itself, in one process, without a network.

Charging is the difference between reading and charging message by message and reading alone, as the two
follow each other a few microseconds apart and share the processor's caches.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import tempfile
import time
from typing import Final

from meter_bridge.devices.registry import build_drivers
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.state.clock import Clocks
from meter_bridge.runtime.bridge import DeviceTransport
from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import open_reader, open_writer
from meter_bridge.storage.writer import execute
from tests.benchmarks.installation import install
from tests.benchmarks.publisher import START_WH, telemetry

MESSAGES: Final = 200_000
WARM_UP: Final = 6
ROUNDS_PER_ROW: Final = 4
"""Messages of a meter that share a row when the bridge is fully loaded."""
LARGEST: Final = 10_000
READ, BOTH, ROWS, STORE = "read", "read and charge", "work rows out", "store rows"
STAGES: Final = (READ, BOTH, ROWS, STORE)


class Held:
    """A store that holds what is to be committed until it is asked for."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.works: list[Changeset] = []

    def commit(self, work: Changeset) -> asyncio.Future[None]:
        """Hold a unit."""
        self.works.append(work)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def check_disk_space(self) -> None:
        """There is always room."""

    def recover(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Stopwatch:
    """Processor time of this thread, by stage."""

    def __init__(self) -> None:
        """Start at zero."""
        self.spent: dict[str, int] = dict.fromkeys(STAGES, 0)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Add what is done inside to a stage."""
        begun = time.thread_time_ns()
        yield
        self.spent[stage] += time.thread_time_ns() - begun


class Stages:
    """The stages of a bridge over one installation."""

    def __init__(self, data: Path, meters: int, watch: Stopwatch) -> None:
        """Load the installation."""
        self._watch, self._meters, self._store = watch, meters, Held()
        database = data / "bridge.db"
        self._writer = open_writer(database)
        self._engine = Engine(open_reader(database), self._store, DeviceTransport(), Clocks())
        self._intake = self._engine.intake
        installation = self._engine.session.installation
        addresses = [*installation.by_energy_address, *installation.by_relay_address]
        self._driver = build_drivers(addresses, names=["tasmota"])[0]
        self._topics = [f"tele/m{n}/SENSOR" for n in range(meters)]
        self.rows = 0

    async def hear(self, turn: int) -> None:
        """Read one message of every meter, then read and charge them."""
        payload, watch, decode, take = (
            telemetry(START_WH + turn),
            self._watch,
            self._driver.decode,
            self._intake.handle,
        )
        with watch.on(READ):
            for topic in self._topics:
                decode(topic, payload, retained=False)
        with watch.on(BOTH):
            for topic in self._topics:
                take(decode(topic, payload, retained=False))
        await asyncio.sleep(0)  # what was committed at once tells its end

    def keep(self) -> None:
        """Store a row of every supply, and what waits besides."""
        with self._watch.on(ROWS):
            self._engine.session.flush(everything=True)
        works, self._store.works = self._store.works, []
        self.rows += sum(len(rows) for work in works for rows in work.rows.values())
        with self._watch.on(STORE), self._writer.connect() as connection, connection.begin():
            execute(connection, works)


async def measure(data: Path, meters: int) -> tuple[Stopwatch, int, int]:
    """Return the time spent, and the numbers of messages and rows."""
    watch = Stopwatch()
    stages = Stages(data, meters, watch)
    for turn in range(WARM_UP):
        await stages.hear(turn)
        stages.keep()
    watch.spent, stages.rows, rounds = dict.fromkeys(STAGES, 0), 0, MESSAGES // meters
    for turn in range(rounds):
        await stages.hear(WARM_UP + turn)
        if (turn + 1) * meters % (ROUNDS_PER_ROW * LARGEST) == 0:
            stages.keep()
    return watch, rounds * meters, stages.rows


async def main() -> None:
    """Print the stages for few and for many meters."""
    for meters in (100, LARGEST):
        with tempfile.TemporaryDirectory() as name:
            data = Path(name) / "data"
            await asyncio.to_thread(asyncio.run, install(data, meters))
            watch, messages, rows = await measure(data, meters)
        read, both, worked, stored = (watch.spent[stage] / messages / 1000 for stage in STAGES)
        print(
            f"  {meters:>6} meters, µs a message: read the payload {read:.1f},"
            f" charge and decide {both - read:.1f},"
            f" work rows out {worked:.1f}, store rows {stored:.1f}"
            f" ({messages / max(rows, 1):,.0f} messages a row,"
            f" {(worked + stored) * messages / max(rows, 1):.1f} µs a row)",
            flush=True,
        )
