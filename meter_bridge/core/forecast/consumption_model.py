"""What a supply uses per day: learned from its own past days, foretold day by day.

Three parts, each of which earns its place in the back-test of ``docs/forecast.md``: a level that fades from
the recent mean into the mean of four weeks, an echo of the last day, and a factor for each weekday that is
believed the more, the more weeks are known. Everything counts in whole mWh and parts per million.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

PPM: Final = 1_000_000
WEEK: Final = 7
MEMORY_DAYS: Final = 120
"""Days from which a habit is learned; older ones are forgotten."""
MEAN_DAYS: Final = 28
LEAST_DAYS: Final = 3
"""Known days of the last four weeks below which nothing is foretold."""
_KEEP: Final = (85, 100)
"""Weight of a day in the recent mean, against that of the day after it."""
_FADE: Final = (867, 1000)
"""What is left of recent - mean after each day: exp(-1/7)."""
_ECHO: Final = (1, 5)
"""Part of what the last day was above the recent mean that the next day repeats; half of it each day on."""
_SHRINK_DAYS: Final = 8
"""Days of an even week with which each weekday's own days are mixed."""
_WEIGHTS: Final = tuple(
    PPM * _KEEP[0] ** age // _KEEP[1] ** age for age in range(MEMORY_DAYS) if PPM * 85**age >= 100**age
)

type Uses = Sequence[int | None]
"""Energy of local days in Wh, the newest last; None is a day that is not known, or without supply."""


class History(NamedTuple):
    """The days of a supply up to a local day, which is the newest."""

    last: date
    uses: Uses

    def before(self, days: int) -> History:
        """Return the history as it was some days ago."""
        return History(self.last - timedelta(days=days), self.uses[: len(self.uses) - days])


@dataclass(frozen=True, slots=True)
class ConsumptionModel:
    """What was learned; energy in mWh per day of an even week."""

    last: date
    """Last day from which it was learned."""
    recent: int
    mean: int
    echo: int
    """How much the last day was above the recent mean; 0 where it is not known."""
    weekdays: tuple[int, ...]
    """Factor of each weekday, Monday first, in parts per million."""

    def days(self) -> Iterator[int]:
        """Yield the mWh of each day after the last one, without end."""
        fading, echo, weekday = self.recent - self.mean, self.echo * _ECHO[0] // _ECHO[1], self.last.weekday()
        while True:
            weekday = (weekday + 1) % WEEK
            fading = fading * _FADE[0] // _FADE[1]
            yield max((self.mean + fading + echo) * self.weekdays[weekday] // PPM, 0)
            echo //= 2


def fit(history: History) -> ConsumptionModel | None:
    """Return the habit of a supply, None while too few days of the last four weeks are known."""
    last, uses = history.last, history.uses[-MEMORY_DAYS:]
    if sum(use is not None for use in uses[-MEAN_DAYS:]) < LEAST_DAYS:
        return None
    weekdays = _weekdays(last, uses)
    first = last.weekday() + 1 - len(uses)
    even = [
        None if use is None else use * 1000 * PPM // max(weekdays[(first + place) % WEEK], 1)
        for place, use in enumerate(uses)
    ]
    month = [use for use in even[-MEAN_DAYS:] if use is not None]
    recent = _recent(even)
    newest = even[-1]
    return ConsumptionModel(
        last, recent, sum(month) // len(month), 0 if newest is None else newest - recent, weekdays
    )


def _recent(even: Uses) -> int:
    """Return the mean in which newer days count more."""
    total = weights = 0
    for weight, use in zip(_WEIGHTS, reversed(even), strict=False):
        if use is not None:
            total, weights = total + weight * use, weights + weight
    return total // weights if weights else 0


def _weekdays(last: date, uses: Uses) -> tuple[int, ...]:
    """Return what each weekday uses against the mean of all days, with a mean of one."""
    sums, counts = [0] * WEEK, [0] * WEEK
    first = last.weekday() + 1 - len(uses)
    for place, use in enumerate(uses):
        if use is not None:
            sums[(first + place) % WEEK] += use
            counts[(first + place) % WEEK] += 1
    total, days = sum(sums), sum(counts)
    if not total:
        return (PPM,) * WEEK
    # (own sum + shrink days of the mean) / (own days + shrink days) / mean
    raw = [
        PPM * (own * days + _SHRINK_DAYS * total) // ((count + _SHRINK_DAYS) * total)
        for own, count in zip(sums, counts, strict=True)
    ]
    return tuple(each * PPM * WEEK // sum(raw) for each in raw)
