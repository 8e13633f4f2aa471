"""What a load costs: the bridge's rating over intervals on record instead of readings.

Used to check and compare price lists, and to reprice a past billing period: the journal is never rewritten,
so what the period should have cost, less what was charged, becomes a correction. It runs the same lines as
the bridge, so it rounds where the bridge rounds.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final, NamedTuple

from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments, energy_of
from meter_bridge.core.rating.rating import (
    NO_BLOCK,
    TAX_KINDS,
    Charges,
    LineKey,
    LineKind,
    Rating,
    SupplyTerms,
    allocate,
    purge_intervals,
    purge_periods,
    unit_price,
)
from meter_bridge.core.rating.unit_purchase import purchase_units, sells_units
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import WH_PER_MWH, BlockBandMeaning, TariffVersion, Timeline

HOUR_MS: Final = 3_600_000
"""Longest interval of which a demand charge takes the mean."""
LOAD_METER: Final = "load"
"""Name of the meter whose energy is priced."""


class LoadInterval(NamedTuple):
    """Energy of [start, end); instants in milliseconds UTC, energy in Wh."""

    start: int
    end: int
    wh: int


class Payment(NamedTuple):
    """Money that was paid at an instant, and bought units."""

    at: int
    amount: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line of a price list in one billing period."""

    key: LineKey
    quantity: int
    """Wh of energy; W of demand; days, weeks or months of a standing charge; else 0."""
    unit_price: int | None
    """Amount per kWh, per kW, or per day, week or month; None where there is none."""
    amount: int
    tax: int
    """What taxes, levies and rebates add on top of the amount; they are lines of their own as well."""


@dataclass(frozen=True, slots=True)
class PricedPeriod:
    """A billing period with all its lines."""

    period: str
    wh: int
    lines: tuple[PricedLine, ...]
    complete: bool
    """The load covers all of it; else charges at its begin or end are missing."""

    @property
    def total(self) -> int:
        """Return the sum of all lines; contained taxes are in the lines that contain them."""
        return sum(line.amount for line in self.lines if line.key.kind != LineKind.INCLUDED_TAX)


@dataclass(frozen=True, slots=True)
class PricedPurchases:
    """A load whose units were bought by payments, with what is left of both."""

    periods: tuple[PricedPeriod, ...]
    paid: int
    money: int
    """What fixed charges and purchases left of the money; below zero where units had run out."""
    units: int
    """Units bought and not used, Wh."""


@dataclass(slots=True)
class _LineSum:
    quantity: int = 0
    amount: int = 0
    tax: int = 0


@dataclass(slots=True)
class _PricingRun:
    timeline: Timeline
    rating: Rating
    first: int
    last: int
    """Instants between which the load is."""
    money: int = 0
    sums: dict[LineKey, _LineSum] = field(default_factory=dict)
    energy: dict[str, int] = field(default_factory=dict)

    def has_load_in(self, period: str) -> bool:
        """Return whether a billing period lies within the load, at least in part."""
        zone = self.timeline.versions[0].zone
        start, end = (day_start(day, zone) for day in period_bounds(period))
        return start < self.last and end > self.first

    def add_charges(self, charges: Charges) -> None:
        """Add what a settlement says, and pay it; a period outside the load is none of its cost."""
        for line in charges.lines:
            if not self.has_load_in(line.key.period):
                continue
            self.money -= line.amount if line.key.kind != LineKind.INCLUDED_TAX else 0
            found = self.sums.setdefault(line.key, _LineSum())
            found.quantity += line.quantity
            found.amount += line.amount
        for segment in charges.segments:
            if self.has_load_in(segment.key.period):
                self.sums.setdefault(segment.key, _LineSum()).tax += segment.tax

    def begin_day(self, day: date) -> None:
        """Settle what was used before a local day, and charge what its beginning makes due."""
        start = day_start(day, self.timeline.versions[0].zone)
        self.add_charges(close_segments(self.rating, self.timeline))
        at = max(start, self.timeline.versions[0].valid_from)
        before = {key.period for key in self.rating.lines}
        self.add_charges(charge_day(self.rating, self.timeline, at))
        for period in before:
            self.energy[period] = energy_of(self.rating, self.timeline, period)
        purge_periods(self.rating, (day - timedelta(days=1)).isoformat())
        purge_intervals(self.rating, start - HOUR_MS, self.timeline.versions[0].zone)

    def pay(self, payment: Payment) -> None:
        """Buy units, after all that was used and is due was paid."""
        self.add_charges(close_segments(self.rating, self.timeline))
        self.money += payment.amount
        if self.money > 0 and sells_units(self.timeline, payment.at):
            lot = f"payment at {payment.at}"
            self.add_charges(purchase_units(self.rating, self.timeline, payment.at, self.money, lot).charges)

    def make_up(self, at: int) -> None:
        """Make up at the end of the load what the end of a billing period makes due."""
        version = self.timeline.at(at)
        day = local_day(at, version.zone)
        if day_start(day, version.zone) == at and version.billing_period.start_of(day) == day:
            self.begin_day(day)


