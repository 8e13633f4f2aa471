"""How long credit lasts at the recent pace.

The pace is a blend: an exponentially weighted mean of daily cost that fades into the plain mean of 28 days.
It has not been back-tested yet and does not follow the price through a block reset.
"""

from dataclasses import dataclass
import math
from typing import Final

FADE_DAYS: Final = 7.0
MIN_DAYS: Final = 2
MAX_DAYS: Final = 366.0
"""Beyond this the answer is "more than a year"."""
SMOOTHING: Final = 0.12
PRECISION_DAYS: Final = 0.01
WINDOW_DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class Pace:
    """Cost per day in the account's amount: newest-weighted, plain mean, and over how many full days."""

    recent: float
    mean: float
    days: int


def days_left(available: int, pace: Pace | None) -> float | None:
    """Return the days that credit lasts; None while fewer than two full days are known or nothing is used."""
    if pace is None or pace.days < MIN_DAYS or max(pace.recent, pace.mean) <= 0:
        return None
    if available <= 0:
        return 0.0
    low, high = 0.0, MAX_DAYS
    if _spent(pace, high) <= available:
        return MAX_DAYS
    while high - low > PRECISION_DAYS:
        middle = (low + high) / 2
        low, high = (middle, high) if _spent(pace, middle) < available else (low, middle)
    return high


def _spent(pace: Pace, days: float) -> float:
    """Return the cost of the coming days: the recent pace fading into the mean."""
    return pace.mean * days + (pace.recent - pace.mean) * FADE_DAYS * -math.expm1(-days / FADE_DAYS)
