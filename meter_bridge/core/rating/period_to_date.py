"""Values to date: charges of a billing period that are no plain sums, worked out when they are asked for.

Blocks in proportion, a lifeline, a maximum demand and a minimum are functions of all that was used in a
period so far. They do not depend on the way there, so readings in between need not be followed one by one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from meter_bridge.core.calendar import day_start, next_slot
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.rating.rating import (
    BASE_OF,
    ENERGY_KINDS,
    FREE_UNITS_SCHEDULE,
    NO_BLOCK,
    TAX_KINDS,
    BlockUsageKey,
    ChargedLine,
    Charges,
    Line,
    LineKey,
    LineKind,
    OpenSegment,
    Rating,
    Segment,
    SupplyTerms,
    amount_due,
    line_for,
    maximum_demand,
    tax_key,
    taxes_per_wh,
    unit_price,
)
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    PPM,
    WH_PER_MWH,
    BlockBandMeaning,
    DemandOf,
    TariffVersion,
    Timeline,
    days_share,
    limits_in_period,
)

PER_WH: Final = EXACT_SCALE // WH_PER_MWH
"""Exact value of a Wh at a price of one step per MWh."""


class _SharedBlock(NamedTuple):
    """A block that several bands share: one band's line, its price, and where the block ends."""

    key: LineKey
    price: int
    end: int | None


@dataclass(slots=True)
class _EnergyLine:
    """A line of energy that is priced by a value to date, or on which one depends."""

    key: LineKey
    line: Line
    version: TariffVersion
    blocks: tuple[_SharedBlock, ...]
    """The blocks that it shares with other bands; none where its price is a plain sum."""
    sharing_lines: tuple[Line, ...]
    """Lines of the energy that climbs these blocks together."""


@dataclass(slots=True)
class _PeriodLines:
    """The lines of a billing period by purpose; valid until a line is added."""

    timeline: Timeline
    terms: SupplyTerms
    lines: dict[LineKey, Line]
    count: int
    newest_version: TariffVersion
    energy_lines: list[_EnergyLine]
    derived: dict[LineKey, Line] = field(default_factory=dict)
    """Lines that are values to date, in the order of their keys."""

    def is_current(self, rating: Rating, timeline: Timeline) -> bool:
        """Return whether no line was added since."""
        same = self.lines is rating.lines and self.count == len(rating.lines)
        return same and self.timeline is timeline and self.terms is rating.terms


def refresh(rating: Rating, timeline: Timeline) -> None:
    """Bring every value to date up with the energy."""
    for period in sorted(rating.dirty):
        if timeline.has_period_to_date(period):
            refresh_period(rating, timeline, period)
    rating.dirty.clear()


def charged_in_period(rating: Rating, timeline: Timeline, period: str) -> int:
    """Return what a billing period has come to so far, settled or not."""
    refresh(rating, timeline)
    return sum(
        amount_due(timeline.version(key.version_id), key, each.quantity)
        for key, each in rating.lines.items()
        if key.period == period and key.kind != LineKind.INCLUDED_TAX
    )


def accrued_total(rating: Rating, timeline: Timeline) -> int:
    """Return what has been used and not yet settled, priced."""
    refresh(rating, timeline)
    total = 0
    for key, each in rating.lines.items():
        if each.quantity != each.settled_quantity and key.kind != LineKind.INCLUDED_TAX:
            total += amount_due(timeline.version(key.version_id), key, each.quantity) - each.settled_amount
    return total


def refresh_period(
    rating: Rating, timeline: Timeline, period: str, *, settled: bool = False
) -> tuple[LineKey, ...]:
    """Update a period's values to date, of settled energy only if ``settled``; return the changed lines."""
    page = _period_lines(rating, timeline, period)
    values = _period_to_date_values(rating, page, period, settled=settled)
    changed: list[LineKey] = []
    derived = page.derived
    if not values.keys() <= derived.keys():
        derived = {key: line_for(rating, key) for key in sorted(derived.keys() | values.keys())}
    for key, line in derived.items():
        value = values.get(key, 0)
        if value != (line.settled_quantity if settled else line.quantity):
            set_value(rating, timeline.version(key.version_id), key, value, settled=settled)
            changed.append(key)
    return tuple(changed)


