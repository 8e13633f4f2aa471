"""Rating: what energy costs, line by line, exact however readings cut it.

Each line (period, tariff version, block, band; standing charge; tax) keeps its exact cumulative quantity. A
settlement of a line is round_half_even(price x cumulative quantity) minus what that line already settled, so
the end amount does not depend on how the quantity arrived (invariant 7).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from meter_bridge.core.calendar import SLOT_MS, next_slot
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff import PPM, WH_PER_MWH, TariffVersion, TaxBase, Timeline, span_at


class LineKind(StrEnum):
    """Kinds of charge lines."""

    CONSUMPTION = "consumption"
    STANDING = "standing"
    TAX = "tax"


class LineKey(NamedTuple):
    """What one line adds up: block counts from 0; ``band`` is the tax's name on a tax line."""

    kind: str
    period: str
    version_id: str
    block: int
    band: str


NO_BLOCK: Final = -1


@dataclass(slots=True)
class Line:
    """Cumulative quantity of a line and what of it was settled.

    The quantity is Wh for consumption, days for standing, and for a tax the taxed sum in millionths of an
    amount, which is exact.
    """

    quantity: int = 0
    settled_quantity: int = 0
    settled: int = 0


@dataclass(slots=True)
class OpenSegment:
    """Energy of one meter in one slot on one line, not yet settled."""

    start: int
    end: int
    key: LineKey
    wh: int


@dataclass(slots=True)
class Rating:
    """Rating state of one supply: its lines, the energy used per block period, its open segments."""

    lines: dict[LineKey, Line] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    open: dict[str, list[OpenSegment]] = field(default_factory=dict)


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


@dataclass(frozen=True, slots=True)
class SettledLine:
    """What a settlement adds to one line."""

    key: LineKey
    quantity: int
    unit_price: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """Everything that one posting charges."""

    lines: tuple[SettledLine, ...]
    segments: tuple[Segment, ...]

    @property
    def total(self) -> int:
        """Return the sum of all lines."""
        return sum(line.amount for line in self.lines)


def allocate(rating: Rating, timeline: Timeline, meter_id: str, start: int, end: int, wh: int) -> None:
    """Spread energy of (start, end] linearly over time and put each part on its line.

    The cumulative energy is floored at every boundary (slot, band, local midnight, tariff version), blocks
    are cut where the ladder says. Energy of no duration belongs to the instant ``start``.
    """
    elapsed = end - start
    given, at = 0, start
    while True:
        version = timeline.at(at)
        span = span_at(version, at)
        until = min(next_slot(at), span.end, timeline.next_start(at) or end, max(end, at))
        upto = wh if until >= end else wh * (until - start) // elapsed
        _climb(rating, version, meter_id, OpenSegment(at, until, _key(version, at, span.band), upto - given))
        given, at = upto, until
        if at >= end:
            return


def _key(version: TariffVersion, at: int, band: str) -> LineKey:
    """Return the line of an instant and band, its block still open."""
    return LineKey(LineKind.CONSUMPTION, version.period(at), version.id, NO_BLOCK, band)


def _climb(rating: Rating, version: TariffVersion, meter_id: str, part: OpenSegment) -> None:
    """Put the energy of one span on its blocks, in order."""
    left, at = part.wh, part.start
    while left > 0:
        used = rating.used.get(part.key.period, 0)
        room = version.block_remaining(used)
        take = left if room is None else min(left, room)
        until = part.end if take == left else at + (part.end - at) * take // left
        key = part.key._replace(block=version.block_at(used))
        _add(rating, version, meter_id, OpenSegment(at, until, key, take))
        left, at = left - take, until


def _add(rating: Rating, version: TariffVersion, meter_id: str, part: OpenSegment) -> None:
    """Add energy to its line, its taxes and the meter's open segments."""
    rating.used[part.key.period] = rating.used.get(part.key.period, 0) + part.wh
    _line(rating, part.key).quantity += part.wh
    _tax(
        rating, version, part.key, TaxBase.CONSUMPTION, version.price(part.key.block, part.key.band) * part.wh
    )
    segments = rating.open.setdefault(meter_id, [])
    last = segments[-1] if segments else None
    if last is not None and last.key == part.key and last.start // SLOT_MS == part.start // SLOT_MS:
        last.end, last.wh = part.end, last.wh + part.wh
    else:
        segments.append(part)


def _line(rating: Rating, key: LineKey) -> Line:
    """Return a line, new if need be."""
    line = rating.lines.get(key)
    if line is None:
        line = rating.lines[key] = Line()
    return line


def _tax(rating: Rating, version: TariffVersion, key: LineKey, base: TaxBase, millionths: int) -> None:
    """Add to every tax that is raised on the base."""
    for tax in version.taxes:
        if base in tax.on:
            _line(rating, tax_key(key, tax.name)).quantity += millionths


def tax_key(key: LineKey, name: str) -> LineKey:
    """Return the tax line of a period and version."""
    return LineKey(LineKind.TAX, key.period, key.version_id, NO_BLOCK, name)


def standing_key(version: TariffVersion, day_start: int) -> LineKey:
    """Return the standing-charge line of a day."""
    return LineKey(LineKind.STANDING, version.period(day_start), version.id, NO_BLOCK, "")


def due(version: TariffVersion, key: LineKey, quantity: int) -> int:
    """Return the amount of a line at a cumulative quantity, rounded once, half to even."""
    if key.kind == LineKind.CONSUMPTION:
        return divide_half_even(version.price(key.block, key.band) * quantity, WH_PER_MWH)
    if key.kind == LineKind.STANDING:
        return version.standing_per_day * quantity
    rate = next(tax.rate_ppm for tax in version.taxes if tax.name == key.band)
    return divide_half_even(quantity * rate, WH_PER_MWH * PPM)


