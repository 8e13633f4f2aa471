"""Pricing a past billing period anew, by another price list, from the energy on record.

The journal is never rewritten: what the period should have cost, less what was charged, becomes a correction.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.load_pricing import Interval, PricedPeriod, price_load
from meter_bridge.core.rating.rating import Terms
from meter_bridge.core.tariff.periods import bounds
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline


def known_from(version: TariffVersion, period: str) -> int:
    """Return the instant from which energy has to be known to price a billing period by a version.

    That is where its ladder began, or the first of the billing periods whose mean sets the block.
    """
    first = bounds(period)[0]
    since = version.block_period.start_of(first)
    for _ in range(version.history_periods):
        first = version.billing_period.start_of(first - timedelta(days=1))
    return day_start(min(since, first), version.zone)


def reprice(
    version: TariffVersion, terms: Terms, used: Iterable[Interval], period: str, upto: int
) -> PricedPeriod:
    """Return a billing period at the prices of one version, as far as the instant ``upto``.

    ``used`` is the energy of all meters on record, from ``known_from`` on. A period that is over by ``upto``
    has its minimum made up; a supply that began within it pays nothing fixed for its first day, as ever.
    """
    begin = known_from(version, period)
    if terms.started is not None:
        begin = max(begin, day_start(terms.started, version.zone))
    end = max(min(upto, day_start(bounds(period)[1], version.zone)), begin)
    inside = (each for each in used if begin <= each.start < end)
    load = [Interval(begin, begin, 0), *sorted(inside), Interval(end, end, 0)]
    priced = price_load(Timeline((replace(version, valid_from=0),)), load, terms)
    return next((each for each in priced if each.period == period), PricedPeriod(period, 0, (), whole=False))
