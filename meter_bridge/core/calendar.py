"""Local days, months and quarter hours of instants in milliseconds UTC.

A local day begins at the first instant whose local date is that day, also where midnight is skipped or
repeated by daylight saving time.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SLOT_MS: Final = 900_000
"""Length of the posting interval and of a segment: a quarter of an hour."""
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MINUTES_PER_DAY: Final = 1440


def local_time(at: int, zone: ZoneInfo) -> datetime:
    """Return the local wall-clock time of an instant, to the second."""
    return datetime.fromtimestamp(at // 1000, zone)


def local_day(at: int, zone: ZoneInfo) -> date:
    """Return the local date of an instant."""
    return local_time(at, zone).date()


@lru_cache(maxsize=4096)
def day_start(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a local day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return int(midnight.timestamp()) * 1000


def day_end(day: date, zone: ZoneInfo) -> int:
    """Return the first instant after a local day."""
    return day_start(day + timedelta(days=1), zone)


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def local_quarter_hour(at: int, zone: ZoneInfo) -> int:
    """Return the quarter hour of the local wall clock, 0 to 95."""
    time = local_time(at, zone)
    return time.hour * 4 + time.minute // 15


def next_slot(at: int) -> int:
    """Return the next quarter-hour instant after ``at``; every zone's offset in use is a multiple of it."""
    return (at // SLOT_MS + 1) * SLOT_MS


def iso(at: int) -> str:
    """Return an instant as ISO 8601 in UTC with milliseconds and ``Z``."""
    seconds, milliseconds = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
