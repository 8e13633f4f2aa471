"""Consumption that is worth a look: against a supply's own past, and against similar ones.

A finding is a reason to ask, never an accusation: people travel, heat pumps fail, and a week of guests looks
like a neighbour's cable. A week below half of the four weeks before is the rule that found 99 % of losses of
70 % injected into real homes, at two alarms per meter and year.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.forecast.consumption_model import MEAN_DAYS, WEEK, Uses

MIN_COMPARED_WH: Final = 500
"""Use per day below which nothing is compared: a fridge alone is more."""
IDLE_WH: Final = 20
"""Use per day that a meter and its wiring may have by themselves."""
IDLE_DAYS: Final = 2
MIN_KNOWN_DAYS: Final = (5, 21)
"""Known days of the week, and of the four weeks before, without which nothing is said."""
LOW_PERCENT: Final = (50, 65)
"""Of the past: below the first a finding opens, above the second it closes."""
HIGH_PERCENT: Final = (200, 160)
MISSING_PERCENT: Final = (10, 8)
"""Of a building's energy: above the first a finding opens, below the second it closes.

Wiring and meters lose 2 to 5 %; lights and pumps of the house belong to a unit of their own.
"""
MIN_SIMILAR_UNITS: Final = 6
"""Units without which there is nobody to compare with."""
_MODIFIED_Z: Final = (6745, 35_000)
"""Iglewicz and Hoaglin (1993): 0.6745 x distance / median distance above 3.5 is an outlier."""
SIMILAR_PERCENT: Final = (25, 300)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """How much a week differs: mean Wh per day now, and what it is held against."""

    now_wh: int
    usual_wh: int

    @property
    def percent(self) -> int:
        """Return what the week is of the usual, in per cent."""
        return 100 * self.now_wh // max(self.usual_wh, 1)


def _median(values: Sequence[int]) -> int:
    """Return the median; of an even number of values the higher of the two middle ones."""
    return sorted(values)[len(values) // 2]


def weekly_mean(uses: Uses) -> int | None:
    """Return the mean use per day of the last week, None where too little of it is known."""
    known = [use for use in uses[-WEEK:] if use is not None]
    return sum(known) // len(known) if len(known) >= MIN_KNOWN_DAYS[0] else None


def compare_with_own_past(uses: Uses, *, present: bool = False) -> Anomaly | None:
    """Return how the last week differs from the four before; a ``present`` finding stays a little longer."""
    week = weekly_mean(uses)
    before = [use for use in uses[-WEEK - MEAN_DAYS : -WEEK] if use is not None]
    if week is None or len(before) < MIN_KNOWN_DAYS[1]:
        return None
    anomaly = Anomaly(week, _median(before))
    if anomaly.usual_wh < MIN_COMPARED_WH:
        return None
    low, high = LOW_PERCENT[present], HIGH_PERCENT[present]
    return anomaly if anomaly.percent < low or anomaly.percent > high else None


def idle_days(uses: Uses) -> int:
    """Return for how many days a supply that is used otherwise has used nothing; 0 below ``IDLE_DAYS``."""
    days = 0
    for use in reversed(uses):
        if use is None or use > IDLE_WH:
            break
        days += 1
    before = [use for use in uses[-days - MEAN_DAYS : len(uses) - days] if use is not None]
    used = len(before) >= WEEK and _median(before) >= MIN_COMPARED_WH
    return days if used and days >= IDLE_DAYS else 0


def compare_with_similar(weeks: Mapping[str, int]) -> dict[str, Anomaly]:
    """Return the units whose week stands out among similar ones; by any key, mean Wh per day."""
    values = list(weeks.values())
    if len(values) < MIN_SIMILAR_UNITS:
        return {}
    usual = _median(values)
    spread = _median([abs(value - usual) for value in values])
    return {
        unit: Anomaly(week, usual)
        for unit, week in weeks.items()
        if usual >= MIN_COMPARED_WH and _is_outlier(week, usual, spread)
    }


def _is_outlier(week: int, usual: int, spread: int) -> bool:
    far = _MODIFIED_Z[0] * abs(week - usual) > _MODIFIED_Z[1] * spread
    low, high = SIMILAR_PERCENT
    return far and not low * usual <= 100 * week <= high * usual


def unaccounted_energy(building_wh: int, units_wh: int, *, present: bool = False) -> Anomaly | None:
    """Return what a building's meter measured and its units did not; None within the usual losses.

    ``usual_wh`` of the finding is the building's energy. A finding that is ``present`` stays until losses are
    clearly usual again.
    """
    missing = building_wh - units_wh
    most = MISSING_PERCENT[present]
    if building_wh < MIN_COMPARED_WH or 100 * missing <= most * building_wh:
        return None
    return Anomaly(missing, building_wh)
