"""Sparing contactors: how often credit may switch a supply within a day.

Only a cut for lack of credit ever waits. Payments, protections and holds switch at once, and a payment's
restore counts.
"""

from typing import Final

from meter_bridge.core.calendar import DAY_MS

MAX_SWITCHINGS: Final = 200
"""Most switchings a day that a policy may name; also how many are remembered."""


def switching_blocked_until(switchings: tuple[int, ...], limit: int | None, at: int) -> int | None:
    """Return until when a cut has to wait because credit switched ``most`` times within a day, or None."""
    recent = _last_day(switchings, at)
    if limit is None or len(recent) < limit:
        return None
    return recent[len(recent) - limit] + DAY_MS


def add_switching(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return the switchings of the last day with one more."""
    return (*_last_day(switchings, at), at)[-MAX_SWITCHINGS:]


def _last_day(switchings: tuple[int, ...], at: int) -> tuple[int, ...]:
    """Return the switchings of the last day, oldest first."""
    return tuple(switching for switching in switchings if at - switching < DAY_MS)