def price_load_profile(
    timeline: Timeline, load: Sequence[LoadInterval], terms: SupplyTerms, history: Sequence[int] = ()
) -> tuple[PricedPeriod, ...]:
    """Return what a load costs, per billing period.

    ``load`` is in order of its starts, from an instant on at which a version is in force. A supply that
    began on the first day (``terms.started``) pays nothing fixed for that day.
    ``history`` is the energy of the billing periods before, oldest first, for a block by history.
    """
    if not load:
        return ()
    run = _price(timeline, load, terms, history)
    return _priced_periods(run)


def price_load_with_payments(
    timeline: Timeline, load: Sequence[LoadInterval], payments: Sequence[Payment], terms: SupplyTerms
) -> PricedPurchases:
    """Return what a load costs where payments buy its units, by the ladder of the period of each payment.

    Payments before the load begins buy what it uses first; those after its end buy nothing.
    """
    if not load:
        return PricedPurchases((), 0, 0, 0)
    inside = [Payment(max(payment.at, load[0].start), payment.amount) for payment in sorted(payments)]
    inside = [payment for payment in inside if payment.at < load[-1].end]
    run = _price(timeline, load, terms, payments=inside)
    paid = sum(payment.amount for payment in inside)
    return PricedPurchases(_priced_periods(run), paid, run.money, run.rating.units)


def _price(
    timeline: Timeline,
    load: Sequence[LoadInterval],
    terms: SupplyTerms,
    history: Sequence[int] = (),
    payments: Sequence[Payment] = (),
) -> _PricingRun:
    first, last = load[0].start, load[-1].end
    run = _PricingRun(timeline, Rating(terms=terms), first, last)
    zone = timeline.versions[0].zone
    waiting = deque(payments)
    today = local_day(first, zone)
    if terms.started is None or today > terms.started:
        run.begin_day(today)
    run.rating.energy_history = _energy_before(timeline, first, history)
    for part in _split_by_day(load, timeline, [payment.at for payment in payments]):
        while local_day(part.start, zone) > today:
            today += timedelta(days=1)
            run.begin_day(today)
        while waiting and waiting[0].at <= part.start:
            run.pay(waiting.popleft())
        allocate(run.rating, timeline, LOAD_METER, part.start, part.end, part.wh)
    while day_start(today + timedelta(days=1), zone) < last:
        today += timedelta(days=1)
        run.begin_day(today)
    run.make_up(last)
    run.add_charges(close_segments(run.rating, timeline))
    for period in {key.period for key in run.rating.lines}:
        run.energy[period] = energy_of(run.rating, timeline, period)
    return run


def _energy_before(timeline: Timeline, first: int, energy: Sequence[int]) -> dict[str, int]:
    version = timeline.at(first)
    start = version.billing_period.start_of(local_day(first, version.zone))
    found: dict[str, int] = {}
    for wh in reversed(energy):
        start = version.billing_period.start_of(start - timedelta(days=1))
        found[version.billing_period.text(start)] = wh
    return found


