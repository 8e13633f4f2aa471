"""Charges that time makes due: standing charges, contracted demand, the end of a billing period.

A charge for a week or month is due when that begins. If the tariff says so, a customer who moves out is
refunded the part for the days after the move-out, and owes the minimum charge only for the days before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from meter_bridge.core.calendar import day_end, day_start, local_day
from meter_bridge.core.rating.period_to_date import (
    ChargesBuilder,
    close_period_to_date,
    energy_of,
    refresh_period,
    set_value,
)
from meter_bridge.core.rating.rating import (
    NO_BLOCK,
    Charges,
    LineKey,
    LineKind,
    Rating,
    Segment,
    line_for,
)
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import EXACT_SCALE, DemandOf, TariffVersion, Timeline, days_share

WEEK: Final = PeriodRule(PeriodUnit.WEEK)
"""Weeks of weekly charges begin on Monday."""


@dataclass(frozen=True, slots=True)
class _FixedCharge:
    """A fixed charge of which ``days`` of ``total`` days are due."""

    kind: LineKind
    name: str
    amount: int
    days: int
    total: int


def charge_day(rating: Rating, timeline: Timeline, start: int, *, waived: bool = False) -> Charges:
    """Charge what the beginning of a local day makes due, and settle it at once.

    ``start`` is the first instant of the day. A billing period that ends with it is closed: its energy goes
    into the history, and its minimum is made up. ``waived`` standing charges are not charged.
    """
    version = timeline.at(start)
    day = local_day(start, version.zone)
    builder = ChargesBuilder()
    if timeline.versions[0].valid_from < start:  # before there was a price nothing was used
        before = timeline.at(start - 1)
        if day in (before.billing_period.start_of(day), version.billing_period.start_of(day)):
            close_period(rating, timeline, before.period(start - 1), start, builder)
    for fixed in _due_charges(version, rating, day):
        if waived and fixed.kind is LineKind.STANDING:
            continue
        _book_charge(rating, timeline, version, fixed, (start, day_end(day, version.zone)), builder)
    return builder.build(timeline)


def close_period(
    rating: Rating, timeline: Timeline, period: str, start: int, builder: ChargesBuilder
) -> None:
    """Close the billing period that ends at an instant."""
    rating.energy_history[period] = energy_of(rating, timeline, period)
    if timeline.has_period_to_date(period):
        refresh_period(rating, timeline, period)
        close_period_to_date(rating, timeline, period, start - 1, start, builder)


def _due_charges(version: TariffVersion, rating: Rating, day: date) -> list[_FixedCharge]:
    charges: list[_FixedCharge] = []
    for charge in version.standing:
        if charge.per is PeriodUnit.DAY:
            charges.append(_FixedCharge(LineKind.STANDING, charge.name, charge.amount, 1, 1))
            continue
        rule = WEEK if charge.per is PeriodUnit.WEEK else version.billing_period
        charges += _prorated_charge(
            version, rating, day, rule, (LineKind.STANDING, charge.name, charge.amount)
        )
    demand = version.demand
    if demand is not None and demand.of is DemandOf.CONTRACTED and rating.terms.contracted_w:
        amount = demand.per_kw * rating.terms.contracted_w
        fixed = _prorated_charge(
            version, rating, day, version.billing_period, (LineKind.DEMAND, LineKind.DEMAND.value, amount)
        )
        charges += [replace(charge, total=charge.total * 1000) for charge in fixed]
    return charges


def _prorated_charge(
    version: TariffVersion, rating: Rating, day: date, rule: PeriodRule, name: tuple[LineKind, str, int]
) -> list[_FixedCharge]:
    """Return a charge of a whole period on its first day, or of the rest of the supply's first one.

    The day on which a supply begins is free, so what it begins with is due on the day after: in proportion to
    its days where the tariff says so, else as a whole, if it began with the period itself.
    """
    started = rating.terms.started
    if rule.start_of(day) == day:
        return [_FixedCharge(*name, 1, 1)]
    if started is None or (day - started).days != 1:
        return []
    whole = rule.start_of(started) == started
    if whole and _was_charged_on(rating, version, started, name):
        return []
    if version.prorate:
        days, total = days_share(rule, day, day)
        return [_FixedCharge(*name, days, total)]
    return [_FixedCharge(*name, 1, 1)] if whole else []


def _was_charged_on(
    rating: Rating, version: TariffVersion, day: date, name: tuple[LineKind, str, int]
) -> bool:
    key = LineKey(name[0], version.period(day_start(day, version.zone)), version.id, NO_BLOCK, name[1])
    return key in rating.lines and rating.lines[key].quantity > 0


def _book_charge(
    rating: Rating,
    timeline: Timeline,
    version: TariffVersion,
    fixed: _FixedCharge,
    span: tuple[int, int],
    builder: ChargesBuilder,
) -> None:
    key = LineKey(fixed.kind, version.period(span[0]), version.id, NO_BLOCK, fixed.name)
    value = line_for(rating, key).quantity + fixed.amount * EXACT_SCALE * fixed.days // fixed.total
    set_value(rating, version, key, value, settled=False)
    set_value(rating, version, key, value, settled=True)
    amount = builder.add_line(rating, timeline, key, 1)
    tax = builder.add_taxes(rating, timeline, key.period, key.version_id)
    if amount or tax:
        builder.segments.append(Segment(fixed.kind, None, *span, key, 0, amount, tax))


@dataclass(frozen=True, slots=True)
class PrepaidCharge:
    """A fixed charge as it was booked."""

    kind: LineKind
    name: str
    version_id: str
    start: int
    """First instant of the local day on which it was charged."""
    amount: int
    """Before tax."""


def prorate_final_period(
    rating: Rating, timeline: Timeline, paid: Sequence[PrepaidCharge], at: int
) -> Charges:
    """End a supply at an instant: settle what is given back and what is made up."""
    builder = ChargesBuilder()
    for charge in paid:
        _refund_charge(rating, timeline, charge, at, builder)
    version = timeline.at(at)
    if version.prorate_last and version.minimum:
        rating.terms = replace(rating.terms, ended=local_day(at, version.zone))
        close_period(rating, timeline, version.period(at), at + 1, builder)
    return builder.build(timeline)


def _refund_charge(
    rating: Rating, timeline: Timeline, paid: PrepaidCharge, at: int, builder: ChargesBuilder
) -> None:
    """Refund the part of a charge for the days after the day of the move-out."""
    if all(other.id != paid.version_id for other in timeline.versions):
        return  # of a tariff that is gone, as of a unit that was closed and came back
    version = timeline.version(paid.version_id)
    rule = _prepaid_period(version, paid)
    if rule is None or not version.prorate_last:
        return
    day = local_day(paid.start, version.zone)
    end = rule.next_start(rule.start_of(day))
    left = (end - local_day(at, version.zone)).days - 1
    if left <= 0:
        return
    back = paid.amount * EXACT_SCALE * left // (end - day).days
    key = LineKey(paid.kind, version.period(paid.start), version.id, NO_BLOCK, paid.name)
    value = line_for(rating, key).quantity - back
    set_value(rating, version, key, value, settled=False)
    set_value(rating, version, key, value, settled=True)
    amount = builder.add_line(rating, timeline, key, 0)
    tax = builder.add_taxes(rating, timeline, key.period, key.version_id)
    if amount or tax:
        builder.segments.append(Segment(paid.kind, None, at, at, key, 0, amount, tax))


def _prepaid_period(version: TariffVersion, paid: PrepaidCharge) -> PeriodRule | None:
    """Return the period for which a charge was paid in advance; None if it was not."""
    if paid.kind is LineKind.DEMAND:
        contracted = version.demand is not None and version.demand.of is DemandOf.CONTRACTED
        return version.billing_period if contracted else None
    per = next((charge.per for charge in version.standing if charge.name == paid.name), None)
    return {PeriodUnit.WEEK: WEEK, PeriodUnit.MONTH: version.billing_period}.get(per) if per else None
