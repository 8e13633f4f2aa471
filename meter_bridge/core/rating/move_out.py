"""The end of a supply with its customer within a period: what is given back, and what is still made up.

A charge for a week or month is due when that begins. Where the tariff says so, a customer who moves out gets
back the part of it that falls on the days after, and owes the minimum charge for the days before alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meter_bridge.core.calendar import local_day
from meter_bridge.core.rating.fixed_charges import WEEK, close_period
from meter_bridge.core.rating.period_to_date import ChargesBuilder, set_value
from meter_bridge.core.rating.rating import NO_BLOCK, Charges, LineKey, LineKind, Rating, Segment, line_for
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import EXACT_SCALE, DemandOf, TariffVersion, Timeline


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
