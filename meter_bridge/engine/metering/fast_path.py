"""The fast lane: the part of the core's arithmetic in which nothing but quantities can change.

Between two instants and two quantities at which something may be decided (slot, band, block, day, threshold,
depletion) a reading only adds energy to one line and one segment. The lane does just that, with the same
result
as ``metering.advance`` and ``rating.allocate`` (a test holds them equal); every other reading takes the
full way.
"""

from meter_bridge.core.calendar import SLOT_MS, next_slot
from meter_bridge.core.clock import reading_instant
from meter_bridge.core.energy import max_energy_wh
from meter_bridge.core.rating.rating import (
    BlockUsageKey,
    LineKey,
    LineKind,
    OpenSegment,
    block_at,
    free_units_left,
    marginal_price_of,
    taxes_per_wh,
)
from meter_bridge.core.register.register import GRACE_MS
from meter_bridge.core.supply.alerts import is_normal as within, normal_range
from meter_bridge.core.tariff.tariff import TariffInterval
from meter_bridge.devices.base.driver import Report
from meter_bridge.engine.state.model import UNLIMITED, FastPath, Meter, Supply
from meter_bridge.engine.supply.protections import is_watched


def try_report(meter: Meter, report: Report, at: int) -> bool:
    """Take a report that tells only energy and ordinary values; if that was not possible, nothing changed.

    Whatever a report may say besides is left to the long way of ``metering``, to which this is a short cut.
    """
    fast_path, voltage, power = meter.fast_path, report.voltage_mv, report.power_mw
    if (
        fast_path is None
        or not fast_path.reports_only_energy
        or report.register_wh is None
        or report.stale
        or report.relay is not None
        or report.returned_wh is not None
        or report.boot_id is not None
        or report.online is False
        or meter.online is not True
        or (voltage is not None and not fast_path.lowest_mv <= voltage <= fast_path.highest_mv)
        or (power is not None and power > fast_path.highest_mw)
        or meter.relay.requested is not None
    ):
        return False
    measured = report.measured_at_ms
    when = at if measured is None else reading_instant(at, measured, buffered=report.buffered)
    if not try_reading(meter, report.register_wh, report.reset_marker, when):
        return False
    meter.last_seen = at
    meter.update_values(report)
    return True


def try_reading(meter: Meter, register_wh: int, witness: str | None, at: int) -> bool:
    """Take a reading on the lane and say whether that was possible; if not, nothing was changed."""
    fast_path = meter.fast_path
    if fast_path is None or at >= fast_path.valid_until or at < fast_path.at:
        return False
    if witness is not None and witness != fast_path.reset_marker:
        return False
    rise = register_wh - fast_path.wh
    if rise:
        if rise < 0 or not (
            register_wh < fast_path.limit_wh if fast_path.sole_meter else _within_margin(fast_path, rise)
        ):
            return False
        if rise > fast_path.always_possible_wh and rise > max_energy_wh(
            meter.plan.rating_w, at - fast_path.at + GRACE_MS
        ):
            return False
        fast_path.wh, fast_path.energy_at = register_wh, at
    fast_path.at, fast_path.unflushed = at, True
    if not fast_path.sole_meter:
        fast_path.flush()
    return True


def try_next_slot(meter: Meter, register_wh: int, witness: str | None, when: int, at: int) -> bool:
    """Take the first reading after the end of a slot, and go on in the next; False if nothing was changed.

    ``when`` is the instant of the reading, ``at`` that of its receipt. What was used before the end stays
    with the slot that is over, which is to be posted then.
    """
    fast_path = meter.fast_path
    if (
        fast_path is None
        or not fast_path.sole_meter
        or fast_path.supply.deferred_posting is not None
        or meter.tampered_at is not None
    ):
        return False
    end = fast_path.valid_until
    if end != next_slot(fast_path.segment.start) or not end < when <= at < min(
        end + SLOT_MS, fast_path.price_valid_until
    ):
        return False
    rise, elapsed = register_wh - fast_path.wh, when - fast_path.at
    if witness is not None and witness != fast_path.reset_marker:
        return False
    if (
        rise <= 0
        or register_wh >= fast_path.limit_wh
        or rise > max_energy_wh(meter.plan.rating_w, elapsed + GRACE_MS)
    ):
        return False
    fast_path.flush()
    before = rise * (end - fast_path.at) // elapsed
    fast_path.advance(before, end)
    fast_path.segment = OpenSegment(end, end, fast_path.segment.key, 0)
    fast_path.supply.rating.open_segments[meter.id].append(fast_path.segment)
    fast_path.advance(rise - before, when)
    fast_path.valid_until = min(next_slot(when), fast_path.price_valid_until)
    fast_path.drop_template()
    return True


