"""An event loop whose time passes as fast as there is nothing to do, in an order that a seed chooses.

Callbacks that are ready run in the order in which they became so, as asyncio promises; what a seed varies
is how late timers fire and how long work in threads takes, so tasks meet each other in ever new orders.
"""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
import random
from typing import Any, Final, override

LATENESS_S: Final = 0.02
"""Most that a timer is late while the machine is not busy."""
THREAD_S: Final = 0.01
"""Most that work in a thread takes."""
MOST_KEPT: Final = 100
"""Timers beyond which those that were cancelled are not kept until their time, if they are half of them."""


class _Call[*Ts](asyncio.TimerHandle):
    """A scheduled call, without what asyncio keeps for its debug mode."""

    def __init__(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        args: tuple[*Ts],
        loop: VirtualLoop,
        context: Context | None,
    ) -> None:
        self._when = when
        self._callback: Callable[[*Ts], object] | None = callback
        self._args = args
        self._loop = loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._scheduled = False
        self._source_traceback = None
        self._repr = None

    @override
    def cancel(self) -> None:
        if self._scheduled and not self._cancelled:
            self._loop.cancelled += 1
        self._cancelled = True
        self._callback = None
        self._args = ()


class _Due(float):
    """When a call is due; the heap compares instants in C, and equal ones as asyncio does."""

    __slots__ = ("call",)
    call: _Call[*tuple[Any, ...]]


class VirtualLoop(BaseEventLoop):
    """Runs everything on one thread in virtual time.

    A simulated day wakes tasks some fifty thousand times, mostly to find nothing to do: what asyncio's own
    loop does at each of them for sockets, signals, threads and its debug mode is left out here. The order in
    which calls run is asyncio's, to the last tie, so that a seed's life is the same on either.
    """

    _ready: deque[_Call[*tuple[Any, ...]]]
    _stopping: bool
    _clock_resolution: float

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._now = 0.0
        self._timers: list[_Due] = []
        self.cancelled = 0
        """Timers that were cancelled and are still kept."""
        self.busy_s = 0.0
        """How much later than usual timers may fire: the machine is overloaded."""

    @override
    def time(self) -> float:
        return self._now

    @property
    def now_ms(self) -> int:
        return round(self._now * 1000)

    def _run_once(self) -> None:
        """Run round after round until stopped; if nothing is ready, time jumps.

        A round is what asyncio's is: timers that are due become ready, and what was ready when it began runs.
        """
        ready, timers = self._ready, self._timers
        while True:
            if len(timers) > MOST_KEPT and self.cancelled / len(timers) > 0.5:
                self._forget_cancelled()
            while timers and timers[0].call._cancelled:
                heappop(timers).call._scheduled = False
                self.cancelled -= 1
            if not ready and not self._stopping:
                self._jump()
            end = self._now + self._clock_resolution
            while timers and timers[0] < end:
                due = heappop(timers).call
                due._scheduled = False
                ready.append(due)
            for _ in range(len(ready)):
                call = ready.popleft()
                if not call._cancelled:
                    call._run()
            if self._stopping:
                return

    def _forget_cancelled(self) -> None:
        """Drop cancelled timers, of which there are many."""
        for due in self._timers:
            if due.call._cancelled:
                due.call._scheduled = False
        self._timers[:] = [due for due in self._timers if not due.call._cancelled]
        heapify(self._timers)
        self.cancelled = 0

    def _jump(self) -> None:
        if not self._timers:
            raise RuntimeError("nothing will ever happen any more: the simulation waits for itself")
        self._now += max(self._timers[0] - self._now, 0)

    @override
    def call_soon[*Ts](
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        call = _Call(self._now, callback, args, self, context)
        self._ready.append(call)
        return call

    @override
    def call_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        late = self._chance.random() * (LATENESS_S + self.busy_s)
        return self._planned(_Call(when + late, callback, args, self, context), when + late)

    @override
    def call_later[*Ts](
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def exactly_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Schedule a call of the world around the bridge, which is never late."""
        at = max(when, self._now)
        return self._planned(_Call(at, callback, args, self, None), at)

    def _planned[*Ts](self, call: _Call[*Ts], when: float) -> asyncio.TimerHandle:
        due = _Due(when)
        due.call = call
        call._scheduled = True
        heappush(self._timers, due)
        return call

    @override
    def run_in_executor[*Ts, T](
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do a thread's work at once, and deliver its result after a while."""
        future: asyncio.Future[T] = self.create_future()
        self.call_later(self._chance.random() * THREAD_S, _work, future, func, args)
        return future

    def _write_to_self(self) -> None:
        """Do nothing: there is only one thread to wake."""


def _work[T](future: asyncio.Future[T], func: Callable[..., T], args: tuple[Any, ...]) -> None:
    """Do the work and deliver its result, unless nobody waits any more."""
    if future.done():
        return
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits
        future.set_exception(error)
    else:
        future.set_result(result)
