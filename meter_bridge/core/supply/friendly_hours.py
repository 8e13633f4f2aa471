"""Friendly hours: the non-disconnection calendar, and the grace after it.

Inside it used-up credit cuts nothing. It is the sum of what it names: weekly windows, windows on public
holidays, and single dates from midnight to midnight. A holiday only ever adds to the windows of its weekday.
A grace (GB: interrupt suspend time) lets the cut wait a little longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from meter_bridge.core.calendar import DAY_MS, local_day
from meter_bridge.core.tariff.bands import HOLIDAY, Band, BandCalendar, BandSpan, Window

MAX_GRACE_MS: Final = DAY_MS
_FRIENDLY: Final = "friendly"
_WHOLE_DAY: Final = Window(frozenset({HOLIDAY}), 0, 0)
_SEARCH_MS: Final = 100 * DAY_MS
"""How far an end is looked for; a calendar without one is refused where it is written."""
_NEXT_SEARCH_MS: Final = 35 * DAY_MS
"""How far the next friendly hours are looked for."""


class FriendlyPeriod(NamedTuple):
    """Until when used-up credit does not cut; ``grace`` once the friendly hours themselves are over."""

    until: int
    in_grace: bool


@dataclass(frozen=True, slots=True)
class FriendlyHours:
    """A non-disconnection calendar, in local time."""

    windows: tuple[Window, ...] = ()
    holidays: tuple[date, ...] = ()
    """Public holidays, in order, as they were resolved when the policy was applied."""
    dates: tuple[date, ...] = ()
    """Single days that are friendly from midnight to midnight."""
    grace_ms: int = 0
    """How long after their end a cut still waits."""


def friendly_period(hours: FriendlyHours, at: int, time_zone: str) -> FriendlyPeriod | None:
    """Return until when used-up credit does not cut at an instant, or None where it cuts at once."""
    calendars = _calendars(hours, time_zone)
    friendly = _friendly_until(calendars, at) is not None
    if not friendly and not hours.grace_ms:
        return None
    horizon = at + _SEARCH_MS
    end = _latest_end(calendars, at, horizon)
    if end is None or end + hours.grace_ms <= at:
        return None
    while end < horizon:
        later = _latest_end(calendars, end + hours.grace_ms, horizon)
        if later is None or later <= end:
            break
        end = later
    return FriendlyPeriod(end + hours.grace_ms, in_grace=not friendly)


def friendly_span(hours: FriendlyHours, at: int, time_zone: str) -> tuple[int, int] | None:
    """Return start and end of the friendly hours around an instant, or else of the next; no grace counts.

    None where there are none within the weeks that are looked at; where they never end, the end is as far as
    was looked.
    """
    calendars = _calendars(hours, time_zone)
    start, horizon = at, at + _NEXT_SEARCH_MS
    while start < horizon and _friendly_until(calendars, start) is None:
        start = min((calendar.at(start).end for calendar in calendars), default=horizon)
    if start >= horizon:
        return None
    end = start
    while end < horizon and (later := _friendly_until(calendars, end)) is not None:
        end = later
    return (_start_of(calendars, start), end) if start == at else (start, end)


def _start_of(calendars: tuple[BandCalendar, ...], at: int) -> int:
    began = at
    for _ in range(4 * len(calendars)):
        starts = [span.start for calendar in calendars if (span := calendar.at(began)).band == _FRIENDLY]
        began = min(starts)
        if _friendly_until(calendars, began - 1) is None:
            break
        began -= 1
    return began


def longest_friendly_period(hours: FriendlyHours, start: int, end: int, time_zone: str) -> int | None:
    """Return the longest time that used-up credit does not cut, begun in [start, end); None if endless."""
    calendars = _calendars(hours, time_zone)
    longest, at = 0, start
    while calendars and at < end:
        spared = friendly_period(hours, at, time_zone)
        until = min(calendar.at(at).end for calendar in calendars) if spared is None else spared.until
        longest = longest if spared is None else max(longest, until - at)
        at = until
    return longest if longest < end - start else None


@lru_cache(maxsize=1024)
def _calendars(hours: FriendlyHours, time_zone: str) -> tuple[BandCalendar, ...]:
    """Return calendars; an instant is friendly if it is in any of them."""
    weekly = tuple(replace(window, days=window.days - {HOLIDAY}) for window in hours.windows)
    special = tuple(window for window in hours.windows if HOLIDAY in window.days)
    parts = ((weekly, ()), (special, hours.holidays), ((_WHOLE_DAY,), hours.dates))
    return tuple(
        BandCalendar(time_zone, (Band(_FRIENDLY, windows), Band("", (), rest=True)), holidays=days)
        for windows, days in parts
        if windows and (days or windows is weekly)
    )


def _friendly_until(calendars: tuple[BandCalendar, ...], at: int) -> int | None:
    """Return the end of the friendly stretch within the local day; None outside friendly hours."""
    ends = [span.end for calendar in calendars if (span := calendar.at(at)).band == _FRIENDLY]
    return max(ends, default=None)


def _latest_end(calendars: tuple[BandCalendar, ...], at: int, horizon: int) -> int | None:
    """Return when the friendly hours around an instant end, or when the last ones ended.

    Looks back a day, the longest grace, and ahead to the horizon.
    """
    end = at
    while end < horizon and (later := _friendly_until(calendars, end)) is not None:
        end = later
    if end > at:
        return end
    past = (span.end for span in _spans_before(calendars, at) if span.band == _FRIENDLY and span.end <= at)
    return max(past, default=None)


def _spans_before(calendars: tuple[BandCalendar, ...], at: int) -> Iterator[BandSpan]:
    for calendar in calendars:
        day = local_day(at, calendar.zone)
        for back in range(3):
            yield from calendar.spans(day - timedelta(days=back))
