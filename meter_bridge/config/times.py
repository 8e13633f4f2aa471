"""Readers of dates, times of day, weekdays and time zones."""

from datetime import date, datetime, time
from functools import cache
import re
from typing import Final, NamedTuple
from zoneinfo import available_timezones

from meter_bridge.config.scalars import Wrong, meant, reader
from meter_bridge.core.bands import EVERY_DAY, WEEKDAYS
from meter_bridge.core.calendar import MINUTES_PER_DAY

FIRST_YEAR, LAST_YEAR = 2000, 2199

_TIME: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_START: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}))?")


class Start(NamedTuple):
    """A local date, or a date with a time of day, at which something begins."""

    day: date
    at: time | None

    def __str__(self) -> str:
        """Return the one spelling that ids use; midnight is the day itself."""
        return self.day.isoformat() if self.at is None else f"{self.day.isoformat()}T{self.at:%H:%M}"


@reader
def minute_of_day(value: str) -> int:
    """Read a time of day; returns its minute, 1440 for 24:00."""
    found = _TIME.fullmatch(value)
    minute = int(found[1]) * 60 + int(found[2]) if found else MINUTES_PER_DAY + 1
    if minute > MINUTES_PER_DAY:
        remedy = 'write hours and minutes with two digits each, such as "06:00"'
        raise Wrong(f"{value!r} is not a time of day", remedy)
    return minute


@reader
def weekdays(value: str) -> frozenset[int]:
    """Read days such as ``mon-fri``, ``sat, sun`` or ``every day``; Monday is 0."""
    if value == "every day":
        return EVERY_DAY
    days: set[int] = set()
    for part in value.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        start, end = _weekday(first), _weekday(last if dash else first)
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(days)


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise Wrong(f"{name!r} is not a day", "write days like mon-fri, or sat, sun, or every day")
    return WEEKDAYS.index(name)


@reader
def start(value: str) -> Start:
    """Read a local date, or a local date-time to the minute."""
    found = _START.fullmatch(value)
    try:
        moment = datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}") if found else None
    except ValueError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        remedy = f"write it like 2026-07-01 or 2026-07-01 06:00, between {FIRST_YEAR} and {LAST_YEAR}"
        raise Wrong(f"{value!r} is not a date", remedy)
    midnight = moment.time() == time(0)
    return Start(moment.date(), None if midnight else moment.time())


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@reader
def time_zone(value: str) -> str:
    """Read the name of a time zone of the IANA database."""
    if value not in _time_zones():
        remedy = meant(value, _time_zones(), "write a name such as Africa/Johannesburg or Europe/Berlin")
        raise Wrong(f"{value!r} is not a known time zone", remedy)
    return value
