"""The engine's clock: the core's guarded clock over a wall and a monotonic clock that are passed in."""

from collections.abc import Callable
import ctypes
from dataclasses import dataclass, replace
from functools import cache
import time
from typing import Final

from meter_bridge.core import clock as rules
from meter_bridge.core.supply.alerts import AlertFacts

TIME_ERROR: Final = 5
"""State in which the kernel says that its clock is not synchronised (adjtimex(2))."""
_TIMEX_BYTES: Final = 256


def wall_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return the monotonic clock in milliseconds."""
    return time.monotonic_ns() // 1_000_000


@cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def kernel_synchronised() -> bool:
    """Return whether the kernel knows its clock to be synchronised (NTP); where it cannot tell, it is not."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = int(_c_library().adjtimex(buffer))
    except AttributeError, OSError:
        return False
    return 0 <= state < TIME_ERROR


@dataclass(frozen=True, slots=True)
class Clocks:
    """Where time comes from; simulations pass their own."""

    wall: Callable[[], int] = wall_ms
    monotonic: Callable[[], int] = monotonic_ms
    synchronised: Callable[[], bool] = kernel_synchronised


class EngineClock:
    """Event time of the bridge."""

    def __init__(self, clocks: Clocks, last_instant: int | None) -> None:
        self._clocks = clocks
        self._monotonic = clocks.monotonic
        self.shared_clock_ahead_ms: Callable[[], int] = lambda: 0
        """By how much a clock that bridges have in common, the database server's, is ahead of this one's."""
        self._confirmed_ahead_ms = 0
        """Its difference when a person said that this clock is right."""
        self._set_state(
            rules.start(clocks.wall(), clocks.monotonic(), last_instant, synchronised=clocks.synchronised())
        )

    def _set_state(self, state: rules.GuardedClock) -> None:
        """Go on from another anchor; what every message asks for is kept at hand."""
        self._state = state
        self._offset, self._caught_up_at = state.anchored_time(0), state.caught_up_at
        self.sure = state.sure
        """Whether time-based charges and cuts may happen."""

    def now(self) -> int:
        """Return event time in milliseconds; it never goes back."""
        monotonic = self._monotonic()
        return self._offset + monotonic if monotonic >= self._caught_up_at else self._state.now(monotonic)

    def ahead_ms(self) -> int:
        """Return by how many milliseconds event time is ahead of the wall clock, which it waits for."""
        return self._state.ahead_ms(self._monotonic())

    def ahead_ms_at(self, instant: int) -> int:
        """Return by how many milliseconds it was ahead at an instant of event time."""
        return self._state.ahead_ms_at(instant)

    def to_event_time(self, wall: int) -> int:
        """Return the event time of an instant that a device or a person told by a right clock."""
        return self._state.to_event_time(wall)

    def to_wall_time(self, instant: int) -> int:
        """Return what the wall clock said at an instant of event time, which may have been ahead of it."""
        return instant - self._state.ahead_ms_at(instant)

    def believed_wall(self) -> int:
        """Return what the wall clock is taken to say, in milliseconds; unlike event time it may go back."""
        return self._offset + self._monotonic()

    def wall(self) -> int:
        """Return what the wall clock says, in milliseconds, whether or not it is believed."""
        return self._clocks.wall()

    def steady_ms(self) -> int:
        """Return milliseconds for pauses, which have to be as long also while event time passes slowly."""
        return self._monotonic()

    def check(self) -> bool:
        """Compare with the wall clock; True if the clock became sure or unsure."""
        before = self.sure
        state = rules.check(
            self._state,
            self._clocks.wall(),
            self._clocks.monotonic(),
            synchronised=self._clocks.synchronised(),
        )
        self._set_state(replace(state, sure=False) if self.differs_from_shared() else state)
        return self.sure != before

    def doubt(self) -> AlertFacts | None:
        """Return the facts of the alert while it is not trusted."""
        if self.sure:
            return None
        if not self.differs_from_shared():
            return {}
        return {"case": "server", "minutes": abs(self.shared_clock_ahead_ms()) // 60_000}

    def differs_from_shared(self) -> bool:
        """Return whether it differs from the clock that bridges have in common, and nobody confirmed it so.

        Two bridges whose clocks differ would cut and charge at different times; at least one of them differs
        from that clock too.
        """
        difference = self.shared_clock_ahead_ms() - self._confirmed_ahead_ms
        return abs(difference) > rules.WALL_CLOCK_TOLERANCE_MS

    def confirm(self) -> None:
        """Take the wall clock as right because a person said so."""
        self._confirmed_ahead_ms = self.shared_clock_ahead_ms()
        self._set_state(rules.confirm(self._state, self._clocks.wall(), self._clocks.monotonic()))
