"""What this project's engine charges for an example."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import holidays

from meter_bridge.core.calendar import day_start
from meter_bridge.core.money import amount_digits
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total, close_segments
from meter_bridge.core.rating.rating import (
    TAX_KINDS,
    Charges,
    LineKey,
    Rating,
    allocate,
    purge_intervals,
    purge_periods,
)
from meter_bridge.core.tariff.bands import Band, BandCalendar, Season, Window
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockSchedule,
    DemandCharge,
    StandingCharge,
    TariffVersion,
    Tax,
    TaxBase,
    TaxKind,
    Timeline,
    check_tariff,
)
from tests.oracles.described import Described, Example, Meaning, intervals

CURRENCY = "USD"
SATURDAY = 5
MEANINGS = {
    Meaning.CHRONOLOGICAL: BlockBandMeaning.POOLED_CHRONOLOGICAL,
    Meaning.PRO_RATA: BlockBandMeaning.POOLED_PRO_RATA,
    Meaning.PER_BAND: BlockBandMeaning.LADDER_PER_BAND,
}


def version_of(example: Example) -> TariffVersion:
    """Return the example's tariff as the engine has it."""
    tariff, meaning = example.tariff, MEANINGS[example.meaning]
    charges = {PeriodUnit.MONTH: tariff.fixed_per_month, PeriodUnit.DAY: tariff.fixed_per_day}
    version = TariffVersion(
        id="v1",
        tariff_id="t1",
        valid_from=0,
        currency=CURRENCY,
        calendar=calendar_of(tariff, example.load.year),
        ladders=ladders_of(tariff, meaning),
        meaning=meaning,
        block_period=PeriodRule(PeriodUnit(tariff.reset)),
        standing=tuple(
            StandingCharge(f"per {unit}", steps(each), unit) for unit, each in charges.items() if each
        ),
        demand=DemandCharge(steps(tariff.demand_per_kw), interval_min=example.load.minutes)
        if tariff.demand_per_kw
        else None,
        minimum=steps(tariff.minimum_per_month),
        taxes=tuple(taxes_of(tariff)),
    )
    check_tariff(version)
    return version


def taxes_of(tariff: Described) -> Iterator[Tax]:
    """Yield levy, rebate and taxes in the order in which they are raised."""
    energy = {TaxBase.CONSUMPTION.value}
    if tariff.levy_per_kwh:
        yield Tax("levy", 0, frozenset(), TaxKind.LEVY, per_mwh=per_mwh(tariff.levy_per_kwh))
        energy.add("levy")
    if tariff.rebate_percent:
        yield Tax("rebate", -_whole(tariff.rebate_percent * 10_000), frozenset(energy), TaxKind.REBATE)
    charges = frozenset({*energy, TaxBase.STANDING.value, TaxBase.DEMAND.value})
    if tariff.tax_percent:
        yield Tax("tax", _whole(tariff.tax_percent * 10_000), charges)
    if tariff.included_percent:
        rate = _whole(tariff.included_percent * 10_000)
        yield Tax("included", rate, charges - {"levy"}, inclusive=True)


def calendar_of(tariff: Described, year: int) -> BandCalendar:
    """Return bands, seasons and holidays."""
    bands = tuple(
        Band(name(band), (), rest=True) if band == tariff.rest else Band(name(band), windows_of(tariff, band))
        for band in range(tariff.bands)
    )
    seasons = tuple(
        Season(each.name, ((each.first[0] * 100 + each.first[1], each.last[0] * 100 + each.last[1]),))
        for each in tariff.seasons
    )
    days: list[date] = []
    if tariff.holidays is not None:
        days = sorted(holidays.country_holidays(tariff.holidays, years=range(year - 1, year + 2)))
    return BandCalendar(tariff.zone, bands, seasons, tuple(days), SATURDAY)


def name(band: int) -> str:
    """Return the name of a band."""
    return f"band {band}"


def windows_of(tariff: Described, band: int) -> tuple[Window, ...]:
    """Return the windows of a band."""
    return tuple(
        Window(each.days, each.start, each.end, frozenset({each.season} if each.season else ()))
        for each in tariff.windows
        if each.band == band
    )


def ladders_of(tariff: Described, meaning: BlockBandMeaning) -> tuple[BlockSchedule, ...]:
    """Return one ladder over all bands, or one for each."""
    if meaning is not BlockBandMeaning.LADDER_PER_BAND:
        prices = tuple(tuple(per_mwh(price) for price in row) for row in tariff.prices)
        return (BlockSchedule(tuple(name(band) for band in range(tariff.bands)), prices, tariff.limits[0]),)
    return tuple(
        BlockSchedule(
            (name(band),), tuple((per_mwh(row[band]),) for row in tariff.prices), tariff.limits[band]
        )
        for band in range(tariff.bands)
    )


def steps(amount: Decimal) -> int:
    """Return an amount of the main unit in steps, exact."""
    return _whole(amount.scaleb(amount_digits(CURRENCY)))


def per_mwh(price: Decimal) -> int:
    """Return a price per kWh in steps per MWh, exact."""
    return _whole(price.scaleb(amount_digits(CURRENCY) + 3))


def _whole(value: Decimal) -> int:
    if value != value.to_integral_value():
        raise ValueError(f"{value} is no whole number of steps")
    return int(value)


@dataclass
class Bills:
    """What a year came to: by kind of charge and month, in steps."""

    year: int
    amounts: Counter[tuple[str, int]] = field(default_factory=Counter)
    lines: set[LineKey] = field(default_factory=set)

    def book(self, settlement: Charges) -> None:
        """Add what a posting charges for the months of the year."""
        for line in settlement.lines:
            month = date.fromisoformat(line.key.period[:10])
            if month.year == self.year:
                self.amounts[_what(line.key), month.month] += line.amount
                self.lines.add(line.key)

    def of(self, months: Sequence[int], *kinds: str) -> int:
        """Return what some kinds of charge came to in some months."""
        return sum(self.amounts[kind, month] for kind in kinds for month in months)

    def lines_of(self, months: Sequence[int], *kinds: str) -> int:
        """Return how many lines were rounded for it."""
        return sum(
            _what(key) in kinds and date.fromisoformat(key.period[:10]).month in months for key in self.lines
        )


def _what(key: LineKey) -> str:
    """Return the kind of a line, and of a tax its name."""
    return key.band if key.kind in TAX_KINDS else key.kind


def price(example: Example, *, asked: bool = False) -> Bills:
    """Price a year as the bridge does: interval by interval, posted at midnight with what that makes due.

    With ``asked`` what has accrued is asked for after each interval, which must change nothing.
    """
    version = version_of(example)
    timeline, rating, bills = Timeline((version,)), Rating(), Bills(example.load.year)
    day = date(example.load.year, 1, 1)
    midnight = day_start(day, version.zone)
    for start, end, wh in intervals(example.load, version.time_zone):
        if start >= midnight:
            bills.book(close_segments(rating, timeline))
            bills.book(charge_day(rating, timeline, midnight))
            purge_periods(rating, (day - timedelta(days=31)).isoformat())
            purge_intervals(rating, midnight, timeline.versions[0].zone)
            day += timedelta(days=1)
            midnight = day_start(day, version.zone)
        allocate(rating, timeline, "meter", start, end, wh)
        if asked:
            accrued_total(rating, timeline)
    bills.book(close_segments(rating, timeline))
    bills.book(charge_day(rating, timeline, midnight))
    return bills