def set_value(rating: Rating, version: TariffVersion, key: LineKey, value: int, *, settled: bool) -> None:
    """Set a line without energy to an exact value, and each tax by a difference of cumulative values."""
    line = line_for(rating, key)
    before = _quantity_of(line, settled=settled)
    _add_quantity(line, value - before, settled=settled)
    if version.taxes:
        _update_taxes(rating, version, key, before, value, settled=settled)


def _update_taxes(
    rating: Rating, version: TariffVersion, key: LineKey, before: int, value: int, *, settled: bool
) -> None:
    base = BASE_OF[LineKind(key.kind)]
    for term in version.tax_terms[base]:
        if term.tax.inclusive:
            contained = line_for(rating, tax_key(key, term.tax.name, base))
            _add_quantity(contained, value - before, settled=settled)
        else:
            gain = value * term.factor // (PPM * PPM) - before * term.factor // (PPM * PPM)
            _add_quantity(line_for(rating, tax_key(key, term.tax.name)), gain, settled=settled)


def _add_quantity(line: Line, value: int, *, settled: bool) -> None:
    if settled:
        line.settled_quantity += value
    else:
        line.quantity += value


def _quantity_of(line: Line, *, settled: bool) -> int:
    return line.settled_quantity if settled else line.quantity


def is_energy_line(timeline: Timeline, key: LineKey) -> bool:
    """Return whether a line counts energy."""
    return key.kind in ENERGY_KINDS and not is_period_to_date(timeline, key)


def energy_of(rating: Rating, timeline: Timeline, period: str) -> int:
    """Return the energy used in a billing period, Wh; units that were bought are not used yet."""
    lines = [(key, each.quantity) for key, each in rating.lines.items() if key.period == period]
    bought = sum(quantity for key, quantity in lines if key.kind == LineKind.PURCHASE)
    energy = (
        quantity for key, quantity in lines if is_energy_line(timeline, key) and key.kind != LineKind.VACANT
    )
    return sum(energy) - bought


def is_period_to_date(timeline: Timeline, key: LineKey) -> bool:
    """Return whether a line is a value of the period to date rather than a sum."""
    if key.kind == LineKind.DEMAND:
        demand = timeline.version(key.version_id).demand
        return demand is not None and demand.of is DemandOf.MAXIMUM
    pro_rata = timeline.version(key.version_id).meaning is BlockBandMeaning.POOLED_PRO_RATA
    shared = key.kind == LineKind.CONSUMPTION and key.block != NO_BLOCK and pro_rata
    return shared or key.kind in (LineKind.LIFELINE, LineKind.MINIMUM)


def _period_lines(rating: Rating, timeline: Timeline, period: str) -> _PeriodLines:
    page = rating.period_lines.get(period)
    if not isinstance(page, _PeriodLines) or not page.is_current(rating, timeline):
        page = rating.period_lines[period] = _classify_lines(rating, timeline, period)
    return page


def _classify_lines(rating: Rating, timeline: Timeline, period: str) -> _PeriodLines:
    own = {key: each for key, each in rating.lines.items() if key.period == period}
    plain = {
        key: each
        for key, each in own.items()
        if key.kind == LineKind.CONSUMPTION and not is_period_to_date(timeline, key)
    }
    return _PeriodLines(
        timeline,
        rating.terms,
        rating.lines,
        len(rating.lines),
        _newest_version(timeline, period, {key.version_id for key in own}),
        [_energy_line(rating, timeline, key, plain) for key in plain],
        {key: own[key] for key in sorted(own) if is_period_to_date(timeline, key)},
    )


