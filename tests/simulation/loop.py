"""An event loop whose time passes as fast as there is nothing to do, in an order that a seed chooses.

Callbacks that are ready run in the order in which they became so, as asyncio promises; what a seed varies
is how late timers fire and how long work in threads takes, so tasks meet each other in ever new orders.
"""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
from contextvars import Context
import random
from typing import Any, Final, override

LATENESS_S: Final = 0.02
"""Most that a timer is late while the machine is not busy."""
THREAD_S: Final = 0.01
"""Most that work in a thread takes."""


class _Jump:
    """In place of a selector: instead of waiting it lets time jump."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.time = 0.0

    def select(self, timeout: float | None) -> list[object]:
        """Let the time pass that a real selector would wait."""
        if timeout is None:
            raise RuntimeError("nothing will ever happen any more: the simulation waits for itself")
        self.time += timeout
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(BaseEventLoop):
    """Runs everything on one thread in virtual time."""

    def __init__(self, chance: random.Random) -> None:
        """Take the randomness that decides in which order things happen."""
        super().__init__()
        self._chance = chance
        self._selector = _Jump()
        self.busy_s = 0.0
        """How much later than usual timers may fire: the machine is overloaded."""

    @override
    def time(self) -> float:
        return self._selector.time

    @property
    def now_ms(self) -> int:
        """Return virtual time in milliseconds."""
        return round(self._selector.time * 1000)

    @override
    def call_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        late = self._chance.random() * (LATENESS_S + self.busy_s)
        return super().call_at(when + late, callback, *args, context=context)

    def exactly_at[*Ts](
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Call something of the world around the bridge, which is never late."""
        return super().call_at(max(when, self.time()), callback, *args)

    @override
    def run_in_executor[*Ts, T](
        self, executor: object, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do the work of a thread at once, and tell its end after a while."""
        future: asyncio.Future[T] = self.create_future()
        self.call_later(self._chance.random() * THREAD_S, _work, future, func, args)
        return future

    def _process_events(self, event_list: list[object]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody has to be woken: there is one thread."""


def _work[T](future: asyncio.Future[T], func: Callable[..., T], args: tuple[Any, ...]) -> None:
    """Do the work and tell how it ended, unless nobody waits any more."""
    if future.done():
        return
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - whatever it is belongs to who waits
        future.set_exception(error)
    else:
        future.set_result(result)
