"""When the credit of an account runs out, from what is foretold of each of its supplies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.forecast.consumption_model import PPM
from meter_bridge.core.forecast.cost_projection import CostProjection, depletion_at
from meter_bridge.core.forecast.prediction_interval import PredictionInterval, nearest_horizon

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Depletion:
    """When credit runs out, milliseconds UTC; four times out of five between ``soonest`` and ``latest``."""

    at: int
    earliest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class SupplyForecast:
    """What is foretold of one supply."""

    projection: CostProjection
    intervals: Mapping[int, PredictionInterval | None]
    """By the horizon in days."""
    units: int = 0
    """Wh that were bought and not used, where the supply sells units."""


def forecast_depletion(forecasts: Sequence[SupplyForecast], left: int, now: int) -> Depletion | None:
    """Return when the first thing runs out: the money that is left, or the units of a supply that sells them.

    None where nothing ends within what is foretold, or nothing is.
    """
    at = _depletion_at(forecasts, left, now)
    if at is None:
        return None
    days = nearest_horizon((at - now) * PPM // DAY_MS)
    intervals = [None if days is None else forecast.intervals.get(days) for forecast in forecasts]
    known = [interval for interval in intervals if interval is not None]
    if len(known) != len(intervals):
        return Depletion(at, None, None)
    low, high = min(interval.low for interval in known), max(interval.high for interval in known)
    return Depletion(at, now + (at - now) * low // PPM, now + (at - now) * high // PPM)


def _depletion_at(forecasts: Sequence[SupplyForecast], left: int, now: int) -> int | None:
    ends = [
        depletion_at([forecast.projection], forecast.units, now)
        for forecast in forecasts
        if forecast.projection.in_units
    ]
    money = [forecast.projection for forecast in forecasts if not forecast.projection.in_units]
    if money:
        ends.append(depletion_at(money, left, now))
    return min((end for end in ends if end is not None), default=None)
