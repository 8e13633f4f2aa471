"""Where a supply stands on its ladder of blocks: what a household wants to see of an inclining price."""

from dataclasses import dataclass

from meter_bridge.core.money import divide_half_even
from meter_bridge.core.rating.rating import Rating, block_usage_of, marginal_price_of
from meter_bridge.core.tariff.tariff import EXACT_SCALE, TariffInterval, limits_in_period


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
