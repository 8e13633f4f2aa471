"""What does not depend on energy: standing charges, contracted demand, limits in proportion.

It is worked out by the core itself, once for each different ``SupplyTerms``, and joined to the units with
them.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from dashboard.pricing.calendar import Calendar
from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.rating import LineKey, Rating, SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import EXACT_SCALE, TariffVersion, Timeline, days_share, limits_in_period


@dataclass(frozen=True, slots=True)
class FixedCharges:
    """The fixed charges of a supply with some terms over a span of time."""

    lines: dict[LineKey, int]
    """Exact values of standing charges, contracted demand, and the taxes on them."""
    closed: frozenset[str]
    """Billing periods that end within the span, or with it."""


def fixed_charges(calendar: Calendar, terms: SupplyTerms) -> FixedCharges:
    """Return what the days of a span charge, as ``core.pricing`` goes through them without any energy.

    A supply that begins within the span pays from its second day on.
    """
    bare = Timeline(tuple(replace(version, minimum=0) for version in calendar.timeline.versions))
    zone = bare.versions[0].zone
    rating = Rating(terms=terms)
    first = local_day(calendar.first, zone)
    day = first if terms.started is None else max(first, terms.started)
    if terms.started is None or day > terms.started:
        _begin(rating, bare, day)
    rating.energy_history = {}
    while day_start(day + timedelta(days=1), zone) < calendar.last:
        day += timedelta(days=1)
        _begin(rating, bare, day)
    _close(rating, bare, calendar.last)
    return FixedCharges(
        {key: line.quantity for key, line in rating.lines.items()}, frozenset(rating.energy_history)
    )


def _begin(rating: Rating, timeline: Timeline, day: date) -> None:
    charge_day(
        rating, timeline, max(day_start(day, timeline.versions[0].zone), timeline.versions[0].valid_from)
    )


def _close(rating: Rating, timeline: Timeline, at: int) -> None:
    version = timeline.at(at)
    day = local_day(at, version.zone)
    if day_start(day, version.zone) == at and version.billing_period.start_of(day) == day:
        _begin(rating, timeline, day)


def block_limits(
    version: TariffVersion, ladder: int, block_period: str, terms: SupplyTerms
) -> tuple[int, ...]:
    """Return the limits of a ladder in one of its periods; of blocks by history never in proportion."""
    if version.history_periods:
        return version.ladders[ladder].limits
    return limits_in_period(version, ladder, block_period, terms.started)


def free_units(version: TariffVersion, period: str, terms: SupplyTerms) -> int:
    """Return the free units of a billing period, Wh."""
    if not version.free_wh or not terms.free_units:
        return 0
    days, total = counted_days(version, period, terms)
    return version.free_wh * days // total


def counted_days(version: TariffVersion, period: str, terms: SupplyTerms) -> tuple[int, int]:
    """Return how many days of a billing period count, of how many; all where nothing is in proportion."""
    if not version.prorate:
        return 1, 1
    return days_share(version.billing_period, period_bounds(period)[0], terms.started)


def least_charge(version: TariffVersion, period: str, terms: SupplyTerms) -> int:
    """Return the exact minimum of a billing period that is over; 0 where a first period is charged none."""
    days, total = days_share(version.billing_period, period_bounds(period)[0], terms.started)
    if days != total and not version.prorate:
        return 0
    return version.minimum * EXACT_SCALE * days // total
