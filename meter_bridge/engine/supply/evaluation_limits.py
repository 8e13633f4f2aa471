"""Up to where nothing has to be decided: the margins that the fast path keeps to."""

from typing import Final

from meter_bridge.core.ledger.credit import state_change_levels
from meter_bridge.core.rating.rating import (
    BlockUsageKey,
    block_at,
    energy_to_next_block,
)
from meter_bridge.core.tariff.tariff import EXACT_SCALE
from meter_bridge.engine.ledger.credit import accrual, posted_credit
from meter_bridge.engine.state.model import UNLIMITED, Account, Supply

ROUNDING_MARGIN: Final = 16
"""Amount steps kept back for the rounding of lines, so that a threshold is never passed inside the lane."""


def compute_margins(account: Account, at: int) -> None:
    """Work out how much may be used before a threshold, the end of credit or a block has to be looked at."""
    posted = posted_credit(account)
    left = posted.balance - accrual(account)
    levels = (*account.policy.low_credit, *state_change_levels(account.policy.credit, posted))
    floors = [level for level in levels if level < left]
    spendable = left - max(floors) - ROUNDING_MARGIN if floors else None
    account.margin = UNLIMITED if spendable is None else max(spendable, 0) * EXACT_SCALE
    for supply in account.supplies:
        _compute_block_margin(supply, at)


def _compute_block_margin(supply: Supply, at: int) -> None:
    """Work out the energy until the next block, Wh; lanes in the block before end, and on another ladder."""
    interval = supply.timeline.interval_at(at)
    room, block = energy_to_next_block(supply.rating, interval), block_at(supply.rating, interval)
    usage_key = BlockUsageKey(interval.block_period, interval.schedule)
    supply.energy_to_next_block = UNLIMITED if room is None else room
    for meter in supply.meters:
        if meter.fast_path is None:
            continue
        if (meter.fast_path.segment.key.block, meter.fast_path.usage_key) != (block, usage_key):
            meter.leave_fast_path()
        else:
            meter.fast_path.set_limit()
