"""What is foretold of a supply, as it is stored for those who only read: the dashboard tells the same.

The points of an outlook are 64-bit numbers, the least byte first: all instants, then what will have been
spent by each. So thousands of them are read without making an object of each number.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import json
import sys
from typing import Final, overload, override

from meter_bridge.core.forecast.cost_projection import (
    CostProjection,
    Depletion,
    ForecastRun,
    Point,
    SupplyForecast,
    forecast_depletion as run_out_of,
)
from meter_bridge.core.forecast.prediction_interval import PredictionInterval
from meter_bridge.core.ledger.credit import headroom
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.supply.decision import PaymentMode
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.purchases import units_worth
from meter_bridge.engine.state.model import Account, Supply

_NUMBER_BYTES: Final = 8
_BIG_ENDIAN: Final = sys.byteorder == "big"


class StoredPoints(Sequence[Point]):
    """The points of a stored outlook, made only when they are asked for."""

    __slots__ = ("_half", "_numbers")

    def __init__(self, stored: bytes) -> None:
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


def forecast_row(supply: Supply, forecast: ForecastRun | None, at: int) -> dict[str, object]:
    """Return the row of a supply's forecast, made at an instant; without points where too little is known."""
    projection = None if forecast is None else forecast.projection
    return {
        "supply_id": supply.id,
        "account_id": supply.account.id,
        "made_at": at,
        "in_units": projection is not None and projection.in_units,
        "points": b"" if projection is None else pack_points(projection.points),
        "bands": intervals_text(forecast.intervals if forecast else {}),
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


DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class DaysLeft:
    """How long credit lasts."""

    tenths: int
    """Tenths of a day."""

    @property
    def number(self) -> str:
        """Return it in days, such as ``2.4``."""
        return f"{self.tenths // 10}.{self.tenths % 10}"


def debts_in_forecast(supply: Supply) -> tuple[Debt, ...]:
    """Return the debts that an account's first supply carries in what is foretold."""
    account = supply.account
    return tuple(account.debts.values()) if account.supplies[0] is supply else ()


def has_forecast(account: Account) -> bool:
    """Return whether enough is known of an account to foretell anything."""
    return bool(_supply_forecasts(account))


def _supply_forecasts(account: Account) -> list[SupplyForecast]:
    known = [
        SupplyForecast(each.projection, each.intervals, supply.rating.units)
        for supply in account.supplies
        if (each := supply.forecast) is not None and each.projection is not None
    ]
    prepaid = account.policy.payment_mode is PaymentMode.PREPAYMENT
    return known if prepaid and len(known) == len(account.supplies) else []


def account_depletion(account: Account, now: int) -> Depletion | None:
    """Return when an account's credit runs out; None while too little is known, or if it lasts too long."""
    sights = _supply_forecasts(account)
    if not sights:
        return None
    return run_out_of(
        sights, max(headroom(account.policy.credit, credit_now(account)), units_worth(account)), now
    )


def estimate_days_left(account: Account, now: int) -> DaysLeft | None:
    """Return how long credit lasts, None where it is not foretold."""
    found = account_depletion(account, now)
    return None if found is None else DaysLeft((found.at - now) * 10 // DAY_MS)
