"""Tariffs: what a unit costs, by blocks, bands, seasons and versions, and what is charged besides.

A tariff version is an immutable price list in force from an instant on. Prices are integers per MWh
(1,000,000 Wh) of the asset, so that price x Wh / 1,000,000 is exact until it is rounded once per posting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.tariff.bands import Band, BandCalendar, BandError, check_bands
from meter_bridge.core.tariff.load_profile import LoadProfile
from meter_bridge.core.tariff.periods import LATEST_ANCHOR_DAY, PeriodRule, PeriodUnit, period_bounds

WH_PER_MWH: Final = 1_000_000
PPM: Final = 1_000_000
"""Parts per million, the unit of tax rates."""
EXACT_SCALE: Final = 10**18
"""Parts of an amount step in exact values: a price per Wh with a tax on a tax has no remainder."""
INTERVALS_MIN: Final = (15, 30, 60)


class TariffError(ValueError):
    """A tariff that cannot be accepted; the message names the place and the remedy."""


class BlockBandMeaning(StrEnum):
    """How blocks and bands combine; real utilities differ and so does the money, by up to a tenth."""

    POOLED_CHRONOLOGICAL = "pooled_chronological"
    """One ladder over all its bands; energy climbs it in the order in which it was used."""
    POOLED_PRO_RATA = "pooled_pro_rata"
    """One ladder over all its bands; each block is shared by the bands as the whole period is."""
    LADDER_PER_BAND = "ladder_per_band"
    """Each band has a ladder of its own."""


class BlockBasis(StrEnum):
    """When energy climbs the ladder."""

    CONSUMPTION_TIME = "consumption_time"
    PURCHASE_TIME = "purchase_time"
    """A top-up buys units at the ladder of the units bought in the period; consumption debits units."""


class TaxBase(StrEnum):
    """What a tax is raised on."""

    CONSUMPTION = "consumption"
    STANDING = "standing"
    DEMAND = "demand"
    MINIMUM = "minimum"


class TaxKind(StrEnum):
    """What an addition to the charges is called in the books."""

    TAX = "tax"
    LEVY = "levy"
    REBATE = "rebate"


class DemandOf(StrEnum):
    """Which power a demand charge is for."""

    MAXIMUM = "maximum"
    """The greatest mean power of an interval in the billing period."""
    CONTRACTED = "contracted"
    """The power agreed for the supply (sanctioned load)."""


@dataclass(frozen=True, slots=True)
class BlockSchedule:
    """Blocks over one or more bands: energy of these bands climbs them together."""

    bands: tuple[str, ...]
    prices: tuple[tuple[int, ...], ...]
    """Per block, per band of the ladder: amount per MWh before tax."""
    limits: tuple[int, ...] = ()
    """Upper limits of all blocks but the last, Wh per block period, rising."""

    @property
    def blocks(self) -> int:
        """Return the number of blocks."""
        return len(self.prices)


@dataclass(frozen=True, slots=True)
class StandingCharge:
    """A fixed charge before tax, due at the start of each day, week or billing period."""

    name: str
    amount: int
    per: PeriodUnit = PeriodUnit.DAY


@dataclass(frozen=True, slots=True)
class DemandCharge:
    """A charge per kW and billing period before tax."""

    per_kw: int
    of: DemandOf = DemandOf.MAXIMUM
    interval_min: int = 15


@dataclass(frozen=True, slots=True)
class Lifeline:
    """Prices for all units of a billing period as long as the whole of it stays within the limit."""

    limit_wh: int
    prices: tuple[int, ...]
    """Per band, in the order of the tariff's bands: amount per MWh before tax."""


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax, levy or rebate: a rate on charges, in parts per million, or an amount per MWh."""

    name: str
    rate_ppm: int
    on: frozenset[str]
    """Kinds of charges (``TaxBase``) and names of earlier taxes on which the rate is raised."""
    kind: TaxKind = TaxKind.TAX
    inclusive: bool = False
    """The prices contain it: it is shown and booked apart, not added."""
    per_mwh: int = 0
    """Amount per MWh of energy charged, beside or instead of a rate."""


class TaxTerm(NamedTuple):
    """What one tax adds, linear in a charge: factor of its exact value in 10**-12, and exact value per Wh."""

    tax: Tax
    factor: int
    per_wh: int


@dataclass(frozen=True)
class TariffVersion:
    """A price list in force from ``valid_from`` (milliseconds UTC) on."""

    id: str
    tariff_id: str
    valid_from: int
    currency: str
    calendar: BandCalendar
    ladders: tuple[BlockSchedule, ...]
    meaning: BlockBandMeaning = BlockBandMeaning.POOLED_CHRONOLOGICAL
    basis: BlockBasis = BlockBasis.CONSUMPTION_TIME
    block_period: PeriodRule = field(default_factory=PeriodRule)
    """After which the ladders start anew."""
    billing_period: PeriodRule = field(default_factory=PeriodRule)
    """For which monthly charges, demand, minimum, free units and history run."""
    history_periods: int = 0
    """With n > 0 the block of all units is that of the mean of the n billing periods before."""
    prorate: bool = False
    """A supply that begins within a period has block limits, free units and charges in proportion.

    Without it the first period has full limits and free units, and no weekly, monthly or minimum charge.
    """
    prorate_last: bool = False
    """Who moves out within a period gets back what was paid for the days after, and owes the minimum charge
    for the days before alone. Without it nothing is given back, and no minimum is made up.
    """
    standing: tuple[StandingCharge, ...] = ()
    demand: DemandCharge | None = None
    minimum: int = 0
    """Least sum of the charges of a billing period before tax, made up at its end."""
    free_wh: int = 0
    """First units of a billing period that cost an eligible supply nothing."""
    free_climbs: bool = True
    """Free units count on the ladder."""
    lifeline: Lifeline | None = None
    taxes: tuple[Tax, ...] = ()
    source: str = ""
    """Where and when the price list was published."""
    profile: LoadProfile | None = None
    """How use is spread over a time without readings; None for evenly."""

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which windows and periods are meant."""
        return self.calendar.zone

    @property
    def time_zone(self) -> str:
        """Return the name of the time zone."""
        return self.calendar.time_zone

    @property
    def bands(self) -> tuple[Band, ...]:
        """Return the bands."""
        return self.calendar.bands

    @cached_property
    def _band_positions(self) -> dict[str, tuple[int, int]]:
        """Return ladder and column of each band."""
        return {
            band: (index, column)
            for index, ladder in enumerate(self.ladders)
            for column, band in enumerate(ladder.bands)
        }

    def schedule_of(self, band: str) -> int:
        """Return the position of the ladder that a band climbs."""
        return self._band_positions[band][0]

    def price(self, block: int, band: str) -> int:
        """Return the amount per MWh before tax; blocks count from 0."""
        ladder, column = self._band_positions[band]
        return self.ladders[ladder].prices[block][column]

    def period(self, at: int) -> str:
        """Return the billing period of an instant as an ISO interval."""
        return self.billing_period.text(local_day(at, self.zone))

    @cached_property
    def has_period_to_date(self) -> bool:
        """Return whether some line is no plain sum but a value of the period to date."""
        maximum = self.demand is not None and self.demand.of is DemandOf.MAXIMUM
        pro_rata = self.meaning is BlockBandMeaning.POOLED_PRO_RATA
        return maximum or pro_rata or self.minimum > 0 or self.lifeline is not None

    @cached_property
    def tax_terms(self) -> dict[TaxBase, tuple[TaxTerm, ...]]:
        """Return what each tax adds to each kind of charge."""
        return {base: _tax_terms(self.taxes, base) for base in TaxBase}

    def taxed_value(self, price: int) -> int:
        """Return the exact value of one Wh at a price per MWh, exclusive taxes and levies added."""
        added = (term for term in self.tax_terms[TaxBase.CONSUMPTION] if not term.tax.inclusive)
        return price * (EXACT_SCALE // WH_PER_MWH) + sum(price * term.factor + term.per_wh for term in added)


def _tax_terms(taxes: Sequence[Tax], base: TaxBase) -> tuple[TaxTerm, ...]:
    """Return what each tax adds to a kind of charge, taxes on taxes included."""
    found: dict[str, TaxTerm] = {}
    energy = base is TaxBase.CONSUMPTION
    for tax in taxes:
        below = [found[name] for name in tax.on if name in found]
        factor = tax.rate_ppm * ((PPM if base in tax.on else 0) + sum(term.factor // PPM for term in below))
        per_wh = sum(term.per_wh for term in below) * tax.rate_ppm // PPM
        per_wh += tax.per_mwh * (EXACT_SCALE // WH_PER_MWH) if energy else 0
        if factor or per_wh or (tax.inclusive and base in tax.on):
            found[tax.name] = TaxTerm(tax, factor, per_wh)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class TariffInterval:
    """An interval in which one band of one version holds and no period ends."""

    start: int
    end: int
    version: TariffVersion
    band: str
    schedule: int
    period: str
    """Billing period."""
    block_period: str
    has_period_to_date: bool = False
    """Some line of its billing period is a value to date."""
    counter: int = 0
    """Number by which how far its ladder was climbed is kept, whatever the version."""

    @property
    def block_schedule(self) -> BlockSchedule:
        """Return the ladder that energy climbs in it."""
        return self.version.ladders[self.schedule]


@dataclass(frozen=True)
class Timeline:
    """Tariff versions of one supply in order of their start."""

    versions: tuple[TariffVersion, ...]
    """Of two with the same start the later one given is in force."""

    def __post_init__(self) -> None:
        in_order = sorted(self.versions, key=lambda version: version.valid_from)
        object.__setattr__(self, "versions", tuple(in_order))

    def at(self, instant: int) -> TariffVersion:
        """Return the version in force; raises ``TariffError`` before the first."""
        for version in reversed(self.versions):
            if version.valid_from <= instant:
                return version
        raise TariffError(f"no tariff version is in force at {instant}")

    def next_start(self, instant: int) -> int | None:
        """Return when the next version begins, or None."""
        for version in self.versions:
            if version.valid_from > instant:
                return version.valid_from
        return None

    def version(self, version_id: str) -> TariffVersion:
        """Return a version by its id."""
        return self._by_id[version_id]

    def has_load_profile(self, start: int, end: int) -> bool:
        """Return whether some version in force between two instants has a load profile."""
        ends = [*(version.valid_from for version in self.versions[1:]), end]
        return any(
            version.profile is not None and version.valid_from < end and until > start
            for version, until in zip(self.versions, ends, strict=True)
        )

    def interval_at(self, at: int) -> TariffInterval:
        """Return the stretch around an instant; the newest is remembered, since readings come in order."""
        newest = self._newest_interval
        if newest and newest[0].start <= at < newest[0].end:
            return newest[0]
        newest[:] = [self._interval_at(at)]
        return newest[0]

    def _interval_at(self, at: int) -> TariffInterval:
        version = self.at(at)
        span = version.calendar.at(at)
        day = local_day(at, version.zone)
        period = version.billing_period.text(day)
        return TariffInterval(
            max(span.start, version.valid_from),
            min(span.end, self.next_start(at) or span.end),
            version,
            span.band,
            version.schedule_of(span.band),
            period,
            version.block_period.text(day),
            self.has_period_to_date(period),
            self._counters[version.valid_from][version.schedule_of(span.band)],
        )

    @cached_property
    def _counters(self) -> dict[int, tuple[int, ...]]:
        """Return the counter of each ladder of the version that begins at an instant."""
        counters = ladder_counters([version.ladders for version in self.versions])
        return {version.valid_from: numbers for version, numbers in zip(self.versions, counters, strict=True)}

    def has_period_to_date(self, period: str) -> bool:
        """Return whether a version in force in a period has values to date, which any charge may change."""
        found = self._period_to_date.get(period)
        if found is None:
            start, end = (day_start(day, self.versions[0].zone) for day in period_bounds(period))
            ends = [*(version.valid_from for version in self.versions[1:]), end]
            found = self._period_to_date[period] = any(
                version.has_period_to_date and version.valid_from < end and until > start
                for version, until in zip(self.versions, ends, strict=True)
            )
        return found

    @cached_property
    def _period_to_date(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _newest_interval(self) -> list[TariffInterval]:
        return []

    @cached_property
    def _by_id(self) -> dict[str, TariffVersion]:
        return {version.id: version for version in reversed(self.versions)}


def ladder_counters(versions: Sequence[Sequence[BlockSchedule]]) -> Sequence[tuple[int, ...]]:
    """Return for each version the numbers by which how far its ladders were climbed is kept.

    A ladder goes on with the counter of a band of its own in an earlier version, wherever it is written. One
    whose bands are all new goes on with the counter at its place, as after its band was renamed, unless
    another ladder does; else it begins anew.
    """
    by_band: dict[str, int] = {}
    before: tuple[int, ...] = ()
    begun, found = 0, []
    for ladders in versions:
        numbers: list[int | None] = []
        for ladder in ladders:
            own = (by_band[band] for band in ladder.bands if band in by_band)
            numbers.append(next((number for number in own if number not in numbers), None))
        for place, (ladder, number) in enumerate(zip(ladders, numbers, strict=True)):
            renamed = by_band.keys().isdisjoint(ladder.bands) and place < len(before)
            if number is None and renamed and before[place] not in numbers:
                numbers[place] = before[place]
            elif number is None:
                numbers[place], begun = begun, begun + 1
        before = tuple(number for number in numbers if number is not None)
        by_band |= {
            band: number for ladder, number in zip(ladders, before, strict=True) for band in ladder.bands
        }
        found.append(before)
    return found


def compose_timeline(turns: Sequence[tuple[int, Sequence[TariffVersion]]]) -> Timeline:
    """Return the timeline of a supply that changed tariffs; the first holds from its own first version on."""
    ends = [start for start, _ in turns[1:]] + [None]
    parts: list[TariffVersion] = []
    for index, ((start, versions), end) in enumerate(zip(turns, ends, strict=True)):
        nexts = [version.valid_from for version in versions[1:]] + [None]
        for version, following in zip(versions, nexts, strict=True):
            begin = version.valid_from if index == 0 else max(version.valid_from, start)
            stops = [instant for instant in (following, end) if instant is not None]
            if not stops or begin < min(stops):
                parts.append(replace(version, valid_from=begin))
    return Timeline(tuple(parts))


def days_share(
    rule: PeriodRule, day: date, started: date | None, ended: date | None = None
) -> tuple[int, int]:
    """Return how many days of the period around ``day`` lie within a supply's time, of how many."""
    start = rule.start_of(day)
    end = rule.next_start(start)
    first = start if started is None else min(max(start, started), end)
    stop = end if ended is None else max(min(end, ended + timedelta(days=1)), first)
    return (stop - first).days, (end - start).days


def limits_in_period(
    version: TariffVersion, ladder: int, block_period: str, started: date | None
) -> tuple[int, ...]:
    """Return the limits of a ladder in a block period, in proportion where the supply began within it."""
    full = version.ladders[ladder].limits
    if not full or not version.prorate or started is None:
        return full
    days, total = days_share(version.block_period, period_bounds(block_period)[0], started)
    # Energy of a time before the supply began is priced as in any whole period.
    return full if days in (0, total) else tuple(limit * days // total for limit in full)


def next_price_change(version: TariffVersion, at: int, *, days: int = 8) -> int | None:
    """Return the next instant at which another band begins, or None if none does within the days."""
    present = version.calendar.at(at).band
    day = local_day(at, version.zone)
    for offset in range(days):
        for span in version.calendar.spans(day + timedelta(days=offset)):
            if span.start > at and span.band != present:
                return span.start
    return None


def check_tariff(version: TariffVersion) -> None:
    """Raise ``TariffError`` unless every minute of every year has exactly one price and all parts agree."""
    try:
        check_bands(version.calendar)
    except BandError as error:
        raise TariffError(str(error)) from error
    _check_schedules(version)
    _check_meaning(version)
    _check_periods(version)
    _check_charges(version)
    _check_taxes(version)


def _check_schedules(version: TariffVersion) -> None:
    named = [band for ladder in version.ladders for band in ladder.bands]
    for band in version.bands:
        if named.count(band.name) != 1:
            times = "no ladder" if band.name not in named else "more than one ladder"
            raise TariffError(f"band {band.name!r} has {times}; give each band prices once")
    unknown = [name for name in named if name not in {band.name for band in version.bands}]
    if unknown:
        raise TariffError(f"prices are given for {unknown[0]!r}, which is no band; name one of the bands")
    for ladder in version.ladders:
        _check_schedule(ladder)


def _check_schedule(schedule: BlockSchedule) -> None:
    rising = [0, *schedule.limits]
    if any(low >= high for low, high in zip(rising, schedule.limits, strict=False)):
        given = ", ".join(format_kwh(limit) for limit in schedule.limits)
        raise TariffError(f"block limits must rise, each above the one before: {given}")
    if schedule.blocks != len(schedule.limits) + 1:
        raise TariffError(
            f"{len(schedule.limits)} block limits make {len(schedule.limits) + 1} blocks,"
            f" but {schedule.blocks} prices are given; give one price for each block"
        )
    if any(len(row) != len(schedule.bands) or min(row, default=0) < 0 for row in schedule.prices):
        raise TariffError("every block needs one price for each band, none of them negative")


def _check_meaning(version: TariffVersion) -> None:
    meaning = version.meaning
    several = any(len(ladder.bands) > 1 for ladder in version.ladders)
    if meaning is BlockBandMeaning.LADDER_PER_BAND and several:
        raise TariffError("with a ladder per band no two bands share one; give each band blocks of its own")
    if meaning is BlockBandMeaning.POOLED_PRO_RATA and version.block_period != version.billing_period:
        raise TariffError(
            "pro rata blocks need blocks and bills of the same period; give both the same period"
        )
    if version.history_periods and meaning is BlockBandMeaning.POOLED_PRO_RATA:
        raise TariffError("a block by history applies to all units; leave out pro rata")
    if version.basis is BlockBasis.PURCHASE_TIME:
        _check_purchase(version)


def _check_purchase(version: TariffVersion) -> None:
    """At the time of a top-up the band is not known."""
    if len(version.bands) > 1:
        raise TariffError(
            "units bought at the top-up cannot know their band; leave out bands, or use consumption time"
        )
    if version.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        raise TariffError("units bought at the top-up keep their block; leave out pro rata")
    if version.lifeline is not None or version.history_periods:
        raise TariffError("units bought at the top-up keep their price; leave out lifeline and history")


def _check_periods(version: TariffVersion) -> None:
    for what, rule in (("block", version.block_period), ("billing", version.billing_period)):
        last = 7 if rule.unit is PeriodUnit.WEEK else LATEST_ANCHOR_DAY
        if rule.day not in range(1, last + 1) or rule.month not in range(1, 13):
            raise TariffError(f"the {what} period begins on day {rule.day}; choose one from 1 to {last}")
    if version.billing_period.unit is not PeriodUnit.MONTH:
        raise TariffError(
            f"bills run per month, not per {version.billing_period.unit}; give the day on which it begins"
        )
    if version.history_periods not in range(25):
        raise TariffError(f"a history of {version.history_periods} months is too long; use at most 24")


def _check_charges(version: TariffVersion) -> None:
    names = [charge.name for charge in version.standing]
    if len(set(names)) != len(names):
        raise TariffError(f"two standing charges are named {names[0]!r}; give each a name of its own")
    if any(charge.amount < 0 for charge in version.standing) or version.minimum < 0:
        raise TariffError("standing charge is negative; a rebate is not a standing charge")
    if any(
        charge.per not in (PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH) for charge in version.standing
    ):
        raise TariffError("a standing charge is per day, week or month; choose one of them")
    demand = version.demand
    if demand is not None and (demand.per_kw < 0 or demand.interval_min not in INTERVALS_MIN):
        raise TariffError(
            f"a demand charge is not negative and of 15, 30 or 60 minutes, not {demand.interval_min}"
        )
    if version.free_wh < 0:
        raise TariffError("free units are negative; leave them out")
    lifeline = version.lifeline
    if lifeline is not None and (
        lifeline.limit_wh <= 0 or len(lifeline.prices) != len(version.bands) or min(lifeline.prices) < 0
    ):
        raise TariffError(
            "a lifeline needs a limit above zero and one price for each band, none of them negative"
        )


def _check_taxes(version: TariffVersion) -> None:
    seen: dict[str, int] = {base.value: 0 for base in TaxBase}
    for tax in version.taxes:
        if tax.name in seen:
            raise TariffError(
                f"two of the tax entries are named {tax.name!r}; give each tax a name of its own"
            )
        _check_tax(tax, seen)
        seen[tax.name] = 1 + max((seen[name] for name in tax.on), default=0)
    _check_rebates(version)


def _check_rebates(version: TariffVersion) -> None:
    rows = [row for ladder in version.ladders for row in ladder.prices]
    rows += [version.lifeline.prices] if version.lifeline is not None else []
    negative = any(version.taxed_value(price) < 0 for row in rows for price in row)
    for terms in version.tax_terms.values():
        negative = negative or sum(term.factor for term in terms if not term.tax.inclusive) < -PPM * PPM
    if negative:
        raise TariffError(
            "rebates give back more than is charged; lower them until every unit costs nothing at least"
        )


def _check_tax(tax: Tax, seen: dict[str, int]) -> None:
    """``seen`` has the nesting depth of the taxes before it."""
    what = f"{tax.kind} {tax.name!r}"
    negative = tax.rate_ppm < 0 or tax.per_mwh < 0
    if tax.kind is TaxKind.REBATE and (tax.rate_ppm > 0 or tax.per_mwh > 0 or tax.inclusive):
        raise TariffError(f"{what} adds to the charges; write a rebate as a negative rate")
    if tax.kind is not TaxKind.REBATE and negative:
        raise TariffError(f"{what} is negative; a rebate is not a tax")
    unknown = sorted(name for name in tax.on if name not in seen)
    if unknown:
        raise TariffError(
            f"{what} is raised on {unknown[0]!r}, which is no charge and no tax before it; put that first"
        )
    if any(seen[name] > 1 for name in tax.on):
        raise TariffError(f"{what} is a tax on a tax on a tax; join two of them into one rate")
    if tax.inclusive and (tax.per_mwh or any(name not in set(TaxBase) for name in tax.on)):
        raise TariffError(
            f"{what} is contained in prices and can only be a rate on charges; leave out the rest"
        )