def _energy_line(rating: Rating, timeline: Timeline, key: LineKey, plain: dict[LineKey, Line]) -> _EnergyLine:
    version = timeline.version(key.version_id)
    if version.meaning is not BlockBandMeaning.POOLED_PRO_RATA:
        return _EnergyLine(key, plain[key], version, (), ())
    ladder = version.schedule_of(key.band)
    ends = (*limits_in_period(version, ladder, key.period, rating.terms.started), None)
    blocks = (
        _SharedBlock(key._replace(block=block), version.price(block, key.band) * PER_WH, end)
        for block, end in enumerate(ends)
    )
    pooled = version.ladders[ladder].bands
    shares_with = tuple(each for other, each in plain.items() if other.band in pooled)
    return _EnergyLine(key, plain[key], version, tuple(blocks), shares_with)


def _newest_version(timeline: Timeline, period: str, ids: set[str]) -> TariffVersion:
    """Return the newest version under which a period was charged, or the one at its end."""
    found = (version for version in reversed(timeline.versions) if version.id in ids)
    end = day_start(period_bounds(period)[1], timeline.versions[0].zone)
    return next(found, None) or timeline.at(end - 1)


def _period_to_date_values(
    rating: Rating, page: _PeriodLines, period: str, *, settled: bool
) -> dict[LineKey, int]:
    values: dict[LineKey, int] = {}
    for energy_line in page.energy_lines:
        if energy_line.blocks:
            _share_blocks(rating, energy_line, values, settled=settled)
    _apply_lifelines(page, values, settled=settled)
    _price_demand(rating, page.newest_version, period, values)
    missing = _minimum_shortfall(rating, page, period, sum(values.values()), settled=settled)
    if missing > 0:
        key = LineKey(LineKind.MINIMUM, period, page.newest_version.id, NO_BLOCK, LineKind.MINIMUM.value)
        values[key] = missing
    return values


def _share_blocks(rating: Rating, energy: _EnergyLine, values: dict[LineKey, int], *, settled: bool) -> None:
    """Share each block among the bands in proportion to the whole period (pooled pro rata)."""
    wh = _quantity_of(energy.line, settled=settled)
    if not wh:
        return
    if settled:
        total = sum([line.settled_quantity for line in energy.sharing_lines])
    else:
        total = sum([line.quantity for line in energy.sharing_lines])
    low = free = 0
    if energy.version.free_climbs:
        free = rating.block_usage.get(BlockUsageKey(energy.key.period, FREE_UNITS_SCHEDULE), 0)
    for key, price, end in energy.blocks:
        high = total if end is None or end - free >= total else max(end - free, low)
        if high > low:
            values[key] = divide_half_even(price * (high - low) * wh, total)
        if high == total:
            return
        low = high


def _apply_lifelines(page: _PeriodLines, values: dict[LineKey, int], *, settled: bool) -> None:
    """Lower normal prices to the lifeline's while the whole period stays within its limit."""
    with_lifeline = [energy for energy in page.energy_lines if energy.version.lifeline is not None]
    if not with_lifeline:
        return
    total = sum(_quantity_of(energy.line, settled=settled) for energy in page.energy_lines)
    for energy_line in with_lifeline:
        key, version, lifeline = energy_line.key, energy_line.version, energy_line.version.lifeline
        if lifeline is None or total > lifeline.limit_wh:
            continue
        wh = _quantity_of(energy_line.line, settled=settled)
        column = [band.name for band in version.bands].index(key.band)
        less = lifeline.prices[column] * wh * PER_WH - _normal_value(energy_line, wh, values)
        off = LineKey(LineKind.LIFELINE, key.period, key.version_id, NO_BLOCK, key.band)
        values[off] = values.get(off, 0) + less


def _normal_value(energy: _EnergyLine, wh: int, values: dict[LineKey, int]) -> int:
    if energy.blocks:
        return sum(values.get(block.key, 0) for block in energy.blocks)
    return energy.version.price(energy.key.block, energy.key.band) * wh * PER_WH