def accrued(rating: Rating, timeline: Timeline) -> int:
    """Return what has been used and not yet settled, priced."""
    return sum(
        due(timeline.version(key.version_id), key, line.quantity) - line.settled
        for key, line in rating.lines.items()
        if line.quantity != line.settled_quantity
    )


def has_closed(rating: Rating, at: int) -> bool:
    """Say whether some open segment's slot or line is over, so that it is to be settled."""
    return any(
        len(segments) > 1 or (segments and next_slot(segments[0].start) <= at)
        for segments in rating.open.values()
    )


def settle(rating: Rating, timeline: Timeline, *, upto: int | None = None) -> Settlement:
    """Close open segments and return what they add to each line.

    With ``upto`` only segments that no later reading can extend at that instant are closed; without it all.
    """
    sums: dict[LineKey, SettledLine] = {}
    segments: list[Segment] = []
    for meter_id, parts in sorted(rating.open.items()):
        closing, rating.open[meter_id] = _closing(parts, upto)
        segments.extend(_settle_segment(rating, timeline, meter_id, part, sums) for part in closing)
    rating.open = {meter_id: parts for meter_id, parts in rating.open.items() if parts}
    return Settlement(tuple(sums.values()), tuple(segments))


def _closing(parts: list[OpenSegment], upto: int | None) -> tuple[list[OpenSegment], list[OpenSegment]]:
    """Split a meter's open segments into those that close and the one that may still grow."""
    if upto is None or not parts or next_slot(parts[-1].start) <= upto:
        return parts, []
    return parts[:-1], parts[-1:]


def _settle_segment(
    rating: Rating, timeline: Timeline, meter_id: str, part: OpenSegment, sums: dict[LineKey, SettledLine]
) -> Segment:
    """Settle one consumption segment and its taxes."""
    version = timeline.version(part.key.version_id)
    price = version.price(part.key.block, part.key.band)
    amount = _settle_line(rating, version, part.key, part.wh, sums)
    tax = _settle_taxes(rating, version, part.key, TaxBase.CONSUMPTION, price * part.wh, sums)
    return Segment(LineKind.CONSUMPTION, meter_id, part.start, part.end, part.key, part.wh, amount, tax)


def _settle_taxes(
    rating: Rating,
    version: TariffVersion,
    key: LineKey,
    base: TaxBase,
    millionths: int,
    sums: dict[LineKey, SettledLine],
) -> int:
    """Settle the taxes raised on an amount and return their sum."""
    return sum(
        _settle_line(rating, version, tax_key(key, tax.name), millionths, sums)
        for tax in version.taxes
        if base in tax.on
    )


def _settle_line(
    rating: Rating, version: TariffVersion, key: LineKey, quantity: int, sums: dict[LineKey, SettledLine]
) -> int:
    """Settle a quantity of a line and return what it adds."""
    line = rating.lines[key]
    line.settled_quantity += quantity
    settled = due(version, key, line.settled_quantity)
    amount, line.settled = settled - line.settled, settled
    before = sums.get(key)
    sums[key] = SettledLine(
        key,
        quantity + (before.quantity if before else 0),
        unit_price(version, key),
        amount + (before.amount if before else 0),
    )
    return amount


def unit_price(version: TariffVersion, key: LineKey) -> int | None:
    """Return the amount per kWh or per day of a line before tax, or None for a tax."""
    if key.kind == LineKind.CONSUMPTION:
        return divide_half_even(version.price(key.block, key.band), 1000)
    return version.standing_per_day if key.kind == LineKind.STANDING else None


def charge_standing(rating: Rating, version: TariffVersion, day_start: int, day_end: int) -> Settlement:
    """Add the standing charge of one local day and settle it at once."""
    key = standing_key(version, day_start)
    sums: dict[LineKey, SettledLine] = {}
    millionths = version.standing_per_day * WH_PER_MWH
    _line(rating, key).quantity += 1
    _tax(rating, version, key, TaxBase.STANDING, millionths)
    amount = _settle_line(rating, version, key, 1, sums)
    tax = _settle_taxes(rating, version, key, TaxBase.STANDING, millionths, sums)
    segment = Segment(LineKind.STANDING, None, day_start, day_end, key, 0, amount, tax)
    return Settlement(tuple(sums.values()), (segment,))


def forget_periods(rating: Rating, keep_from: str) -> None:
    """Drop settled lines and ladders of periods before ``keep_from``; no reading can reach them any more."""
    rating.lines = {
        key: line
        for key, line in rating.lines.items()
        if key.period >= keep_from or line.quantity != line.settled_quantity
    }
    rating.used = {period: wh for period, wh in rating.used.items() if period >= keep_from}


def taxed_price(version: TariffVersion, block: int, band: str) -> int:
    """Return the price of a unit with its taxes, in millionths of an amount per MWh."""
    return version.price(block, band) * version.taxed_ppm(TaxBase.CONSUMPTION)


def price_per_kwh(version: TariffVersion, used_wh: int, band: str) -> int:
    """Return the amount per kWh of the next unit, taxes included, rounded half-even."""
    return divide_half_even(taxed_price(version, version.block_at(used_wh), band), PPM * 1000)


def units_for(version: TariffVersion, used_wh: int, band: str, amount: int) -> int | None:
    """Return the Wh that an amount buys from here through the blocks of one band; None if that has no end.

    Blocks that cost nothing are passed through for nothing.
    """
    bought, left = 0, max(amount, 0) * WH_PER_MWH * PPM
    while True:
        price = taxed_price(version, version.block_at(used_wh + bought), band)
        room = version.block_remaining(used_wh + bought)
        if room is None:
            return bought + left // price if price else None
        take = left // price if price else room
        if take < room:
            return bought + take
        bought, left = bought + room, left - room * price
