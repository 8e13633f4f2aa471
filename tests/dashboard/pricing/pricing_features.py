"""What a drawn case puts to the test: every feature that set-based pricing claims to price."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Final

from meter_bridge.core.calendar import MINUTE_MS, SLOT_MS, day_start, local_day
from meter_bridge.core.rating.load_pricing import LoadInterval
from meter_bridge.core.rating.rating import LineKey, LineKind, SupplyTerms
from meter_bridge.core.tariff.tariff import DemandOf, TariffVersion
from tests.dashboard.pricing.pricing_cases import Case

CLAIMED: Final = frozenset(
    {
        "a second block is reached", "blocks per day", "blocks per month", "blocks per quarter",
        "blocks per year", "an anchor day", "blocks by history", "several bands", "seasons", "holidays",
        "a window across midnight", "a window that begins within a quarter hour",
        "pooled_chronological", "pooled_pro_rata", "ladder_per_band", "free units",
        "free units that do not climb", "a lifeline", "standing per day", "standing per week",
        "standing per month", "greatest demand", "contracted demand", "a minimum made up", "a tax on top",
        "a contained tax", "a levy per unit", "a rebate", "a tax on a tax",
        "a change of the clocks", "a change of the price list", "a supply that begins within the span",
        "a first period in proportion", "a gap", "meters side by side", "energy of no duration",
        "a quarter hour in two parts",
    }
)  # fmt: skip


def features(drawn: Case, charged: dict[tuple[int, LineKey], int]) -> frozenset[str]:
    """Return the claimed features that a case has, where they can be told by what was charged."""
    return frozenset(
        [
            *(name for version in drawn.timeline.versions for name in _of_version(version)),
            *(name for (_, key), amount in charged.items() if amount for name in _of_line(key)),
            *_of_time(drawn),
            *(name for load in drawn.loads.values() for name in _of_load(load)),
            *(name for terms in drawn.terms.values() for name in _of_terms(drawn, terms)),
        ]
    )


def _of_version(version: TariffVersion) -> Iterator[str]:
    """Yield what a price list has."""
    yield str(version.meaning)
    if any(ladder.limits for ladder in version.ladders):
        yield f"blocks per {version.block_period.unit}"
        yield from ["blocks by history"] if version.history_periods else []
    calendar = version.calendar
    windows = [window for band in calendar.bands for window in band.windows]
    told = {
        "an anchor day": version.block_period.day > 1 or version.billing_period.day > 1,
        "several bands": len(calendar.bands) > 1,
        "seasons": bool(calendar.seasons),
        "holidays": bool(calendar.holidays) and any(len(window.days) < 8 for window in windows),
        "a window across midnight": any(window.start > window.end for window in windows),
        "a window that begins within a quarter hour": any(window.start % 15 for window in windows),
        "free units that do not climb": version.free_wh > 0 and not version.free_climbs,
        "free units": version.free_wh > 0,
        "greatest demand": version.demand is not None and version.demand.of is DemandOf.MAXIMUM,
        "contracted demand": version.demand is not None and version.demand.of is DemandOf.CONTRACTED,
    }
    yield from (name for name, has in told.items() if has)
    yield from (f"standing per {charge.per}" for charge in version.standing if charge.amount)
    names = {tax.name for tax in version.taxes}
    taxes = {
        "a tax on a tax": any(tax.on & names for tax in version.taxes),
        "a levy per unit": any(tax.per_mwh for tax in version.taxes),
        "a rebate": any(tax.rate_ppm < 0 for tax in version.taxes),
    }
    yield from (name for name, has in taxes.items() if has)


def _of_line(key: LineKey) -> Iterator[str]:
    """Yield what a line that came to something proves."""
    if key.kind == LineKind.CONSUMPTION and key.block > 0:
        yield "a second block is reached"
    named = {
        LineKind.LIFELINE: "a lifeline",
        LineKind.MINIMUM: "a minimum made up",
        LineKind.TAX: "a tax on top",
        LineKind.INCLUDED_TAX: "a contained tax",
    }
    if key.kind in named:
        yield named[LineKind(key.kind)]


def _of_time(drawn: Case) -> Iterator[str]:
    """Yield what happens within the span."""
    zone = drawn.timeline.versions[0].zone
    day, end = local_day(drawn.first, zone), local_day(drawn.last, zone)
    lengths = set()
    while day < end:
        lengths.add(day_start(day + timedelta(days=1), zone) - day_start(day, zone))
        day += timedelta(days=1)
    if len(lengths) > 1:
        yield "a change of the clocks"
    if any(drawn.first < version.valid_from < drawn.last for version in drawn.timeline.versions):
        yield "a change of the price list"


def _of_load(load: list[LoadInterval]) -> Iterator[str]:
    """Yield what a load has."""
    pairs = list(pairwise(load))
    if any(later.start - earlier.end > 24 * 60 * MINUTE_MS for earlier, later in pairs):
        yield "a gap"
    if any(earlier.start == later.start and earlier.end > earlier.start for earlier, later in pairs):
        yield "meters side by side"
    if any(each.start == each.end and each.wh for each in load):
        yield "energy of no duration"
    if any(0 < each.end - each.start < SLOT_MS for each in load):
        yield "a quarter hour in two parts"


def _of_terms(drawn: Case, terms: SupplyTerms) -> Iterator[str]:
    """Yield what a supply's begin means."""
    version = drawn.timeline.versions[0]
    if terms.started is None or day_start(terms.started, version.zone) < drawn.first:
        return
    yield "a supply that begins within the span"
    if version.prorate and version.billing_period.start_of(terms.started) != terms.started:
        yield "a first period in proportion"
