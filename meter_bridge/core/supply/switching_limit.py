"""Sparing contactors: how often credit may switch a supply within a day.

Only a cut for lack of credit ever waits. Payments, protections and holds switch at once, and a payment's
restore counts.
"""

from typing import Final

from meter_bridge.core.calendar import DAY_MS

MOST_SWITCHINGS: Final = 200
"""Most switchings a day that a policy may name; also how many are remembered."""


def switching_blocked_until(switchings: tuple[int, ...], most: int | None, at: int) -> int | None:
    """Return until when a cut has to wait because credit switched ``most`` times within a day, or None."""
    recent = _recent(switchings, at)
    if most is None or len(recent) < most:
        return None
    return recent[len(recent) - most] + DAY_MS


def add_switching(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return the switchings of the last day with one more."""
    return (*_recent(switchings, at), at)[-MOST_SWITCHINGS:]


def _recent(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return the switchings of the last day, oldest first."""
    return tuple(switching for switching in switchings if at - switching < DAY_MS)
