"""The period of a statement, from what a person wrote."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
import re
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_end, day_start, local_day, month_of, next_month
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,3})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
ACCEPTED_FORMS: Final = "a month (2026-11), a local day (2026-11-01) or an instant (2026-11-01T10:00:00Z)"
_YEARS: Final = range(1971, 9000)
"""Years whose instants every zone and every column can hold."""


@dataclass(frozen=True, slots=True)
class Period:
    """Instants from ``start`` up to and without ``end``."""

    start: int
    end: int

    def days(self, zone: ZoneInfo) -> tuple[date, date]:
        """Return the local days of the first and the last instant."""
        return local_day(self.start, zone), local_day(self.end - 1, zone)


def parse_period(begin: str | None, end: str | None, *, now: int, zone: ZoneInfo) -> Period:
    """Return the period from ``begin`` to ``end``, days and months as whole local ones, the last included.

    Without ``begin`` it starts with the month of its last day. Without ``end`` it lasts until the end of
    today, or of this month where ``begin`` is missing as well. Raises ``RequestRefused``.
    """
    stop = _default_end(begin, now, zone) if end is None else _parse_span("to", end, zone).end
    month = month_of(local_day(stop - 1, zone))
    start = day_start(month, zone) if begin is None else _parse_span("from", begin, zone).start
    if start > now:
        raise _refused(
            "the period begins in the future",
            field="from",
            value=begin or end,
            remedy="let it begin today or before",
        )
    if start >= stop:
        raise _refused(
            "the period ends before it begins",
            field="to" if end is not None else "from",
            value=end or begin,
            remedy="give a 'to' that is not before 'from'; a day or month as 'to' is included",
        )
    return Period(start, stop)


def period_within(period: Period, start: int, end: int | None, value: str | None) -> Period:
    """Return the part of a period that lies in a tenancy; raises ``RequestRefused`` if none does."""
    if period.end <= start:
        raise _refused(
            "the period ends before the customer moved in",
            field="from",
            value=value,
            remedy="ask for a later one",
        )
    if end is not None and period.start >= end:
        raise _refused(
            "the period begins after the customer moved out",
            field="from",
            value=value,
            remedy="ask for an earlier one",
        )
    stop = period.end if end is None else min(period.end, end)
    return Period(max(period.start, start), stop)


def _default_end(begin: str | None, now: int, zone: ZoneInfo) -> int:
    """Return the end of this month, or of today if a beginning was given."""
    today = local_day(now, zone)
    return day_start(next_month(month_of(today)), zone) if begin is None else day_end(today, zone)


def _parse_span(field: str, text: str, zone: ZoneInfo) -> Period:
    """Return the whole month or day that a text names, or an instant without duration."""
    try:
        if _MONTH.fullmatch(text):
            month = _in_range(date.fromisoformat(f"{text}-01"))
            return Period(day_start(month, zone), day_start(next_month(month), zone))
        if _DAY.fullmatch(text):
            day = _in_range(date.fromisoformat(text))
            return Period(day_start(day, zone), day_end(day, zone))
        if _INSTANT.fullmatch(text):
            at = _milliseconds(datetime.fromisoformat(text))
            return Period(at, at)
    except ValueError as error:
        raise _unreadable(field, text) from error
    raise _unreadable(field, text)


def _in_range(day: date) -> date:
    if day.year not in _YEARS:
        raise ValueError(f"year {day.year}")
    return day


def _milliseconds(time: datetime) -> int:
    """Return exact milliseconds since 1970 UTC."""
    _in_range(time.date())
    elapsed = time.astimezone(UTC) - datetime.fromtimestamp(0, UTC)
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000


def _unreadable(field: str, text: str) -> RequestRefused:
    remedy = f"write {ACCEPTED_FORMS}"
    if " " in text:
        remedy += "; in an address a plus sign is written %2B"
    return _refused(f"'{field}' names no time", field=field, value=text, remedy=remedy)


def _refused(message: str, *, field: str, value: str | None, remedy: str) -> RequestRefused:
    return RequestRefused(ErrorCode.BAD_REQUEST, message, field=field, value=value, remedy=remedy)
