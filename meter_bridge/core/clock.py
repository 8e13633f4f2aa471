"""The guarded clock: event time that a jump of the wall clock cannot move (invariant 12).

Event time is the wall time of an anchor plus the monotonic time since. While the wall clock disagrees with it
by more than a minute the clock is *unsure*: time-based charges, band boundaries and cuts wait, until the wall
clock agrees again, the system says that it is synchronised, or a person confirms it.
"""

from dataclasses import dataclass, replace
from typing import Final

WALL_CLOCK_TOLERANCE_MS: Final = 60_000
TRUSTED_GAP_MS: Final = 86_400_000
"""Longest time since the last committed instant that an unsynchronised clock may claim at the start."""
SLOWDOWN_FACTOR: Final = 2
"""Event time that is ahead of a wall clock found right passes so many times slower until both agree."""
DEVICE_TOLERANCE_MS: Final = 60_000
"""How far a device's own time of a live reading may be from its receipt."""


@dataclass(frozen=True, slots=True)
class GuardedClock:
    """Anchor of event time; instants are milliseconds, monotonic time as well."""

    anchor: int
    anchor_monotonic: int
    sure: bool
    slow_from: int | None = None
    """From here it passes slowly, until a wall clock that was found right but behind has caught up."""
    slow_from_monotonic: int = 0

    @property
    def caught_up_at(self) -> int:
        """Return from when on, by the monotonic clock, event time is what the wall clock says."""
        if self.slow_from is None:
            return 0
        return SLOWDOWN_FACTOR * (self.slow_from - self.anchored_time(0)) - self.slow_from_monotonic

    def now(self, monotonic: int) -> int:
        """Return event time; it never goes back within a process."""
        if self.slow_from is None or monotonic >= self.caught_up_at:
            return self.anchored_time(monotonic)
        return self.slow_from + (monotonic - self.slow_from_monotonic) // SLOWDOWN_FACTOR

    def ahead_ms(self, monotonic: int) -> int:
        """Return by how much event time is ahead of the wall clock that it waits for."""
        return self.now(monotonic) - self.anchored_time(monotonic)

    def ahead_ms_at(self, instant: int) -> int:
        """Return by how much event time was ahead at an instant of it; before it slowed down, as then."""
        if self.slow_from is None:
            return 0
        since = SLOWDOWN_FACTOR * max(instant - self.slow_from, 0)
        return max(max(instant, self.slow_from) - self.anchored_time(self.slow_from_monotonic + since), 0)

    def to_event_time(self, wall: int) -> int:
        """Return the event time of an instant by a right clock; before it slowed down they are the same."""
        monotonic = wall - self.anchored_time(0)
        return self.now(monotonic) if monotonic >= self.slow_from_monotonic else wall

    def anchored_time(self, monotonic: int) -> int:
        """Return the anchor's wall time carried on by the monotonic clock."""
        return self.anchor + monotonic - self.anchor_monotonic


def start(wall: int, monotonic: int, last_instant: int | None, *, synchronised: bool) -> GuardedClock:
    """Return the clock at the start of the bridge.

    A wall clock before the last committed instant, or more than a day after it without synchronisation, is
    not believed; event time then goes on from the last instant.
    """
    if last_instant is None:
        return GuardedClock(wall, monotonic, sure=True)
    if wall < last_instant:
        near = last_instant - wall <= WALL_CLOCK_TOLERANCE_MS
        return GuardedClock(last_instant, monotonic, sure=near)
    if wall - last_instant > TRUSTED_GAP_MS and not synchronised:
        return GuardedClock(last_instant, monotonic, sure=False)
    return GuardedClock(wall, monotonic, sure=True)


def check(clock: GuardedClock, wall: int, monotonic: int, *, synchronised: bool) -> GuardedClock:
    """Compare the clock with the wall clock; small drifts are followed forwards, waited out backwards."""
    drift = wall - clock.anchored_time(monotonic)
    if abs(drift) <= WALL_CLOCK_TOLERANCE_MS:
        followed = replace(clock, anchor=wall, anchor_monotonic=monotonic) if drift > 0 else clock
        return replace(followed, sure=True)
    if synchronised and not clock.sure and drift >= -TRUSTED_GAP_MS:
        return confirm(clock, wall, monotonic)
    return replace(clock, sure=False)


def confirm(clock: GuardedClock, wall: int, monotonic: int) -> GuardedClock:
    """Return the clock after a person said that the wall clock is right.

    Event time never goes back, nor does it stand still, so that whatever lasts comes to its end: where it is
    ahead it passes slowly until the wall clock has caught up.
    """
    return GuardedClock(
        wall, monotonic, sure=True, slow_from=clock.now(monotonic), slow_from_monotonic=monotonic
    )


def reading_instant(received: int, measured: int | None, *, buffered: bool = False) -> int:
    """Return the device's own time within a minute of receipt, or if buffered; otherwise that of receipt."""
    if measured is None or (not buffered and abs(received - measured) > DEVICE_TOLERANCE_MS):
        return received
    return min(measured, received)
