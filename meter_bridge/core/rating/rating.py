"""Rating: what energy costs, line by line, exact however readings cut it.

Each line (billing period, tariff version, block, band; standing charge; tax ...) keeps its exact cumulative
quantity. A settlement of a line is round_half_even(its exact value) minus what that line already settled, so
the end amount does not depend on how the quantity arrived (invariant 7).
"""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import DAY_MS, MINUTE_MS, SLOT_MS, local_day, local_time, next_slot
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff.load_profile import EVEN_WEIGHT
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    PPM,
    WH_PER_MWH,
    BlockBandMeaning,
    DemandOf,
    TariffInterval,
    TariffVersion,
    TaxBase,
    TaxTerm,
    Timeline,
    days_share,
    limits_in_period,
)


class LineKind(StrEnum):
    """Kinds of charge lines."""

    CONSUMPTION = "consumption"
    FREE = "free"
    """Energy that costs nothing because of free units."""
    UNITS = "units"
    """Energy that was paid for when its units were bought."""
    VACANT = "vacant"
    """Energy of a time before the customer moved in, which a first reading after it tells of; nobody's."""
    PURCHASE = "purchase"
    """Units bought; their charge is on the lines of consumption."""
    STANDING = "standing"
    DEMAND = "demand"
    MINIMUM = "minimum"
    LIFELINE = "lifeline"
    """What the lifeline's prices take off the normal ones."""
    TAX = "tax"
    INCLUDED_TAX = "included_tax"
    """A tax contained in the prices; it adds nothing to what is charged."""


ENERGY_KINDS: Final = frozenset({LineKind.CONSUMPTION, LineKind.FREE, LineKind.UNITS, LineKind.VACANT})
TAX_KINDS: Final = frozenset({LineKind.TAX, LineKind.INCLUDED_TAX})
BASE_OF: Final = {
    LineKind.CONSUMPTION: TaxBase.CONSUMPTION,
    LineKind.LIFELINE: TaxBase.CONSUMPTION,
    LineKind.STANDING: TaxBase.STANDING,
    LineKind.DEMAND: TaxBase.DEMAND,
    LineKind.MINIMUM: TaxBase.MINIMUM,
}
"""What each kind of line counts as where a tax is raised on it."""


class LineKey(NamedTuple):
    """Identity of a line: blocks count from 0, ``band`` may be a name, ``base`` contains an included tax."""

    kind: str
    period: str
    version_id: str
    block: int
    band: str
    base: str = ""


ESTIMATED_AFTER_MS: Final = 3_900_000
"""Time between two readings beyond which it is an estimate when the energy between them was used.

An hour, in which the slowest meters report, and five minutes for being late.
"""
NO_BLOCK: Final = -1
FREE_UNITS_SCHEDULE: Final = -1
"""Place of the free units among the ladders in ``Rating.block_usage``."""


class BlockUsageKey(NamedTuple):
    """A ladder in one of its periods."""

    period: str
    counter: int


@dataclass(slots=True)
class Line:
    """Cumulative quantity of a line and what of it was settled.

    The quantity is Wh on lines of energy, and the exact value (10**-18 of an amount step) on all others; on
    a line of a contained tax it is the exact value of what contains it.
    """

    quantity: int = 0
    settled_quantity: int = 0
    settled_amount: int = 0


class TaxPart(NamedTuple):
    """A tax line of a line of energy, with the exact value that a Wh adds to it."""

    key: LineKey
    line: Line
    per_wh: int


class EnergySpan(NamedTuple):
    """Energy of a time within one slot, band and day, not yet on its lines."""

    start: int
    end: int
    wh: int
    estimated: bool


@dataclass(slots=True)
class OpenSegment:
    """Energy of one meter in one slot on one line, not yet settled."""

    start: int
    end: int
    key: LineKey
    wh: int
    estimated: bool = False
    """Some of it was spread over a time so long that nobody knows when it was used."""


@dataclass(slots=True)
class Lot:
    """Units of one purchase that are not used yet, with what one of them cost."""

    id: str
    wh: int
    value_per_wh: int
    """Exact value of one Wh, taxes included."""


