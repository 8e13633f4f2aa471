"""What the coming days will cost, and when credit runs out: forecast energy, rated as real energy is.

Blocks, bands, standing and minimum charges, taxes and free units count as in the ledger, because a copy of
the ledger's rating runs ahead. A maximum demand is assumed to be reached again at the start of each billing
period. If a tariff sells units, the energy counts instead of its cost.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import DAY_MS, day_end, day_start, local_day
from meter_bridge.core.forecast.consumption_model import PPM, ConsumptionModel
from meter_bridge.core.forecast.prediction_interval import (
    MAX_FORECAST_DAYS,
    PredictionInterval,
    nearest_horizon,
)
from meter_bridge.core.ledger.debt import Debt, next_due
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total
from meter_bridge.core.rating.rating import (
    EnergySpan,
    Line,
    Lot,
    Rating,
    demand_peak_period,
    rate_energy,
)
from meter_bridge.core.rating.unit_purchase import sells_units
from meter_bridge.core.tariff.tariff import Timeline

_PROJECTED: Final = "projected"
"""Name of the meter that will use the energy."""
MWH_PER_WH: Final = 1000


class Point(NamedTuple):
    """What will have been spent by an instant, of which there may be two at one instant: before and after."""

    at: int
    spent: int


@dataclass(frozen=True, slots=True)
class CostProjection:
    """What a supply will spend from an instant on: an amount, or Wh where units were bought."""

    points: Sequence[Point]
    """In order; the first is the instant itself."""
    in_units: bool = False

    def spent_by(self, at: int) -> int:
        """Return what will have been spent by an instant; beyond the end no more is known."""
        place = bisect_right(self.points, at, key=lambda point: point.at)
        if place in (0, len(self.points)):
            return self.points[max(place - 1, 0)].spent
        before, after = self.points[place - 1], self.points[place]
        part = (after.spent - before.spent) * (at - before.at) // (after.at - before.at)
        return before.spent + part

    def time_of(self, spent: int) -> int | None:
        """Return the first instant by which so much will have been spent; None beyond the end."""
        place = bisect_left(self.points, spent, key=lambda point: point.spent)
        if place == len(self.points):
            return None
        before, after = self.points[max(place - 1, 0)], self.points[place]
        rise = after.spent - before.spent
        return before.at + (after.at - before.at) * (spent - before.spent) // rise if rise else after.at


@dataclass(frozen=True, slots=True)
class ForecastRun:
    """What was foretold of a supply, and from what."""

    made_at: int
    last_day: date
    """Newest day that it was learned from."""
    timeline: Timeline
    debts: tuple[Debt, ...]
    projection: CostProjection | None
    """None while too little is known."""
    intervals: Mapping[int, PredictionInterval | None]
    """By the horizon in days."""


def depletion_at(projections: Sequence[CostProjection], left: int, now: int) -> int | None:
    """Return when what is left now will be spent by all of them together; None if not in their time."""
    if len(projections) == 1:
        (only,) = projections
        reached = only.time_of(only.spent_by(now) + left)
        return None if reached is None else max(reached, now)
    base = sum(projection.spent_by(now) for projection in projections)
    last, known = now, base
    for at in sorted({point.at for outlook in projections for point in outlook.points if point.at > now}):
        spent_before = sum(_spent_just_before(outlook, at) for outlook in projections)
        if spent_before - base >= left:
            missing, rise = left - (known - base), spent_before - known
            return last + (at - last) * max(missing, 0) // rise if rise > 0 else last
        known = sum(outlook.spent_by(at) for outlook in projections)
        if known - base >= left:
            return at
        last = at
    return None


def _spent_just_before(projection: CostProjection, at: int) -> int:
    """Return the amount spent by an instant, without what falls due at that instant."""
    return next((point.spent for point in projection.points if point.at == at), projection.spent_by(at))


def projected_points(rating: Rating, timeline: Timeline, model: ConsumptionModel, at: int) -> Iterator[Point]:
    """Yield what will have been spent, day by day; the rating is copied, so it may change meanwhile."""
    version, in_units = timeline.at(at), sells_units(timeline, at)
    run = _ProjectionRun(_copy(rating), timeline)
    run.spent = -accrued_total(run.rating, timeline)
    return _projected_points(
        run, _remaining_days(model, local_day(at, version.zone), version.zone, at), at, in_units=in_units
    )


def _projected_points(
    run: _ProjectionRun, days: Iterator[EnergySpan], at: int, *, in_units: bool
) -> Iterator[Point]:
    yield Point(at, 0)
    used = 0
    for use in days:
        run.add_energy(use)
        used += use.wh
        spent = used if in_units else run.value
        yield Point(use.end, spent)
        run.begin_day(use.end)
        if not in_units and run.value != spent:
            yield Point(use.end, run.value)


def add_debt_recovery(projection: CostProjection, debts: Iterable[Debt], zone: ZoneInfo) -> CostProjection:
    """Return an outlook that also spends what debts recover by time."""
    due: list[Point] = []
    begin, end = projection.points[0].at, projection.points[-1].at
    for debt in debts:
        at, owed = debt.due, debt.owed
        while debt.by_time and begin < at <= end and owed > 0:
            due.append(Point(at, min(debt.rate, owed)))
            owed -= debt.rate
            at = next_due(debt.every, at, zone)
    return _add_due_amounts(projection, sorted(due)) if due and not projection.in_units else projection


def _add_due_amounts(projection: CostProjection, due: Sequence[Point]) -> CostProjection:
    due_points = {point_due.at: Point(point_due.at, projection.spent_by(point_due.at)) for point_due in due}
    points: list[Point] = []
    for point, falls_due in sorted(
        [(point, False) for point in projection.points] + [(mark, True) for mark in due_points.values()]
    ):
        before = point.spent + sum(point_due.spent for point_due in due if point_due.at < point.at)
        points.append(Point(point.at, before))
        if falls_due:
            points.append(
                Point(
                    point.at, before + sum(point_due.spent for point_due in due if point_due.at == point.at)
                )
            )
    return replace(projection, points=tuple(points))


def _remaining_days(model: ConsumptionModel, today: date, zone: ZoneInfo, at: int) -> Iterator[EnergySpan]:
    day = model.last_day
    for _, use in zip(range(MAX_FORECAST_DAYS + (today - day).days), model.daily_forecast(), strict=False):
        day += timedelta(days=1)
        if day >= today:
            start, end = day_start(day, zone), day_end(day, zone)
            begin = max(start, at)
            yield EnergySpan(begin, end, use * (end - begin) // (end - start) // MWH_PER_WH, estimated=True)


@dataclass(slots=True)
class _ProjectionRun:
    rating: Rating
    timeline: Timeline
    spent: int = 0
    """What was settled or put away, less what had accrued before."""

    @property
    def value(self) -> int:
        """Return what was spent so far."""
        return self.spent + accrued_total(self.rating, self.timeline)

    def add_energy(self, use: EnergySpan) -> None:
        """Put the energy of a time on its lines, even in time, cut at every price boundary."""
        at, given = use.start, 0
        while at < use.end:
            interval = self.timeline.interval_at(at)
            until = min(interval.end, use.end)
            upto = use.wh * (until - use.start) // (use.end - use.start)
            rate_energy(
                self.rating, interval, _PROJECTED, EnergySpan(at, until, upto - given, estimated=True)
            )
            at, given = until, upto
        self.rating.open_segments.clear()

    def begin_day(self, at: int) -> None:
        """Charge what the begin of a day makes due."""
        before, period = self.timeline.at(at - 1).period(at - 1), self.timeline.at(at).period(at)
        self.spent += charge_day(self.rating, self.timeline, at).total
        if period == before:
            return
        whole = self.value
        self.rating.lines = {key: line for key, line in self.rating.lines.items() if key.period != before}
        self.rating.tax_parts.clear()
        self.rating.period_lines.clear()
        self.spent += whole - self.value
        peaks = self.rating.demand_peaks
        for key in [key for key in peaks if demand_peak_period(key) == before]:
            peaks.setdefault(key.replace(before, period), peaks.pop(key))
            self.rating.dirty.add(period)


def _copy(rating: Rating) -> Rating:
    return Rating(
        lines={
            key: Line(line.quantity, line.settled_quantity, line.settled_amount)
            for key, line in rating.lines.items()
        },
        block_usage=dict(rating.block_usage),
        demand_peaks=dict(rating.demand_peaks),
        energy_history=dict(rating.energy_history),
        lots=[Lot(lot.id, lot.wh, lot.value_per_wh) for lot in rating.lots],
        terms=rating.terms,
    )


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
    """Return when money, or the units of a supply that sells them, run out; None beyond the forecast."""
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
