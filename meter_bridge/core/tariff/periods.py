"""Periods of tariffs: local days, weeks, months, quarters and years with an anchor day.

A period is written as an ISO 8601 interval of its first day and its length, such as ``2026-07-01/P1M``; texts
of one rule sort in time.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final


class PeriodUnit(StrEnum):
    """Lengths of a period."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_MONTHS: Final = {PeriodUnit.MONTH: 1, PeriodUnit.QUARTER: 3, PeriodUnit.YEAR: 12}
_LENGTHS: Final = {
    PeriodUnit.DAY: "P1D",
    PeriodUnit.WEEK: "P7D",
    PeriodUnit.MONTH: "P1M",
    PeriodUnit.QUARTER: "P3M",
    PeriodUnit.YEAR: "P1Y",
}
_UNITS: Final = {length: unit for unit, length in _LENGTHS.items()}
LATEST_ANCHOR_DAY: Final = 28
"""Every month has this day, so a period begins on the same day in each."""


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """How time is cut into periods."""

    unit: PeriodUnit = PeriodUnit.MONTH
    day: int = 1
    """Day of the month on which it begins, 1 to 28; of a week, 1 is Monday."""
    month: int = 1
    """Month in which a year begins; quarters begin in it and every third month after."""

    def start_of(self, day: date) -> date:
        """Return the first day of the period that holds a day."""
        return _start_of(self, day)

    def next_start(self, start: date) -> date:
        """Return the first day of the period after the one that begins at ``start``."""
        return _next_start(self.unit, start)

    def text(self, day: date) -> str:
        """Return the period that holds a day as an ISO interval."""
        return f"{self.start_of(day).isoformat()}/{_LENGTHS[self.unit]}"


@lru_cache(maxsize=4096)
def _start_of(rule: PeriodRule, day: date) -> date:
    if rule.unit is PeriodUnit.DAY:
        return day
    if rule.unit is PeriodUnit.WEEK:
        return day - timedelta(days=(day.weekday() - rule.day + 1) % 7)
    length = _MONTHS[rule.unit]
    number = day.year * 12 + day.month - 1 - (1 if day.day < rule.day else 0)
    number -= (number - (rule.month - 1)) % length
    return date(number // 12, number % 12 + 1, rule.day)


def _next_start(unit: PeriodUnit, start: date) -> date:
    if unit is PeriodUnit.DAY:
        return start + timedelta(days=1)
    if unit is PeriodUnit.WEEK:
        return start + timedelta(days=7)
    number = start.year * 12 + start.month - 1 + _MONTHS[unit]
    return date(number // 12, number % 12 + 1, start.day)


def period_bounds(period: str) -> tuple[date, date]:
    """Return the first day of a period and the first day after it."""
    first, _, length = period.partition("/")
    start = date.fromisoformat(first)
    return start, _next_start(_UNITS[length], start)