@dataclass(frozen=True, slots=True)
class SupplyTerms:
    """What a tariff has to know of the supply that it prices."""

    started: date | None = None
    """First local day of the supply with its customer; None if it always was."""
    contracted_w: int = 0
    free_units: bool = False
    """The customer is eligible for free units."""
    ended: date | None = None
    """Last local day of the supply with its customer; None while it goes on."""


@dataclass(slots=True)
class Rating:
    """Rating state of one supply: its lines, how far each ladder was climbed, its open segments."""

    lines: dict[LineKey, Line] = field(default_factory=dict)
    block_usage: dict[BlockUsageKey, int] = field(default_factory=dict)
    open_segments: dict[str, list[OpenSegment]] = field(default_factory=dict)
    demand_intervals: dict[int, int] = field(default_factory=dict)
    """Energy of the demand intervals that a reading may still reach, by their start."""
    demand_peaks: dict[str, int] = field(default_factory=dict)
    """Greatest energy of a demand interval, by period and length of the interval: ``demand_peak_key``."""
    energy_history: dict[str, int] = field(default_factory=dict)
    """Energy of the billing periods that are over."""
    lots: list[Lot] = field(default_factory=list)
    """Units bought and not used, oldest first."""
    terms: SupplyTerms = field(default_factory=SupplyTerms)
    tax_parts: dict[LineKey, tuple[TaxPart, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Tax lines of the lines of energy, found once for each."""
    period_lines: dict[str, object] = field(default_factory=dict, compare=False, repr=False)
    """What ``derived`` sorted out of the lines of each billing period."""
    dirty: set[str] = field(default_factory=set, compare=False, repr=False)
    """Billing periods whose values to date are behind their energy; they are worked out when asked for."""

    def __post_init__(self) -> None:
        """Mark the periods of lines that come from storage as dirty."""
        self.dirty.update(key.period for key in self.lines)

    @property
    def units(self) -> int:
        """Return the units bought and not used, Wh."""
        return sum(lot.wh for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Segment:
    """A settled fact: at most a quarter hour of one meter on one line, with its exact share of the charge."""

    kind: LineKind
    meter_id: str | None
    start: int
    end: int
    key: LineKey
    wh: int
    amount: int
    tax: int
    estimated: bool = False
    """When its energy was used is an estimate; how much was used is not."""


@dataclass(frozen=True, slots=True)
class ChargedLine:
    """What a settlement adds to one line."""

    key: LineKey
    quantity: int
    """Wh on lines of energy; days, weeks or months of a standing charge; else 0."""
    unit_price: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class Charges:
    """Everything that one posting charges."""

    lines: tuple[ChargedLine, ...]
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """Return the sum of all lines; contained taxes are in the lines that contain them."""
        return sum(line.amount for line in self.lines if line.key.kind != LineKind.INCLUDED_TAX)


def allocate(  # noqa: PLR0913 - what was used is all of these, and all of them once
    rating: Rating,
    timeline: Timeline,
    meter_id: str,
    start: int,
    end: int,
    wh: int,
    *,
    moved_in: int = 0,
    timed: bool = True,
) -> None:
    """Spread energy of (start, end] over time and put each part on its line.

    It is spread linearly; over a longer time without a reading by the tariff's load profile, if it has one.
    Such parts are marked as estimated. The cumulative energy is floored at every boundary (slot, band, local
    midnight, tariff version), blocks are cut where the ladder says. Energy of no duration belongs to the
    instant ``start``. What falls before the customer ``moved_in`` is on record, and costs nothing. Unless
    ``timed`` nobody knows in what time it was used, and it counts to no maximum demand.
    """
    elapsed = end - start
    estimated = elapsed > ESTIMATED_AFTER_MS
    weights = _profile_weight(timeline, start, end) if estimated else None
    allocated, at, past = 0, start, 0
    while True:
        interval = timeline.interval_at(at)
        until = min(next_slot(at), interval.end, max(end, at))
        if at < moved_in:
            until = min(until, moved_in)
        if until >= end:
            cumulative = wh
        elif weights is None:
            cumulative = wh * (until - start) // elapsed
        else:
            past += _hour_weight(interval, at) * (until - at)
            cumulative = wh * past // weights
        if cumulative > allocated:
            span = EnergySpan(at, until, cumulative - allocated, estimated)
            if at < moved_in:
                _record_vacant(rating, interval, meter_id, span)
            else:
                if timed:
                    _add_demand(rating, interval, at, cumulative - allocated)
                rate_energy(rating, interval, meter_id, span)
        allocated, at = cumulative, until
        if at >= end:
            break


def _profile_weight(timeline: Timeline, start: int, end: int) -> int | None:
    """Return the total weight of (start, end] by the load profiles in force; None to spread evenly."""
    if not timeline.has_load_profile(start, end):
        return None
    total, at = 0, start
    while at < end:
        interval = timeline.interval_at(at)
        until = min(next_slot(at), interval.end, end)
        total += _hour_weight(interval, at) * (until - at)
        at = until
    return total or None


def _hour_weight(interval: TariffInterval, at: int) -> int:
    profile = interval.version.profile
    if profile is None:
        return EVEN_WEIGHT
    local = local_time(at, interval.version.zone)
    return profile.days[interval.version.calendar.day_type(local.date())][local.hour]


def rate_energy(rating: Rating, interval: TariffInterval, meter_id: str, part: EnergySpan) -> None:
    """Put the energy of one span on its lines, in order: units bought, free units, blocks."""
    version, left, at, end = interval.version, part.wh, part.start, part.end
    if interval.has_period_to_date:
        rating.dirty.add(interval.period)
    while left > 0:
        kind, block, room = _next_line(rating, interval)
        take = left if room is None else min(left, room)
        until = end if take == left else at + (end - at) * take // left
        key = LineKey(kind, interval.period, version.id, block, interval.band)
        _add_to_line(rating, interval, meter_id, OpenSegment(at, until, key, take, part.estimated))
        left, at = left - take, until


def _record_vacant(rating: Rating, interval: TariffInterval, meter_id: str, part: EnergySpan) -> None:
    """Record energy from before the customer moved in: it moves no block and costs nothing."""
    key = LineKey(LineKind.VACANT, interval.period, interval.version.id, NO_BLOCK, interval.band)
    line_for(rating, key).quantity += part.wh
    _add_to_open_segments(rating, meter_id, OpenSegment(part.start, part.end, key, part.wh, part.estimated))


def _next_line(rating: Rating, interval: TariffInterval) -> tuple[LineKind, int, int | None]:
    """Return kind and block of the next unit, and how many Wh fit there; None if unlimited."""
    version = interval.version
    if rating.lots:
        return LineKind.UNITS, NO_BLOCK, rating.lots[0].wh
    free = free_units_left(rating, interval)
    if free:
        return LineKind.FREE, NO_BLOCK, free
    if version.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        return LineKind.CONSUMPTION, NO_BLOCK, None
    if not interval.block_schedule.limits:
        return LineKind.CONSUMPTION, 0, None
    return LineKind.CONSUMPTION, block_at(rating, interval), energy_to_next_block(rating, interval)


def free_units_left(rating: Rating, interval: TariffInterval) -> int:
    """Return the free units that are left in the billing period, Wh."""
    version = interval.version
    if not version.free_wh or not rating.terms.free_units:
        return 0
    days, total = 1, 1
    if version.prorate:
        day = date.fromisoformat(interval.period[:10])
        days, total = days_share(version.billing_period, day, rating.terms.started)
    return max(
        version.free_wh * days // total
        - rating.block_usage.get(BlockUsageKey(interval.period, FREE_UNITS_SCHEDULE), 0),
        0,
    )


def block_usage_of(rating: Rating, interval: TariffInterval) -> int:
    """Return how far the ladder of a stretch was climbed in its period, Wh."""
    return rating.block_usage.get(BlockUsageKey(interval.block_period, interval.counter), 0)


def block_at(rating: Rating, interval: TariffInterval) -> int:
    """Return the block of the next unit, from 0."""
    steps = interval.block_schedule.limits
    if not steps:
        return 0
    if interval.version.history_periods:
        return _block_of_mean(rating, interval)
    used = block_usage_of(rating, interval)
    ends = limits_in_period(interval.version, interval.schedule, interval.block_period, rating.terms.started)
    return sum(1 for limit in ends if used >= limit)


def _block_of_mean(rating: Rating, interval: TariffInterval) -> int:
    """Return the block of the mean of the previous billing periods; the first if there are none."""
    before = sorted(period for period in rating.energy_history if period < interval.period)
    known = before[-interval.version.history_periods :]
    total = sum(rating.energy_history[period] for period in known)
    return sum(1 for limit in interval.block_schedule.limits if known and total > limit * len(known))


def energy_to_next_block(rating: Rating, interval: TariffInterval) -> int | None:
    """Return the energy until the next block begins, or None where none does."""
    if not interval.block_schedule.limits or interval.version.history_periods:
        return None
    used = block_usage_of(rating, interval)
    ends = limits_in_period(interval.version, interval.schedule, interval.block_period, rating.terms.started)
    return next((limit - used for limit in ends if used < limit), None)


def _add_demand(rating: Rating, interval: TariffInterval, at: int, wh: int) -> None:
    demand = interval.version.demand
    if demand is None or demand.of is not DemandOf.MAXIMUM:
        return
    length = demand.interval_min * MINUTE_MS
    past = local_time(at, interval.version.zone).minute * MINUTE_MS + at % MINUTE_MS
    start = at - past % length
    energy = rating.demand_intervals[start] = rating.demand_intervals.get(start, 0) + wh
    key = demand_peak_key(interval.period, demand.interval_min)
    rating.demand_peaks[key] = max(rating.demand_peaks.get(key, 0), energy)


def demand_peak_key(period: str, interval_min: int) -> str:
    """Return the key of a billing period's greatest interval of a length."""
    return f"{period}@{interval_min}"


def demand_peak_period(key: str) -> str:
    """Return the billing period of a key of ``demand_peaks``."""
    return key.partition("@")[0]


def maximum_demand(rating: Rating, period: str, interval_min: int) -> int:
    """Return the greatest mean power of a demand interval in a billing period, W.

    ``interval_min`` is the length of the intervals that were stored without theirs.
    """
    return max(
        (
            wh * 60 // int(key.partition("@")[2] or interval_min)
            for key, wh in rating.demand_peaks.items()
            if demand_peak_period(key) == period
        ),
        default=0,
    )


def _add_to_line(rating: Rating, interval: TariffInterval, meter_id: str, part: OpenSegment) -> None:
    key, wh = part.key, part.wh
    line_for(rating, key).quantity += wh
    if key.kind == LineKind.CONSUMPTION:
        _add_usage(rating, BlockUsageKey(interval.block_period, interval.counter), wh)
        for part_of_tax in taxes_per_wh(rating, interval.version, key):
            part_of_tax.line.quantity += part_of_tax.per_wh * wh
    elif key.kind == LineKind.FREE:
        _add_usage(rating, BlockUsageKey(interval.period, FREE_UNITS_SCHEDULE), wh)
        if interval.version.free_climbs:
            _add_usage(rating, BlockUsageKey(interval.block_period, interval.counter), wh)
    else:
        _take_units(rating, wh)
    if interval.period in rating.energy_history:
        rating.energy_history[interval.period] += wh
    _add_to_open_segments(rating, meter_id, part)


def _add_to_open_segments(rating: Rating, meter_id: str, part: OpenSegment) -> None:
    key = part.key
    segments = rating.open_segments.setdefault(meter_id, [])
    last = segments[-1] if segments else None
    if last is not None and last.key == key and last.start // SLOT_MS == part.start // SLOT_MS:
        last.end, last.wh = part.end, last.wh + part.wh
        last.estimated = last.estimated or part.estimated
    else:
        segments.append(part)


def _add_usage(rating: Rating, key: BlockUsageKey, wh: int) -> None:
    rating.block_usage[key] = rating.block_usage.get(key, 0) + wh


def _take_units(rating: Rating, wh: int) -> None:
    while wh > 0:
        lot = rating.lots[0]
        used = min(wh, lot.wh)
        lot.wh -= used
        wh -= used
        if not lot.wh:
            del rating.lots[0]


def line_for(rating: Rating, key: LineKey) -> Line:
    """Return a line, new if need be."""
    line = rating.lines.get(key)
    if line is None:
        line = rating.lines[key] = Line()
    return line


def taxes_per_wh(rating: Rating, version: TariffVersion, key: LineKey) -> tuple[TaxPart, ...]:
    """Return the tax lines of a consumption line and the exact value that a Wh adds to each.

    Energy whose price is on derived lines bears only what is raised per unit; the rates are raised there.
    """
    found = rating.tax_parts.get(key)
    if found is None:
        price = 0 if key.block == NO_BLOCK else version.price(key.block, key.band)
        found = rating.tax_parts[key] = tuple(
            _tax_part(rating, key, term, price) for term in version.tax_terms[TaxBase.CONSUMPTION]
        )
    return found


def _tax_part(rating: Rating, key: LineKey, term: TaxTerm, price: int) -> TaxPart:
    inclusive = term.tax.inclusive
    of = tax_key(key, term.tax.name, TaxBase.CONSUMPTION if inclusive else None)
    per_wh = price * (EXACT_SCALE // WH_PER_MWH) if inclusive else price * term.factor + term.per_wh
    return TaxPart(of, line_for(rating, of), per_wh)


def tax_key(key: LineKey, name: str, included_in: TaxBase | None = None) -> LineKey:
    """Return the tax line of a period and version."""
    kind = LineKind.TAX if included_in is None else LineKind.INCLUDED_TAX
    return LineKey(kind, key.period, key.version_id, NO_BLOCK, name, included_in or "")


def amount_due(version: TariffVersion, key: LineKey, quantity: int) -> int:
    """Return the amount of a line at a cumulative quantity, rounded once, half to even."""
    numerator, denominator = unit_amount(version, key)
    return divide_half_even(numerator * quantity, denominator)


def unit_amount(version: TariffVersion, key: LineKey) -> tuple[int, int]:
    """Return the amount of one of a line's quantity, as a fraction."""
    if key.kind == LineKind.CONSUMPTION and version.meaning is not BlockBandMeaning.POOLED_PRO_RATA:
        return version.price(key.block, key.band), WH_PER_MWH
    if key.kind in ENERGY_KINDS and key.block == NO_BLOCK:
        return 0, 1
    if key.kind == LineKind.INCLUDED_TAX:
        contained = {tax.name: tax.rate_ppm for tax in version.taxes if tax.inclusive and key.base in tax.on}
        return contained[key.band], EXACT_SCALE * (PPM + sum(contained.values()))
    return 1, EXACT_SCALE


def unit_price(version: TariffVersion, key: LineKey) -> int | None:
    """Return the amount per kWh or per unit of time of a line before tax, or None where there is none."""
    if key.kind == LineKind.CONSUMPTION and key.block != NO_BLOCK:
        return divide_half_even(version.price(key.block, key.band), 1000)
    if key.kind == LineKind.STANDING:
        return next((charge.amount for charge in version.standing if charge.name == key.band), None)
    return None


def marginal_price_of(version: TariffVersion, block: int, band: str) -> int:
    """Return the exact value of a Wh, taxes and levies included."""
    return version.taxed_value(version.price(block, band))


def marginal_price(rating: Rating, interval: TariffInterval) -> int:
    """Return the exact value of the next Wh, taxes and levies included."""
    return marginal_price_of(interval.version, block_at(rating, interval), interval.band)


def price_per_kwh(rating: Rating, interval: TariffInterval) -> int:
    """Return the amount per kWh of the next unit, taxes included, rounded half-even."""
    return divide_half_even(marginal_price(rating, interval) * 1000, EXACT_SCALE)


def wh_for_amount(rating: Rating, interval: TariffInterval, amount: int) -> int | None:
    """Return the Wh that an amount buys in one band, with free units and all blocks; None if unlimited."""
    version = interval.version
    bought, left = free_units_left(rating, interval), max(amount, 0) * EXACT_SCALE
    block, room = block_at(rating, interval), energy_to_next_block(rating, interval)
    ends = limits_in_period(version, interval.schedule, interval.block_period, rating.terms.started)
    while True:
        price = marginal_price_of(version, block, interval.band)
        if room is None:
            return bought + left // price if price else None
        take = left // price if price else room
        if take < room:
            return bought + take
        bought, left = bought + room, left - room * price
        block += 1
        room = ends[block] - ends[block - 1] if block < len(ends) else None


def purge_periods(rating: Rating, keep_from: str) -> None:
    """Drop periods that are settled and over by ``keep_from``, each as a whole, as values to date need it."""
    kept = _unsettled_periods(rating)
    kept |= {key.period for key in rating.lines if _ends_after(key.period, keep_from)}
    rating.lines = {key: each for key, each in rating.lines.items() if key.period in kept}
    rating.tax_parts.clear()
    for usage_key in [usage_key for usage_key in rating.block_usage if usage_key.period not in kept]:
        if not _ends_after(usage_key.period, keep_from):
            del rating.block_usage[usage_key]  # in place: whoever climbs a ladder may hold it
    rating.demand_peaks = {
        key: wh
        for key, wh in rating.demand_peaks.items()
        if demand_peak_period(key) in kept or _ends_after(demand_peak_period(key), keep_from)
    }
    newest = sorted(rating.energy_history)[-_MAX_HISTORY_PERIODS:]
    rating.energy_history = {period: rating.energy_history[period] for period in newest}


_MAX_HISTORY_PERIODS: Final = 25


def _unsettled_periods(rating: Rating) -> set[str]:
    lines = {key.period for key, each in rating.lines.items() if each.quantity != each.settled_quantity}
    return lines | {part.key.period for parts in rating.open_segments.values() for part in parts}


def _ends_after(period: str, keep_from: str) -> bool:
    return period_bounds(period)[1].isoformat() > keep_from


DEMAND_RECENT_MS: Final = 7 * DAY_MS
"""Time of which every demand interval is kept for meters that are heard late."""
MAX_SILENCE_MS: Final = 92 * DAY_MS
"""Time of which the greatest interval of each day is kept."""


def purge_intervals(rating: Rating, before: int, zone: ZoneInfo) -> None:
    """Drop the demand intervals that no reading can reach any more, and thin out those long past.

    What a meter counted in a long silence is spread evenly over a day, so that only the greatest interval of
    that local day can become the greatest of the bill; the others need not be kept. So the state stays small
    however long one of several meters is silent.
    """
    newest = max(rating.demand_intervals, default=0)
    recent, oldest = newest - DEMAND_RECENT_MS, max(before, newest - MAX_SILENCE_MS)
    greatest: dict[date, int] = {}
    for start, wh in rating.demand_intervals.items():
        if oldest <= start < recent:
            day = local_day(start, zone)
            if day not in greatest or wh > rating.demand_intervals[greatest[day]]:
                greatest[day] = start
    kept = {*greatest.values()}
    rating.demand_intervals = {
        start: wh
        for start, wh in rating.demand_intervals.items()
        if start >= max(recent, oldest) or start in kept
    }


@dataclass(frozen=True, slots=True)
class Block:
    """A block of the ladder that is climbed now."""

    end_wh: int | None
    """Energy of the block period at which it ends; None for the last."""
    used_wh: int
    """Energy of the block period that fell into it."""
    price_per_kwh: int
    """Amount per kWh in the present band, taxes included, rounded half-even."""


def block_views(rating: Rating, interval: TariffInterval) -> tuple[Block, ...]:
    """Return the blocks from cheap to dear; none where the price does not depend on use in the period."""
    if not interval.block_schedule.limits or interval.version.history_periods:
        return ()
    ends = limits_in_period(interval.version, interval.schedule, interval.block_period, rating.terms.started)
    used = block_usage_of(rating, interval)
    blocks = []
    for number, (start, end) in enumerate(zip((0, *ends), (*ends, None), strict=True)):
        used_in_block = max(used if end is None else min(used, end), start) - start
        exact = marginal_price_of(interval.version, number, interval.band) * 1000
        blocks.append(Block(end, used_in_block, divide_half_even(exact, EXACT_SCALE)))
    return tuple(blocks)
