"""The energy on record, as loads for a pricer."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from dashboard.pricing.pricer import Pricer
from meter_bridge.core.calendar import day_start, local_day, next_month
from meter_bridge.core.tariff.tariff import DemandOf, Timeline

_NUMBERS: Final = pa.schema([("account_id", pa.string()), ("unit", pa.int32())])
# The days are the site's, which may be others than those of the tariff's zone: a day on each side is enough.
_SEGMENTS: Final = """
    SELECT c.unit, s.start_ms, s.end_ms, s.wh
    FROM segment s JOIN chosen c ON c.account_id = s.account_id
    WHERE s.wh > 0 AND s.local_day >= getvariable('first_day') AND s.local_day < getvariable('end_day')
      AND s.start_ms >= getvariable('start_ms') AND s.start_ms < getvariable('stop_ms')"""


# A part of a day lies in one band without a gap: where it begins says in which run all of it is.
_PARTS: Final = """
    SELECT c.unit, r.start_ms, r.start_ms AS end_ms, r.wh
    FROM rollup r JOIN chosen c ON c.account_id = r.account_id
    WHERE r.wh > 0 AND r.local_day >= getvariable('first_day') AND r.local_day < getvariable('end_day')
      AND r.start_ms >= getvariable('start_ms') AND r.start_ms < getvariable('stop_ms')"""


class TimeSpan(NamedTuple):
    """The time [start, end), milliseconds UTC."""

    start: int
    end: int


def can_use_daily_sums(wanted: Timeline, charged: Timeline) -> bool:
    """Return whether daily sums by band, as ``charged`` divided days, are enough to price ``wanted``.

    They are where no band of the wanted price lists begins or ends within a band of those that were charged,
    no version begins within a day, and no greatest demand is asked for.
    """
    calendars = {version.calendar for version in charged.versions}
    return all(
        (version.calendar in calendars and len(calendars) == 1)
        or (len(version.bands) == 1 and {each.time_zone for each in calendars} == {version.time_zone})
        for version in wanted.versions
    ) and all(
        (version.demand is None or version.demand.of is not DemandOf.MAXIMUM)
        and version.valid_from in (0, day_start(local_day(version.valid_from, version.zone), version.zone))
        for version in wanted.versions
    )


def add_days(pricer: Pricer, numbers: Mapping[str, int], span: TimeSpan, zone: ZoneInfo) -> None:
    """Add the daily sums of some accounts to a pricer; for those whose ``can_use_daily_sums``."""
    chosen = pa.table({"account_id": list(numbers), "unit": list(numbers.values())}, schema=_NUMBERS)
    pricer.register("chosen", chosen)
    first, end = local_day(span.start, zone), local_day(span.end, zone) + timedelta(days=1)
    pricer.set_variables(first_day=first, end_day=end, start_ms=span.start, stop_ms=span.end)
    pricer.add(_PARTS, in_order=True)


def add_segments(
    pricer: Pricer,
    numbers: Mapping[str, int],
    span: TimeSpan,
    zone: ZoneInfo,
    progress: Callable[[float], None],
) -> None:
    """Add the segments of some accounts to a pricer, a month at a time."""
    chosen = pa.table({"account_id": list(numbers), "unit": list(numbers.values())}, schema=_NUMBERS)
    months = _months(span, zone)
    pricer.register("chosen", chosen)
    for done, (first, end) in enumerate(months, 1):
        begin, stop = span
        pricer.set_variables(first_day=first, end_day=end, start_ms=begin, stop_ms=stop)
        pricer.add(_SEGMENTS)
        progress(done / len(months))


def _months(span: TimeSpan, zone: ZoneInfo) -> list[tuple[date, date]]:
    """Return the parts of a span, each within a calendar month, as first day and first day after it."""
    first = local_day(span.start, zone) - timedelta(days=1)
    end = local_day(span.end, zone) + timedelta(days=2)
    parts: list[tuple[date, date]] = []
    while first < end:
        following = min(next_month(first), end)
        parts.append((first, following))
        first = following
    return parts
