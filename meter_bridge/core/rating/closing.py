"""Settlement: closing what was used and returning what that adds to each line."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from meter_bridge.core.calendar import next_slot
from meter_bridge.core.rating.period_to_date import refresh_period
from meter_bridge.core.rating.rating import (
    TAX_KINDS,
    ChargedLine,
    Charges,
    Line,
    LineKey,
    LineKind,
    OpenSegment,
    Rating,
    Segment,
    amount_due,
    line_for,
    taxes_per_wh,
    unit_price,
)
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline


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
    """Return what a line would be charged for so much more of its quantity."""
    of = line_for(rating, key)
    return (
        amount_due(timeline.version(key.version_id), key, of.settled_quantity + quantity) - of.settled_amount
    )


def close_segments(rating: Rating, timeline: Timeline, *, upto: int | None = None) -> Charges:
    """Close open segments and return what they add to each line.

    With ``upto`` only segments that no later reading can extend at that instant are closed; without it all.
    """
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
    """Settle one segment of energy and its taxes."""
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
