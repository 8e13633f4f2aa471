"""How long credit lasts, with a band that says how sure that is: 80 % of the time the truth lies in it.

The band is learned from the supply's own past: had the same been foretold on each of the last days, how much
sooner or later would it have come true? (Split conformal prediction: Vovk et al., Algorithmic Learning in a
Random World, 2005.) Nothing is foretold while too little is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from meter_bridge.core.forecast.consumption_model import PPM, ConsumptionModel, History, fit

MAX_FORECAST_DAYS: Final = 92
"""Days that are looked ahead; what lasts longer is not foretold."""
HORIZONS: Final = (1, 3, 7, 14)
"""Days at which errors are measured; a forecast takes those of the nearest."""
MAX_ERRORS: Final = 90
"""Most past forecasts of which errors are taken."""
MIN_ERRORS: Final = 20
"""Past forecasts below which no band is told."""
_TAIL_DIVISOR: Final = 10
"""One of so many is left out on each side of the band: 80 % lie within."""
_MAX_HORIZON_FACTOR: Final = 3
"""Times the horizon within which a past forecast has to have come true to be counted as it was."""


@dataclass(frozen=True, slots=True)
class PredictionInterval:
    """How much sooner and later than foretold it may be, in parts per million of the time."""

    low: int
    high: int


def duration_ppm(days: Iterable[int], amount: int) -> int | None:
    """Return for how many millionths of a day an amount lasts that shrinks by ``days``; None beyond them."""
    passed = 0
    for use in days:
        if use >= amount:
            return passed + (PPM * amount // use if use else 0)
        amount -= use
        passed += PPM
    return None


def nearest_horizon(millionths: int) -> int | None:
    """Return the horizon whose errors count for a time, in days; None for one far beyond all of them."""
    if millionths > 2 * HORIZONS[-1] * PPM:
        return None
    return min(HORIZONS, key=lambda days: abs(days * PPM - millionths))


def prediction_interval(errors: Sequence[int]) -> PredictionInterval | None:
    """Return the band of past errors, None while there are too few."""
    if len(errors) < MIN_ERRORS:
        return None
    ordered = sorted(errors)
    outside = (len(ordered) + 1) // _TAIL_DIVISOR
    return PredictionInterval(
        ordered[max(outside - 1, 0)], ordered[min(len(ordered) - outside, len(ordered) - 1)]
    )


def backtest_errors(history: History, days: int) -> tuple[int, ...]:
    """Return how long an amount lasted that was foretold to last some days, in ppm, for each past day.

    One that had not run out when the days known ended counts as having lasted until then at least.
    """
    ratios: list[int] = []
    for ago in range(days, len(history.uses)):
        if len(ratios) == MAX_ERRORS:
            break
        model = fit(history.before(ago))
        if model is not None and (error := _backtest_error(model, history, ago, days)) is not None:
            ratios.append(error)
    return tuple(ratios)


def _backtest_error(model: ConsumptionModel, history: History, ago: int, days: int) -> int | None:
    """Return how long an amount that was forecast to last ``days`` did last, in ppm; None if not known."""
    amount = sum(islice(model.daily_forecast(), days))
    if amount <= 0:
        return None
    actual: list[int] = []
    for use in history.uses[len(history.uses) - ago :][: days * _MAX_HORIZON_FACTOR]:
        if use is None:
            break
        actual.append(use * 1000)
    duration = duration_ppm(actual, amount)
    if duration is None:
        return None if len(actual) < days * _MAX_HORIZON_FACTOR else _MAX_HORIZON_FACTOR * PPM
    return duration // days