def _split_by_day(
    load: Sequence[LoadInterval], timeline: Timeline, cuts: Sequence[int]
) -> Iterator[LoadInterval]:
    """Yield the load cut at local midnights and ``cuts``: linear in time, cumulative Wh floored."""
    zone = timeline.versions[0].zone
    for interval in load:
        given, at = 0, interval.start
        while True:
            index = bisect_right(cuts, at)
            midnight = day_start(local_day(at, zone) + timedelta(days=1), zone)
            until = min(midnight, interval.end, *cuts[index : index + 1])
            upto = (
                interval.wh
                if until >= interval.end
                else interval.wh * (until - interval.start) // (interval.end - interval.start)
            )
            yield LoadInterval(at, until, upto - given)
            given, at = upto, until
            if at >= interval.end:
                break


def _priced_periods(run: _PricingRun) -> tuple[PricedPeriod, ...]:
    """Return the lines by period; periods outside the load are left out."""
    zone = run.timeline.versions[0].zone
    versions = run.timeline.versions
    found: list[PricedPeriod] = []
    used = {period for period, wh in run.energy.items() if wh and run.has_load_in(period)}
    for period in sorted({key.period for key in run.sums} | used):
        start, end = (day_start(day, zone) for day in period_bounds(period))
        keys = [key for key in run.sums if key.period == period and not _is_carrier(key)]
        keys.sort(key=lambda key: _sort_key(key, versions))
        _carry_levies(run, period, keys)
        lines = tuple(_priced_line(run, key) for key in keys)
        found.append(
            PricedPeriod(period, run.energy.get(period, 0), lines, run.first <= start and end <= run.last)
        )
    return tuple(found)


_KINDS: Final = tuple(LineKind)


def _sort_key(key: LineKey, versions: Sequence[TariffVersion]) -> tuple[int, int, int, int, str]:
    """Sort by version, kind and block; taxes in the order in which they are raised."""
    index, version = next(numbered for numbered in enumerate(versions) if numbered[1].id == key.version_id)
    raised = [tax.name for tax in version.taxes].index(key.band) if key.kind in TAX_KINDS else 0
    return index, _KINDS.index(LineKind(key.kind)), key.block, raised, key.band + key.base


def _is_carrier(key: LineKey) -> bool:
    """Return whether a line only counts energy that is priced on lines of blocks (pooled pro rata)."""
    return key.kind == LineKind.CONSUMPTION and key.block == NO_BLOCK


def _carry_levies(run: _PricingRun, period: str, keys: Sequence[LineKey]) -> None:
    """Move what is raised per unit to the first block of the band, where blocks are shared pro rata."""
    for carrier in [key for key in run.sums if key.period == period and _is_carrier(key)]:
        first = next((key for key in keys if key._replace(block=NO_BLOCK) == carrier), None)
        if first is not None:
            run.sums[first].tax += run.sums[carrier].tax
            run.sums[carrier].tax = 0


def _priced_line(run: _PricingRun, key: LineKey) -> PricedLine:
    found, version = run.sums[key], run.timeline.version(key.version_id)
    quantity, price = found.quantity, unit_price(version, key)
    if key.kind == LineKind.CONSUMPTION and version.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        per_mwh = version.price(key.block, key.band)
        quantity = divide_half_even(found.amount * WH_PER_MWH, per_mwh) if per_mwh else 0
    if key.kind == LineKind.DEMAND and version.demand is not None and version.demand.per_kw:
        price = version.demand.per_kw
        quantity = divide_half_even(found.amount * 1000, price)
    return PricedLine(key, quantity, price, found.amount, found.tax)


def energy_needed_from(version: TariffVersion, period: str) -> int:
    """Return the instant from which energy must be known to price a period, its blocks and its history."""
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
