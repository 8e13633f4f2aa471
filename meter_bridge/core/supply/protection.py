"""Protections: a value that stays bad opens the supply, and one that stays good lets it come back.

One guard watches one value of one meter. What counts as bad its user says (``core/supply/alerts.py`` has
the limits and their hysteresis). A guard trips when the newest value has been bad for the rule's delay,
with or without another reading in between. After that it resets by itself when nothing bad has been seen
for the rule's time, or only by hand.

Voltage is measured before the relay on most devices, so it is seen while the relay is open. Where it is not,
or where it reads nothing (below 50 V: an outage), time alone counts. A value that was last seen bad never
resets by silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from meter_bridge.core.calendar import HOUR_MS

MAX_RESETS: Final = 60
"""Most automatic resets that a rule may allow in an hour."""


class GuardedLimit(StrEnum):
    """What is guarded."""

    OVER_VOLTAGE = "over_voltage"
    UNDER_VOLTAGE = "under_voltage"
    OVERLOAD = "overload"
    LOAD_LIMIT = "load_limit"
    """The limit of a supply without credit, over the sum of its meters."""
    POWER_LIMIT = "power_limit"
    """The limit that a supply always has, over the sum of its meters."""


class Trip(StrEnum):
    """How a guard that has tripped comes back."""

    RESETTING = "resetting"
    """By itself, when nothing bad was seen for long enough."""
    LOCKED = "locked"
    """Only by a person."""


@dataclass(frozen=True, slots=True)
class ProtectionRule:
    """When a guard trips and how it resets."""

    delay_ms: int = 5_000
    """How long the value has to be bad."""
    reset_after_ms: int | None = 300_000
    """How long nothing bad must be seen before it resets by itself; None: a person resets it."""
    resets_per_hour: int = 3
    """Automatic resets within an hour; at the trip after that many it is locked."""


@dataclass(frozen=True, slots=True)
class Protections:
    """The protections of a supply; None is not protected against."""

    over_voltage: ProtectionRule | None = None
    under_voltage: ProtectionRule | None = None
    overload: ProtectionRule | None = None

    @property
    def rules(self) -> Mapping[GuardedLimit, ProtectionRule]:
        """Return the rules that there are."""
        found = {
            GuardedLimit.OVER_VOLTAGE: self.over_voltage,
            GuardedLimit.UNDER_VOLTAGE: self.under_voltage,
            GuardedLimit.OVERLOAD: self.overload,
        }
        return {protection: rule for protection, rule in found.items() if rule is not None}


@dataclass(frozen=True, slots=True)
class ProtectionTimer:
    """State of one guard; instants in milliseconds UTC."""

    bad_since: int | None = None
    """While it has not tripped: since when the value is bad."""
    tripped_at: int | None = None
    calm_since: int | None = None
    """While it is tripped: since when nothing bad was seen; None while the newest value is bad."""
    locked: bool = False
    resets: tuple[int, ...] = ()
    """Automatic resets of the last hour."""

    @property
    def trip(self) -> Trip | None:
        """Return how it comes back, or None while it has not tripped."""
        if self.tripped_at is None:
            return None
        return Trip.LOCKED if self.locked else Trip.RESETTING


IDLE: Final = ProtectionTimer()


def observe(timer: ProtectionTimer, rule: ProtectionRule, at: int, *, bad: bool) -> ProtectionTimer:
    """Return the guard after a value was seen."""
    if timer.tripped_at is None:
        since = timer.bad_since if timer.bad_since is not None else at
        timer = replace(timer, bad_since=since if bad else None)
    else:
        since = timer.calm_since if timer.calm_since is not None else at
        timer = replace(timer, calm_since=None if bad else since)
    return advance(timer, rule, at)


def advance(timer: ProtectionTimer, rule: ProtectionRule, at: int) -> ProtectionTimer:
    """Return the guard as time alone leaves it: tripped, reset, or as it was."""
    due = wake_at(timer, rule)
    if due is None or due > at:
        return timer
    resets = tuple(reset for reset in timer.resets if at - reset < HOUR_MS)
    if timer.tripped_at is None:
        locked = rule.reset_after_ms is None or len(resets) >= rule.resets_per_hour
        return ProtectionTimer(tripped_at=at, calm_since=at, locked=locked, resets=resets)
    return ProtectionTimer(resets=(*resets, at))


def wake_at(timer: ProtectionTimer, rule: ProtectionRule) -> int | None:
    """Return when time alone changes the guard, or None if it does not."""
    if timer.tripped_at is None:
        return None if timer.bad_since is None else timer.bad_since + rule.delay_ms
    if timer.locked or timer.calm_since is None or rule.reset_after_ms is None:
        return None
    return timer.calm_since + rule.reset_after_ms


def restored(timer: ProtectionTimer, at: int) -> ProtectionTimer:
    """Return the guard after a time in which nothing was watched: a trip stands, its time begins anew."""
    if timer.tripped_at is None:
        return replace(timer, bad_since=None)
    return replace(timer, calm_since=None if timer.calm_since is None else at)


def without_old_resets(timer: ProtectionTimer, at: int) -> ProtectionTimer:
    """Return the guard without resets that count no more."""
    return replace(timer, resets=tuple(reset for reset in timer.resets if at - reset < HOUR_MS))