def _within_margin(fast_path: FastPath, rise: int) -> bool:
    """Return whether a rise leaves something of the room that several meters use up."""
    return (
        rise < fast_path.supply.energy_to_next_block
        and rise * fast_path.cost_per_wh < fast_path.supply.account.margin
    )


def activate(meter: Meter, at: int) -> None:
    """Put a meter on its lane, if its newest open segment may still grow at this instant."""
    meter.leave_fast_path()
    supply, rating, register = meter.supply, meter.supply.rating, meter.register
    parts = rating.open_segments.get(meter.id)
    if register is None or not parts or next_slot(parts[-1].start) <= at:
        return
    if register.doubt is not None or register.ahead_ms:
        return
    interval = supply.timeline.interval_at(at)
    key = _plain_key(supply, interval)
    if parts[-1].key != key:
        return
    limits, calm = meter.plan.limits, not _needs_watching(meter)
    own_relay = meter.plan.relay_address in (None, meter.plan.energy_address)
    lowest, highest, most = normal_range(limits)
    meter.fast_path = FastPath(
        valid_until=min(next_slot(at), interval.end),
        price_valid_until=interval.end,
        supply=supply,
        register=register,
        segment=parts[-1],
        line=rating.lines[key],
        usage_key=BlockUsageKey(interval.block_period, interval.schedule),
        block_usage=rating.block_usage,
        taxes=tuple((tax.line, tax.per_wh) for tax in taxes_per_wh(rating, interval.version, key)),
        cost_per_wh=marginal_price_of(interval.version, key.block, key.band),
        always_possible_wh=max_energy_wh(meter.plan.rating_w, GRACE_MS),
        limits=limits,
        lowest_mv=lowest,
        highest_mv=UNLIMITED if highest is None else highest,
        highest_mw=UNLIMITED if most is None else most,
        nothing_watched=calm,
        reports_only_energy=calm and own_relay,
        reset_marker=register.witness,
        wh=register.watermark_wh,
        at=register.at,
        energy_at=register.at,
        flushed_wh=register.watermark_wh,
    )
    meter.fast_path.set_limit()


def _needs_watching(meter: Meter) -> bool:
    """Return whether an alarm or a guard waits for the meter's next values, however ordinary."""
    return meter.voltage_alarm is not None or meter.overloaded or is_watched(meter.supply.account)


def needs_no_check(meter: Meter, report: Report) -> bool:
    """Say quickly whether neither alarms nor guards have to see a report."""
    fast_path = meter.fast_path
    calm, limits = (
        (not _needs_watching(meter), meter.plan.limits)
        if fast_path is None
        else (fast_path.nothing_watched, fast_path.limits)
    )
    return calm and within(limits, report.voltage_mv, report.power_mw)


def _plain_key(supply: Supply, interval: TariffInterval) -> LineKey | None:
    """Return the line on which the next unit goes, or None where more than that line would change."""
    version, rating = interval.version, supply.rating
    if (
        interval.has_period_to_date
        or rating.lots
        or free_units_left(rating, interval)
        or interval.period in rating.energy_history
    ):
        return None
    block = block_at(rating, interval)
    return LineKey(LineKind.CONSUMPTION, interval.period, version.id, block, interval.band)
