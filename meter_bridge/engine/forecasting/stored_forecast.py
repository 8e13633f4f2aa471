"""What is foretold of a supply, as it is stored for those who only read: the dashboard tells the same.

The points of an outlook are 64-bit numbers, the least byte first: all instants, then what will have been
spent by each. So thousands of them are read without making an object of each number.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
import json
import sys
from typing import Final, overload, override

from meter_bridge.core.forecast.cost_projection import CostProjection, ForecastRun, Point
from meter_bridge.core.forecast.depletion import SupplyForecast
from meter_bridge.core.forecast.prediction_interval import PredictionInterval
from meter_bridge.engine.state.model import Supply

_NUMBER_BYTES: Final = 8
_BIG_ENDIAN: Final = sys.byteorder == "big"


class StoredPoints(Sequence[Point]):
    """The points of a stored outlook, made only when they are asked for."""

    __slots__ = ("_half", "_numbers")

    def __init__(self, stored: bytes) -> None:
        """Keep the numbers."""
        self._numbers = array("q")
        self._numbers.frombytes(stored)
        if _BIG_ENDIAN:
            self._numbers.byteswap()
        self._half = len(self._numbers) // 2

    @override
    def __len__(self) -> int:
        return self._half

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Point]: ...
    @override
    def __getitem__(self, place: int | slice) -> Point | Sequence[Point]:
        if isinstance(place, slice):
            return tuple(self)[place]
        if not -self._half <= place < self._half:
            raise IndexError(place)
        at = place % self._half
        return Point(self._numbers[at], self._numbers[at + self._half])

    @override
    def __iter__(self) -> Iterator[Point]:
        numbers, half = self._numbers, self._half
        return map(Point, numbers[:half], numbers[half:], strict=True)


def pack_points(points: Sequence[Point]) -> bytes:
    """Return points as they are stored."""
    numbers = array("q", [*(point.at for point in points), *(point.spent for point in points)])
    if _BIG_ENDIAN:
        numbers.byteswap()
    return numbers.tobytes()


def forecast_row(supply: Supply, forecast: ForecastRun) -> dict[str, object]:
    """Return the row of what is foretold of a supply; without points where too little is known."""
    projection = forecast.projection
    return {
        "supply_id": supply.id,
        "account_id": supply.account.id,
        "made_at": forecast.made_at,
        "in_units": projection is not None and projection.in_units,
        "points": b"" if projection is None else pack_points(projection.points),
        "bands": intervals_text(forecast.intervals),
    }


def empty_forecast_row(supply: Supply, at: int) -> dict[str, object]:
    """Return the row of a supply of which nothing is known any more."""
    return {
        "supply_id": supply.id,
        "account_id": supply.account.id,
        "made_at": at,
        "in_units": False,
        "points": b"",
        "bands": "{}",
    }


def supply_forecast_of(points: bytes, intervals: str, *, in_units: bool, units: int) -> SupplyForecast | None:
    """Return what is foretold of a supply by its row; None where too little was known."""
    if not points:
        return None
    known = {
        int(days): None if ends is None else PredictionInterval(ends[0], ends[1])
        for days, ends in json.loads(intervals).items()
    }
    return SupplyForecast(CostProjection(StoredPoints(points), in_units), known, units)


def intervals_text(intervals: Mapping[int, PredictionInterval | None]) -> str:
    """Return bands as text."""
    return json.dumps(
        {
            str(days): None if interval is None else [interval.low, interval.high]
            for days, interval in intervals.items()
        }
    )
