"""Load profiles: how use is spread over a time without readings, where the tariff names one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.tariff.bands import HOLIDAY

HOURS: Final = 24
DAY_TYPES: Final = HOLIDAY + 1
EVEN_WEIGHT: Final = 1_000_000
"""Mean weight of an hour over a week, and the weight of every hour without a profile.

It is the same for all profiles, so that a time over two price lists is spread as one.
"""


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """A weight for each local hour of each type of day: Monday to Sunday, and a holiday."""

    days: tuple[tuple[int, ...], ...]


def profile_of(days: Sequence[Sequence[int]]) -> LoadProfile:
    """Return the profile of weights in any unit, 24 for each of the eight types of day.

    Raises ``ValueError`` where a day has not 24 weights, one is negative, or a week has none above zero.
    """
    if len(days) != DAY_TYPES or any(len(row) != HOURS or min(row) < 0 for row in days):
        raise ValueError(
            f"a load profile has {HOURS} weights for each of {DAY_TYPES} types of day, none negative"
        )
    week = sum(sum(row) for row in days[:HOLIDAY])
    if not week:
        raise ValueError("a load profile has some use in the week; write a weight above zero")
    return LoadProfile(
        tuple(tuple(weight * EVEN_WEIGHT * HOURS * 7 // week for weight in row) for row in days)
    )