def _price_demand(rating: Rating, version: TariffVersion, period: str, values: dict[LineKey, int]) -> None:
    demand = version.demand
    if demand is None or demand.of is not DemandOf.MAXIMUM:
        return
    watts = maximum_demand(rating, period, demand.interval_min)
    if watts:
        key = LineKey(LineKind.DEMAND, period, version.id, NO_BLOCK, LineKind.DEMAND.value)
        values[key] = demand.per_kw * watts * (EXACT_SCALE // 1000)


def _minimum_shortfall(rating: Rating, page: _PeriodLines, period: str, found: int, *, settled: bool) -> int:
    """Return by how much a period that is over falls short of the minimum charge, exact."""
    version = page.newest_version
    if not version.minimum or period not in rating.energy_history:
        return 0
    terms, first = rating.terms, date.fromisoformat(period[:10])
    begun, total = days_share(version.billing_period, first, terms.started)
    days, _ = days_share(version.billing_period, first, terms.started, terms.ended)
    if (begun != total and not version.prorate) or (days != begun and not version.prorate_last):
        return 0
    for key, each in rating.lines.items():
        if key.period == period and key.kind in BASE_OF and not is_period_to_date(page.timeline, key):
            found += _plain_value(page.timeline, key, _quantity_of(each, settled=settled))
    return version.minimum * EXACT_SCALE * days // total - found


def _plain_value(timeline: Timeline, key: LineKey, quantity: int) -> int:
    """Return the exact value, before tax, of a line that is a plain sum."""
    if key.kind != LineKind.CONSUMPTION:
        return quantity
    if key.block == NO_BLOCK:
        return 0
    return timeline.version(key.version_id).price(key.block, key.band) * quantity * PER_WH


@dataclass(slots=True)
class ChargesBuilder:
    """What a settlement has added so far."""

    added: dict[LineKey, list[int]] = field(default_factory=dict)
    """Quantity and amount by line."""
    segments: list[Segment] = field(default_factory=list)

    def add_line(self, rating: Rating, timeline: Timeline, key: LineKey, natural: int) -> int:
        """Settle a line at its settled quantity and return what that adds."""
        return self.add_to_line(timeline.version(key.version_id), key, line_for(rating, key), natural)

    def add_to_line(self, version: TariffVersion, key: LineKey, line: Line, natural: int) -> int:
        """Settle a line that was found already."""
        settled = amount_due(version, key, line.settled_quantity)
        amount = settled - line.settled_amount
        line.settled_amount = settled
        before = self.added.get(key)
        if before is not None:
            before[0] += natural
            before[1] += amount
        elif amount or natural:
            self.added[key] = [natural, amount]
        return amount

    def add_taxes(self, rating: Rating, timeline: Timeline, period: str, version_id: str) -> int:
        """Settle all taxes of a period and version; return what those on top of the prices add."""
        total = 0
        if not timeline.version(version_id).taxes:
            return total
        for key in [key for key in rating.lines if _is_tax(key, period, version_id)]:
            amount = self.add_line(rating, timeline, key, 0)
            total += amount if key.kind == LineKind.TAX else 0
        return total

    def build(self, timeline: Timeline) -> Charges:
        """Return the whole; a line that adds up to nothing is left out."""
        lines = (
            ChargedLine(key, quantity, unit_price(timeline.version(key.version_id), key), amount)
            for key, (quantity, amount) in self.added.items()
            if quantity or amount
        )
        return Charges(tuple(lines), tuple(self.segments))


def _is_tax(key: LineKey, period: str, version_id: str) -> bool:
    return key.kind in TAX_KINDS and key.period == period and key.version_id == version_id


def has_closed_segments(rating: Rating, at: int) -> bool:
    """Return whether some open segment's slot or line is over, so that it is to be settled."""
    return any(
        len(segments) > 1 or (segments and next_slot(segments[0].start) <= at)
        for segments in rating.open_segments.values()
    )


def segments_closing_at(rating: Rating, at: int) -> dict[str, list[OpenSegment]]:
    """Return the open segments of each meter that a settlement up to an instant would close."""
    closing = {meter_id: _split_closing(parts, at)[0] for meter_id, parts in rating.open_segments.items()}
    return {meter_id: parts for meter_id, parts in closing.items() if parts}


def amount_if_closed(rating: Rating, timeline: Timeline, parts: Iterable[OpenSegment]) -> int:
    """Return what settling open segments of plain consumption would charge next, taxes included."""
    more: dict[LineKey, int] = {}
    for part in parts:
        more[part.key] = more.get(part.key, 0) + part.wh
    for key, wh in list(more.items()):
        for tax in taxes_per_wh(rating, timeline.version(key.version_id), key):
            if tax.key.kind == LineKind.TAX:
                more[tax.key] = more.get(tax.key, 0) + tax.per_wh * wh
    return sum(_amount_of_more(rating, timeline, key, quantity) for key, quantity in more.items())


def _amount_of_more(rating: Rating, timeline: Timeline, key: LineKey, quantity: int) -> int:
    """Return the amount by which a line grows with ``quantity`` more on it."""
    of = line_for(rating, key)
    return (
        amount_due(timeline.version(key.version_id), key, of.settled_quantity + quantity) - of.settled_amount
    )


def close_segments(rating: Rating, timeline: Timeline, *, upto: int | None = None) -> Charges:
    """Close open segments and return the charges; with ``upto`` only those that no reading can extend."""
    builder = ChargesBuilder()
    derived: dict[str, tuple[int, int]] = {}
    for meter_id, parts in sorted(rating.open_segments.items()):
        closing, rating.open_segments[meter_id] = _split_closing(parts, upto)
        for part in closing:
            _close_segment(rating, timeline, meter_id, part, builder)
            if timeline.has_period_to_date(part.key.period):
                first, last = derived.get(part.key.period, (part.start, part.end))
                derived[part.key.period] = min(first, part.start), max(last, part.end)
    for period, (start, end) in derived.items():
        close_period_to_date(rating, timeline, period, start, end, builder)
    rating.open_segments = {meter_id: parts for meter_id, parts in rating.open_segments.items() if parts}
    return builder.build(timeline)


def _split_closing(parts: list[OpenSegment], upto: int | None) -> tuple[list[OpenSegment], list[OpenSegment]]:
    """Split a meter's open segments into those that close and the one that may still grow."""
    if upto is None or not parts or next_slot(parts[-1].start) <= upto:
        return parts, []
    return parts[:-1], parts[-1:]


def _close_segment(
    rating: Rating, timeline: Timeline, meter_id: str, part: OpenSegment, builder: ChargesBuilder
) -> None:
    key, amount, tax = part.key, 0, 0
    version, of = timeline.version(key.version_id), rating.lines[key]
    of.settled_quantity += part.wh
    amount = builder.add_to_line(version, key, of, part.wh)
    if key.kind == LineKind.CONSUMPTION:
        for each in taxes_per_wh(rating, version, key):
            each.line.settled_quantity += each.per_wh * part.wh
            added = builder.add_to_line(version, each.key, each.line, 0)
            tax += added if each.key.kind == LineKind.TAX else 0
    builder.segments.append(
        Segment(LineKind(key.kind), meter_id, part.start, part.end, key, part.wh, amount, tax, part.estimated)
    )


def close_period_to_date(
    rating: Rating, timeline: Timeline, period: str, start: int, end: int, builder: ChargesBuilder
) -> None:
    """Settle the lines of a period that are values to date; each change is a fact of no energy."""
    for key in refresh_period(rating, timeline, period, settled=True):
        amount = builder.add_line(rating, timeline, key, 0)
        tax = builder.add_taxes(rating, timeline, key.period, key.version_id)
        if amount or tax:
            kind = LineKind(key.kind)
            builder.segments.append(Segment(kind, None, start, end, key, 0, amount, tax))
