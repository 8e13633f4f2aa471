"""Making simulated meters, and running many of them on one broker connection in real time."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
import heapq
import random
import time
from typing import Final

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.base.simulated_physics import Load
from meter_bridge.devices.broker.session import BrokerSession
from meter_bridge.devices.broker.url import parse_broker_url
from meter_bridge.devices.registry import families, usual_family

RESPONSIVE_FLEET: Final = 200
"""Fleets up to this size are stepped at every tick, so that a fault shows at once."""
TICK_S: Final = 0.05
GREETINGS_PER_YIELD: Final = 50
DRAIN_TIMEOUT_S: Final = 10.0
DRAIN_POLL_S: Final = 0.005


def wall_clock_ms() -> int:
    """Return the present instant in ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Fleet:
    """Runs simulated meters against a broker; the bridge cannot tell them from devices."""

    def __init__(
        self, url: str, meters: Iterable[SimulatedMeter], *, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        """``clock`` returns ms since 1970 UTC."""
        self._meters = {meter.name: meter for meter in meters}
        self._clock = clock
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._due: list[tuple[int, str]] = []
        self._planned: dict[str, int] = {}
        self._session = BrokerSession(
            parse_broker_url(url),
            filters=self._filters,
            on_message=self._on_message,
            on_connected=self._connection_changed,
        )
        self.published = 0

    @property
    def meters(self) -> Sequence[SimulatedMeter]:
        """All meters."""
        return tuple(self._meters.values())

    def meter(self, name: str) -> SimulatedMeter:
        """Return the meter of that name."""
        return self._meters[name]

    async def start(self, connect_timeout_s: float = 10.0) -> None:
        """Connect, announce all meters and let them run; raise ``TimeoutError`` without a broker."""
        self._session.start()
        async with asyncio.timeout(connect_timeout_s):
            await self._ready.wait()
        self._task = asyncio.create_task(self.run(), name="simulated-fleet")

    async def stop(self) -> None:
        """Say goodbye for all meters and disconnect."""
        tasks = [task for task in (self._task, self._greeting) if task is not None]
        self._task = self._greeting = None
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        for meter in self._meters.values():
            self._publish(meter.will_messages())
        for kind in self._kinds():
            self._publish(kind.gateway_farewell())
        await self._wait_until_sent()
        await self._session.stop()

    async def run(self) -> None:
        """Greet and then step the meters as their time comes, until cancelled."""
        await self._announce()
        for meter in self._meters.values():
            self._schedule(meter)
        while True:
            self.step_due()
            await asyncio.sleep(TICK_S)

    def step_due(self) -> None:
        """Step every meter whose time has come, or all of a small fleet."""
        now = self._clock()
        if len(self._meters) <= RESPONSIVE_FLEET:
            for meter in self._meters.values():
                self._step(meter, now)
            return
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            # A command may have brought the meter's next report forward; the older plan is void then.
            if self._planned[name] == due:
                self._step(self._meters[name], now)
                self._schedule(self._meters[name])

    def _schedule(self, meter: SimulatedMeter) -> None:
        due = max(meter.due_ms, meter.physics.now_ms + 1)
        self._planned[meter.name] = due
        heapq.heappush(self._due, (due, meter.name))

    def _step(self, meter: SimulatedMeter, now: int) -> None:
        self._publish(meter.step(max(0, now - meter.physics.now_ms)))

    async def _announce(self) -> None:
        for kind, meters in self._kinds().items():
            self._publish(kind.gateway_greeting(meters))
        for number, meter in enumerate(self._meters.values()):
            self._publish(meter.come_online())
            if number % GREETINGS_PER_YIELD == 0:
                await self._wait_until_sent()

    def _kinds(self) -> dict[type[SimulatedMeter], list[SimulatedMeter]]:
        kinds: dict[type[SimulatedMeter], list[SimulatedMeter]] = {}
        for meter in sorted(self._meters.values(), key=lambda meter: meter.family):
            kinds.setdefault(type(meter), []).append(meter)
        return kinds

    async def _wait_until_sent(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                while self._session.connected and (self._session.waiting or self._session.in_flight):  # noqa: ASYNC110
                    await asyncio.sleep(DRAIN_POLL_S)

    def _publish(self, messages: Sequence[Publish]) -> None:
        for message in messages:
            self.published += self._session.send(message, urgent=False)

    def _on_message(self, topic: str, payload: bytes, _retained: bool) -> None:  # noqa: FBT001
        meter = self._owner(topic)
        if meter is None:
            return
        self._step(meter, self._clock())
        self._publish(meter.handle(topic, payload))
        if meter.due_ms < self._planned.get(meter.name, 0):
            self._schedule(meter)

    def _owner(self, topic: str) -> SimulatedMeter | None:
        parts = topic.split("/")
        names = (*parts[:2], *("/".join(parts[:end]) for end in range(2, len(parts))))
        candidates = (self._meters.get(name) for name in names)
        return next((meter for meter in candidates if meter is not None and meter.owns(topic)), None)

    def _filters(self) -> Sequence[tuple[str, int]]:
        names = dict.fromkeys(name for meter in self._meters.values() for name in meter.command_filters)
        return [(name, 1) for name in names]

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001
        if connected and self._task is not None:
            self._greeting = asyncio.create_task(self._announce(), name="simulated-greeting")
        if connected:
            self._ready.set()


def simulator_of(family: str) -> type[SimulatedMeter]:
    """Return the class of a family's simulated meters at a broker; raise ``ValueError`` where it has none."""
    make = families()[family].simulator
    if make is None:
        raise ValueError(f"{family} meters do without a broker: they have servers of their own")
    return make()


def simulated_meter(  # noqa: PLR0913 - each says one thing of a meter, and all but two have defaults
    name: str,
    family: str | None = None,
    *,
    load_w: float = 100.0,
    load: Load | None = None,
    register_wh: int = 0,
    interval_s: float = 10.0,
    closed: bool = True,
    model: str | None = None,
    phases: int = 1,
    start_ms: int,
    seed: int = 0,
) -> SimulatedMeter:
    """Return a meter, by default of the usual family; ``start_ms`` is in ms since 1970 UTC."""
    kind = simulator_of(family or usual_family().name)
    settings = MeterSettings(
        name=name,
        load=load,
        load_w=load_w,
        register_wh=register_wh,
        interval_ms=max(1, round(interval_s * 1000)),
        closed=closed,
        model=model,
        phases=phases,
    )
    return kind(settings, random=random.Random(f"{seed}/{name}"), start_ms=start_ms)  # noqa: S311
