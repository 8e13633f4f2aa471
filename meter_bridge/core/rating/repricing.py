"""Pricing a past billing period anew, by another price list, from the energy on record.

The journal is never rewritten: what the period should have cost, less what was charged, becomes a correction.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.load_pricing import LoadInterval, PricedPeriod, price_load_profile
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline


def energy_needed_from(version: TariffVersion, period: str) -> int:
    """Return the instant from which energy has to be known to price a billing period by a version.

    That is where its ladder began, or the first of the billing periods whose mean sets the block.
    """
    first = period_bounds(period)[0]
    since = version.block_period.start_of(first)
    for _ in range(version.history_periods):
        first = version.billing_period.start_of(first - timedelta(days=1))
    return day_start(min(since, first), version.zone)


def reprice_period(
    version: TariffVersion, terms: SupplyTerms, used: Iterable[LoadInterval], period: str, upto: int
) -> PricedPeriod:
    """Return a billing period at the prices of one version, as far as the instant ``upto``.

    ``used`` is the energy of all meters on record, from ``energy_needed_from`` on. A period that is over by
    ``upto`` has its minimum made up; a supply that began within it pays nothing fixed for its first day, as
    ever.
    """
    begin = energy_needed_from(version, period)
    if terms.started is not None:
        begin = max(begin, day_start(terms.started, version.zone))
    end = max(min(upto, day_start(period_bounds(period)[1], version.zone)), begin)
    inside = (interval for interval in used if begin <= interval.start < end)
    load = [LoadInterval(begin, begin, 0), *sorted(inside), LoadInterval(end, end, 0)]
    priced = price_load_profile(Timeline((replace(version, valid_from=0),)), load, terms)
    return next(
        (priced_period for priced_period in priced if priced_period.period == period),
        PricedPeriod(period, 0, (), complete=False),
    )
