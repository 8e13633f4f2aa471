"""What meters showed when energy was posted: the way back from a charge to the readings it came from."""

from collections.abc import Collection, Sequence

from meter_bridge.core.rating.rating import Segment
from meter_bridge.engine.state.model import Meter, ReadingNote, Supply


def newest_readings(supply: Supply, posted: Collection[str | None]) -> dict[str, ReadingNote]:
    """Return the newest reading of every meter that has a part in what is posted."""
    return {
        meter.id: (meter.register.at, meter.register.watermark_wh, meter.register.epoch)
        for meter in supply.meters
        if meter.id in posted and meter.register is not None
    }


def register_ends(supply: Supply, segments: Sequence[Segment]) -> list[int | None]:
    """Return what the meter's register showed at the end of each segment, linear between two readings.

    Counted back from the newest reading over all that was used since. None where that leads to before the
    counter began, and for what no meter counted.
    """
    unposted = supply.rating.open_segments
    back = {meter.id: sum(part.wh for part in unposted.get(meter.id, ())) for meter in supply.meters}
    meters = {meter.id: meter for meter in supply.meters}
    ends: list[int | None] = []
    for segment in reversed(segments):
        meter = meters.get(segment.meter_id or "")
        if meter is None:
            ends.append(None)
            continue
        ends.append(_register_before(meter, back[meter.id], segment.wh))
        back[meter.id] += segment.wh
    return ends[::-1]


def _register_before(meter: Meter, back_wh: int, wh: int) -> int | None:
    """Return the register ``wh`` earlier, or None if it did not count the whole segment."""
    register = meter.register
    if register is None:
        return None
    counted = register.watermark_wh + register.turned_wh - back_wh
    if counted - wh < register.start_wh:
        return None
    if counted >= register.turned_wh:
        return counted - register.turned_wh
    modulus = meter.plan.register_modulus_wh
    return None if modulus is None else counted % modulus
