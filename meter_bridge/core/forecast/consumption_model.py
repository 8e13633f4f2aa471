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
MIN_KNOWN_DAYS: Final = 3
"""Known days of the last four weeks below which nothing is foretold."""
_DECAY_PER_DAY: Final = (85, 100)
"""Weight of a day in the recent mean, against that of the day after it."""
_DECAY: Final = (867, 1000)
"""What is left of recent - mean after each day: exp(-1/7)."""
_CARRY_OVER: Final = (1, 5)
"""Part of what the last day was above the recent mean that the next day repeats; half of it each day on."""
_SHRINKAGE_DAYS: Final = 8
"""Days of an even week with which each weekday's own days are mixed."""
_WEIGHTS: Final = tuple(
    PPM * _DECAY_PER_DAY[0] ** age // _DECAY_PER_DAY[1] ** age
    for age in range(MEMORY_DAYS)
    if PPM * 85**age >= 100**age
)

type Uses = Sequence[int | None]
"""Energy of local days in Wh, the newest last; None is a day that is not known, or without supply."""


class History(NamedTuple):
    """The days of a supply up to a local day, which is the newest."""

    last_day: date
    uses: Uses

    def before(self, days: int) -> History:
        """Return the history as it was some days ago."""
        return History(self.last_day - timedelta(days=days), self.uses[: len(self.uses) - days])


@dataclass(frozen=True, slots=True)
class ConsumptionModel:
    """What was learned; energy in mWh per day of an even week."""

    last_day: date
    """Last day from which it was learned."""
    recent_mean: int
    mean: int
    carry_over: int
    """How much the last day was above the recent mean; 0 where it is not known."""
    weekdays: tuple[int, ...]
    """Factor of each weekday, Monday first, in parts per million."""

    def daily_forecast(self) -> Iterator[int]:
        """Yield the mWh of each day after the last one, without end."""
        fading, echo, weekday = (
            self.recent_mean - self.mean,
            self.carry_over * _CARRY_OVER[0] // _CARRY_OVER[1],
            self.last_day.weekday(),
        )
        while True:
            weekday = (weekday + 1) % WEEK
            fading = fading * _DECAY[0] // _DECAY[1]
            yield max((self.mean + fading + echo) * self.weekdays[weekday] // PPM, 0)
            echo //= 2


def fit(history: History) -> ConsumptionModel | None:
    """Return the habit of a supply, None while too few days of the last four weeks are known."""
    last, uses = history.last_day, history.uses[-MEMORY_DAYS:]
    if sum(use is not None for use in uses[-MEAN_DAYS:]) < MIN_KNOWN_DAYS:
        return None
    weekdays = _weekday_factors(last, uses)
    first = last.weekday() + 1 - len(uses)
    deseasonalised = [
        None if use is None else use * 1000 * PPM // max(weekdays[(first + position) % WEEK], 1)
        for position, use in enumerate(uses)
    ]
    month = [use for use in deseasonalised[-MEAN_DAYS:] if use is not None]
    recent = _recent_mean(deseasonalised)
    newest = deseasonalised[-1]
    return ConsumptionModel(
        last, recent, sum(month) // len(month), 0 if newest is None else newest - recent, weekdays
    )


def _recent_mean(even: Uses) -> int:
    total = weights = 0
    for weight, use in zip(_WEIGHTS, reversed(even), strict=False):
        if use is not None:
            total, weights = total + weight * use, weights + weight
    return total // weights if weights else 0


def _weekday_factors(last: date, uses: Uses) -> tuple[int, ...]:
    """Return each weekday's use relative to the mean of all days, in ppm."""
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
        PPM * (own * days + _SHRINKAGE_DAYS * total) // ((count + _SHRINKAGE_DAYS) * total)
        for own, count in zip(sums, counts, strict=True)
    ]
    return tuple(raw_factor * PPM * WEEK // sum(raw) for raw_factor in raw)
