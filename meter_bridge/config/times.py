"""Readers of dates, times of day, weekdays and time zones."""

from datetime import date, datetime, time
from functools import cache
import re
from typing import Final, NamedTuple
from zoneinfo import available_timezones

from meter_bridge.config.problems import invalid, suggest
from meter_bridge.config.scalars import reader
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.tariff.bands import EVERY_DAY, HOLIDAY, WEEKDAYS

FIRST_YEAR, LAST_YEAR = 2000, 2199
HOLIDAYS: Final = "holidays"

_TIME: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])")
_START: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}))?")
_DAY_OF_YEAR: Final = re.compile(r"([0-9]{2})-([0-9]{2})")
_LEAP_YEAR: Final = 2024


class Start(NamedTuple):
    """A local date, or a date with a time of day, at which something starts."""

    day: date
    at: time | None

    def __str__(self) -> str:
        """Return the one spelling that ids use; midnight is the day itself."""
        return self.day.isoformat() if self.at is None else f"{self.day.isoformat()}T{self.at:%H:%M}"


@reader
def minute_of_day(value: str) -> int:
    """Read a time of day; returns its minute, 1440 for 24:00."""
    match = _TIME.fullmatch(value)
    minute = int(match[1]) * 60 + int(match[2]) if match else MINUTES_PER_DAY + 1
    if minute > MINUTES_PER_DAY:
        remedy = 'write hours and minutes with two digits each, such as "06:00"'
        raise invalid(f"{value!r} is not a time of day", remedy)
    return minute


def _weekdays(value: str) -> frozenset[int]:
    """Return days such as ``mon-fri``, ``sat, sun`` or ``every day``; Monday is 0."""
    if value == "every day":
        return EVERY_DAY
    days: set[int] = set()
    for part in value.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        start, end = _weekday(first), _weekday(last if dash else first)
        days.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(days)


def days(value: object, _currency: str | None = None, /) -> frozenset[int]:
    """Read days such as ``mon-fri`` and ``sat, holidays``, or a list of such; a holiday is 7."""
    if isinstance(value, list) and value:
        return frozenset(day_type for part in value for day_type in _days(part))
    return _days(value)


@reader
def _days(value: str) -> frozenset[int]:
    parts = [part.strip() for part in value.split(",")]
    named = ",".join(part for part in parts if part != HOLIDAYS)
    days = _weekdays(named) if named or HOLIDAYS not in parts else frozenset()
    return days | {HOLIDAY} if HOLIDAYS in parts else days


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        remedy = "write days like mon-fri, or sat, sun, or holidays, or every day"
        raise invalid(f"{name!r} is not a day", remedy)
    return WEEKDAYS.index(name)


weekday: Final = reader(_weekday)
"""Reads one day of the week; Monday is 0."""


@reader
def day(value: str) -> date:
    """Read a local date."""
    moment = start(value)
    if moment.at is not None or len(value) != len("2026-12-24"):
        raise invalid(f"{value!r} is not a date without a time", "write it like 2026-12-24")
    return moment.day


@reader
def day_of_year(value: str) -> int:
    """Read a day of every year, month first; returns month x 100 + day."""
    match = _DAY_OF_YEAR.fullmatch(value)
    month, number = (int(match[1]), int(match[2])) if match else (0, 0)
    try:
        date(_LEAP_YEAR, month, number)
    except ValueError:
        raise invalid(f"{value!r} is not a day of the year", "write month and day like 06-01") from None
    return month * 100 + number


@reader
def start(value: str) -> Start:
    """Read a local date, or a local date-time to the minute."""
    match = _START.fullmatch(value)
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}") if match else None
    except ValueError:
        moment = None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        remedy = f"write it like 2026-07-01 or 2026-07-01 06:00, between {FIRST_YEAR} and {LAST_YEAR}"
        raise invalid(f"{value!r} is not a date", remedy)
    midnight = moment.time() == time(0)
    return Start(moment.date(), None if midnight else moment.time())


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


@reader
def time_zone(value: str) -> str:
    """Read the name of a time zone of the IANA database."""
    if value not in _time_zones():
        remedy = suggest(value, _time_zones(), "write a name such as Africa/Johannesburg or Europe/Berlin")
        raise invalid(f"{value!r} is not a known time zone", remedy)
    return value
