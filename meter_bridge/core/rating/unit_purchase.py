"""Units bought at the top-up (purchase-time blocks, as South African municipalities sell them).

A purchase climbs the ladder of the units bought in the block period and pays each block's price with taxes at
once. The units are kept in lots, oldest used first; a later price changes nothing of them.
"""

from dataclasses import dataclass, replace

from meter_bridge.core.rating.period_to_date import ChargesBuilder
from meter_bridge.core.rating.rating import (
    NO_BLOCK,
    BlockUsageKey,
    Charges,
    LineKey,
    LineKind,
    Lot,
    Rating,
    Segment,
    line_for,
    marginal_price_of,
    taxes_per_wh,
    wh_for_amount,
)
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    BlockBasis,
    TariffInterval,
    Timeline,
    limits_in_period,
)


@dataclass(frozen=True, slots=True)
class Purchase:
    """What a sum of money bought: the charge that paid it, and the units."""

    charges: Charges
    wh: int


NO_PURCHASE = Purchase(Charges((), ()), 0)


def sells_units(timeline: Timeline, at: int) -> bool:
    """Return whether the tariff in force sells units at the top-up."""
    return timeline.at(at).basis is BlockBasis.PURCHASE_TIME


def purchase_units(rating: Rating, timeline: Timeline, at: int, money: int, lot_id: str) -> Purchase:
    """Buy as many whole Wh as the money pays; free units are not bought, and a price of zero buys nothing."""
    interval = timeline.interval_at(at)
    wh = _affordable_wh(rating, interval, money)
    while wh > 0:
        attempt = trial_copy(rating)
        purchase = _buy(attempt, timeline, interval, at, wh, lot_id)
        if purchase.charges.total <= money:
            rating.lines, rating.block_usage, rating.lots = attempt.lines, attempt.block_usage, attempt.lots
            rating.tax_parts = attempt.tax_parts
            return purchase
        wh -= 1  # lines are rounded one by one, which may cost a step more than the exact sum
    return NO_PURCHASE


def _affordable_wh(rating: Rating, interval: TariffInterval, money: int) -> int:
    free = replace(rating.terms, free_units=False)
    without = Rating(block_usage=rating.block_usage, terms=free)
    return wh_for_amount(without, interval, money) or 0


def trial_copy(rating: Rating) -> Rating:
    """Return a rating whose lines, ladders and lots can be changed for a trial."""
    lines = {key: replace(each) for key, each in rating.lines.items()}
    lots = [replace(lot) for lot in rating.lots]
    return replace(rating, lines=lines, block_usage=dict(rating.block_usage), lots=lots, tax_parts={})


def _buy(
    rating: Rating, timeline: Timeline, interval: TariffInterval, at: int, wh: int, lot_id: str
) -> Purchase:
    builder = ChargesBuilder()
    bought = line_for(
        rating, LineKey(LineKind.PURCHASE, interval.period, interval.version.id, NO_BLOCK, interval.band)
    )
    bought.quantity += wh
    bought.settled_quantity += wh
    for block, part in _purchase_blocks(rating, interval, wh):
        key = LineKey(LineKind.CONSUMPTION, interval.period, interval.version.id, block, interval.band)
        each = line_for(rating, key)
        each.quantity += part
        each.settled_quantity += part
        for tax in taxes_per_wh(rating, interval.version, key):
            tax.line.quantity += tax.per_wh * part
            tax.line.settled_quantity += tax.per_wh * part
        amount = builder.add_line(rating, timeline, key, part)
        taxes = builder.add_taxes(rating, timeline, key.period, key.version_id)
        builder.segments.append(Segment(LineKind.PURCHASE, None, at, at, key, 0, amount, taxes))
        rating.lots.append(Lot(lot_id, part, marginal_price_of(interval.version, block, interval.band)))
    return Purchase(builder.build(timeline), wh)


def _purchase_blocks(rating: Rating, interval: TariffInterval, wh: int) -> list[tuple[int, int]]:
    usage_key = BlockUsageKey(interval.block_period, interval.counter)
    low = rating.block_usage.get(usage_key, 0)
    high = rating.block_usage[usage_key] = low + wh
    ends = (
        *limits_in_period(interval.version, interval.schedule, interval.block_period, rating.terms.started),
        high,
    )
    parts: list[tuple[int, int]] = []
    for block, end in enumerate(ends):
        part = min(high, max(end, low)) - low
        if part > 0:
            parts.append((block, part))
            low += part
    return parts


def return_units(rating: Rating, lot_id: str) -> tuple[int, int]:
    """Take back a purchase's unused units; return Wh and cost, rounded down. The ladder stays climbed."""
    kept = [lot for lot in rating.lots if lot.id != lot_id]
    taken = [lot for lot in rating.lots if lot.id == lot_id]
    rating.lots = kept
    return sum(lot.wh for lot in taken), sum(lot.wh * lot.value_per_wh for lot in taken) // EXACT_SCALE
