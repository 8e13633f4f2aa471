"""The fast lane: the part of the core's arithmetic in which nothing but quantities can change.

Between two instants and two quantities at which something may be decided (slot, band, block, day, threshold,
depletion) a reading only adds energy to one line and one segment. The lane does just that, with the same
result
as ``metering.advance`` and ``rating.allocate`` (a test holds them equal); every other reading takes the
full way.
"""

from typing import Final

from meter_bridge.core.alerts import unremarkable as within
from meter_bridge.core.calendar import next_slot
from meter_bridge.core.credit import watched_levels
from meter_bridge.core.energy import possible_wh
from meter_bridge.core.metering import GRACE_MS
from meter_bridge.core.rating import (
    LineKey,
    LineKind,
    Rung,
    block_at,
    block_room,
    free_left,
    taxed_price,
    taxes_per_wh,
)
from meter_bridge.core.tariff import EXACT, Stretch
from meter_bridge.devices.driver import Report
from meter_bridge.engine.credit import accrual, posted_credit
from meter_bridge.engine.protecting import watched
from meter_bridge.engine.state import UNLIMITED, Account, Lane, Meter, Supply

MARGIN: Final = 16
"""Amount steps kept back for the rounding of lines, so that a threshold is never passed inside the lane."""


def follow(meter: Meter, register_wh: int, witness: str | None, at: int) -> bool:
    """Take a reading on the lane and say whether that was possible; if not, nothing was changed."""
    lane, register = meter.lane, meter.register
    if lane is None or register is None or at >= lane.until or at < register.at:
        return False
    rise = register_wh - register.watermark_wh
    if rise == 0:
        return _stand_still(meter, witness, at)
    supply, account = meter.supply, meter.supply.account
    cost = rise * lane.cost_per_wh
    if rise < 0 or rise >= supply.block_room or cost >= account.room:
        return False
    if rise > lane.sure_wh and rise > possible_wh(meter.plan.rating_w, at - register.at + GRACE_MS):
        return False
    if register.doubt is not None or (witness is not None and witness != register.witness):
        return False
    supply.block_room -= rise
    account.room -= cost
    register.watermark_wh, register.at = register_wh, at
    segment = lane.segment
    segment.end, segment.wh = at, segment.wh + rise
    lane.line.quantity += rise
    for line, per_wh in lane.taxes:
        line.quantity += per_wh * rise
    lane.used[lane.rung] += rise
    return True


def _stand_still(meter: Meter, witness: str | None, at: int) -> bool:
    """Take a reading without energy."""
    register = meter.register
    if (
        register is None
        or register.doubt is not None
        or (witness is not None and witness != register.witness)
    ):
        return False
    register.at = at
    return True


def enter(meter: Meter, at: int) -> None:
    """Put a meter on its lane, if its newest open segment may still grow at this instant."""
    supply, rating = meter.supply, meter.supply.rating
    meter.lane = None
    parts = rating.open.get(meter.id)
    if not parts or next_slot(parts[-1].start) <= at:
        return
    stretch = supply.timeline.stretch(at)
    key = _plain_key(supply, stretch)
    if parts[-1].key != key:
        return
    meter.lane = Lane(
        until=min(next_slot(at), stretch.end),
        segment=parts[-1],
        line=rating.lines[key],
        rung=Rung(stretch.block_period, stretch.ladder),
        used=rating.used,
        taxes=tuple((tax.line, tax.per_wh) for tax in taxes_per_wh(rating, stretch.version, key)),
        cost_per_wh=taxed_price(stretch.version, key.block, key.band),
        sure_wh=possible_wh(meter.plan.rating_w, GRACE_MS),
        limits=meter.plan.limits,
        calm=not _watched(meter),
    )


def _watched(meter: Meter) -> bool:
    """Say whether an alarm or a guard waits for the meter's next values, however ordinary."""
    return meter.voltage_alarm is not None or meter.overloaded or watched(meter.supply.account)


def unremarkable(meter: Meter, report: Report) -> bool:
    """Say quickly whether neither alarms nor guards have to see a report."""
    lane = meter.lane
    calm, limits = (not _watched(meter), meter.plan.limits) if lane is None else (lane.calm, lane.limits)
    return calm and within(limits, report.voltage_mv, report.power_mw)


def _plain_key(supply: Supply, stretch: Stretch) -> LineKey | None:
    """Return the line on which the next unit goes, or None where more than that line would change."""
    version, rating = stretch.version, supply.rating
    if stretch.derived or rating.lots or free_left(rating, stretch) or stretch.period in rating.history:
        return None
    block = block_at(rating, stretch)
    return LineKey(LineKind.CONSUMPTION, stretch.period, version.id, block, stretch.band)


def measure_room(account: Account, at: int) -> None:
    """Work out how much may be used before a threshold, the end of credit or a block has to be looked at."""
    posted = posted_credit(account)
    left = posted.balance - accrual(account)
    levels = (*account.policy.low_credit, *watched_levels(account.policy.credit, posted))
    floors = [level for level in levels if level < left]
    spendable = left - max(floors) - MARGIN if floors else None
    account.room = UNLIMITED if spendable is None else max(spendable, 0) * EXACT
    for supply in account.supplies:
        _measure_block(supply, at)


def _measure_block(supply: Supply, at: int) -> None:
    """Work out the energy until the next block, Wh; lanes in the block before end, and on another ladder."""
    stretch = supply.timeline.stretch(at)
    room, block = block_room(supply.rating, stretch), block_at(supply.rating, stretch)
    rung = Rung(stretch.block_period, stretch.ladder)
    supply.block_room = UNLIMITED if room is None else room
    for meter in supply.meters:
        if meter.lane is not None and (meter.lane.segment.key.block, meter.lane.rung) != (block, rung):
            meter.lane = None
