"""The machine on which the bridge runs: its clocks, its disk, and the bridge itself, which can be killed."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from sqlalchemy import Engine as SqlEngine

from meter_bridge.config.settings import Settings
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.engine.jobs import Intervals
from meter_bridge.engine.state.clock import Clocks
from meter_bridge.runtime.bridge import Environment, RunningBridge, running
from meter_bridge.storage.writer import Store
from tests.simulation.broker import Broker
from tests.simulation.disk import Disk, SimulatedStore
from tests.simulation.loop import VirtualLoop

BROKER: Final = MqttSettings(host="broker", client_id="bridge")


def slowed(factor: float) -> Intervals:
    """Return the daemon's intervals, multiplied by ``factor`` because meters report less often here."""
    return Intervals(
        **{interval.name: getattr(Intervals(), interval.name) * factor for interval in fields(Intervals)}
    )


class PowerLostError(Exception):
    """The bridge was killed while it processed a request, whose result is unknown."""


@dataclass(slots=True)
class WallClock:
    """A wall clock that jumps, over a monotonic clock that does not."""

    loop: VirtualLoop
    start_ms: int
    off_ms: int = 0
    """How far the wall clock is ahead of true time."""
    synchronised: bool = True

    def true(self) -> int:
        return self.start_ms + self.loop.now_ms

    def wall(self) -> int:
        """Return the machine's wall clock."""
        return self.true() + self.off_ms

    def clocks(self) -> Clocks:
        return Clocks(self.wall, lambda: self.loop.now_ms, lambda: self.synchronised)


class Machine:
    """Runs the bridge, kills it and starts it again."""

    def __init__(
        self, loop: VirtualLoop, broker: Broker, clock: WallClock, disk: Disk, pace: Intervals
    ) -> None:
        self._loop = loop
        self._broker = broker
        self.clock = clock
        self.disk = disk
        self._pace = pace
        self.parts: RunningBridge | None = None
        """The running bridge, or None while it is down."""
        self.started_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._died = asyncio.Event()
        self.on_start: Callable[[RunningBridge], None] = lambda _parts: None
        """Called with a bridge that has just started, before it does anything."""
        self.on_death: Callable[[RunningBridge], None] = lambda _parts: None
        """Called with a bridge that is just about to die."""
        self.problems: list[str] = []
        self.starts = 0

    @property
    def folder(self) -> Path:
        return self.disk.folder

    async def start(self) -> None:
        """Start the bridge and wait until it serves."""
        ready = self._loop.create_future()
        self._died = asyncio.Event()
        self.disk.on_crash = self.died
        self._task = asyncio.create_task(self._run(ready), name="bridge")
        await asyncio.wait([ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            self.problems.append(f"the bridge does not start: {type(error).__name__}: {error}")
        self.starts += 1
        self.started_at = self._loop.time()

    async def _run(self, ready: asyncio.Future[None]) -> None:
        """Run the daemon until it is killed."""
        outside = Environment(
            clocks=self.clock.clocks(),
            make_store=self._store,
            make_client=self._broker.make_client,
            make_exporter=lambda _database, _folder: None,
            audits=False,
            pace=self._pace,
        )
        async with running(Settings(data=self.folder), BROKER, outside) as parts:
            self.on_start(parts)
            self.parts = parts
            ready.set_result(None)
            await self._died.wait()

    def _store(self, engine: SqlEngine, loop: asyncio.AbstractEventLoop) -> Store:
        return SimulatedStore(engine, loop, self.disk)

    def died(self) -> None:
        """Mark the bridge as dead: nothing of it reaches disk or network any more."""
        if self.parts is not None:
            self.on_death(self.parts)
        self.parts = None
        self._broker.lose_connections()
        self._died.set()

    async def death(self) -> None:
        await self._died.wait()

    async def kill(self) -> None:
        """Kill the bridge as kill -9 does, and clear what is left of it in memory."""
        self.disk.crash()
        await self.buried()

    async def buried(self) -> None:
        """Wait until nothing of a dead bridge is left in memory."""
        task, self._task = self._task, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                self.problems.append(f"the bridge ended with {type(error).__name__}: {error}")
        self.disk.revive()

    async def ask[T](self, request: Coroutine[object, object, T]) -> T:
        """Send a request; raise ``PowerLostError`` if the bridge dies meanwhile."""
        asked = asyncio.ensure_future(request)
        died = asyncio.ensure_future(self._died.wait())
        try:
            await asyncio.wait([asked, died], return_when=asyncio.FIRST_COMPLETED)
            # An answer that would leave the machine after its death never does.
            if self._died.is_set() or not asked.done():
                raise PowerLostError
            return asked.result()
        finally:
            died.cancel()
            asked.cancel()
            if asked.done() and not asked.cancelled():
                asked.exception()
