"""Time-of-use bands: local-time windows by day of the week, holiday and season.

A day is of one type: its weekday, or ``HOLIDAY`` where the calendar names it. A window belongs to the day on
which it begins, also where it runs across midnight.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import (
    DAY_MS,
    MINUTE_MS,
    MINUTES_PER_DAY,
    day_end,
    day_start,
    local_day,
    local_time,
)

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY: Final = 7
"""Day type of a public holiday, beside 0 (Monday) to 6 (Sunday)."""
EVERY_DAY: Final = frozenset(range(8))
_DAY_NAMES: Final = (
    "a Monday", "a Tuesday", "a Wednesday", "a Thursday", "a Friday", "a Saturday", "a Sunday", "a holiday",
)  # fmt: skip
_LEAP_YEAR: Final = 2024
_CACHED_SPANS: Final = 1024


class BandError(ValueError):
    """Bands or seasons that leave a time out or claim it twice; says where, and how to mend it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of local wall-clock minutes on some days; one across midnight belongs to its first day."""

    days: frozenset[int]
    """0 is Monday, 7 a holiday."""
    start: int
    """Minute of the day at which it begins."""
    end: int
    """Minute at which it ends; at or before ``start`` it ends on the next day."""
    seasons: frozenset[str] = frozenset()
    """Names of the seasons in which it holds; none named means all."""


@dataclass(frozen=True, slots=True)
class Band:
    """A time-of-use price band: its windows, or all that remains."""

    name: str
    windows: tuple[Window, ...]
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Season:
    """A part of the year: spans of days, first and last included, or all that remains."""

    name: str
    spans: tuple[tuple[int, int], ...] = ()
    """First and last day as month x 100 + day; a span whose last is before its first runs over New Year."""
    rest: bool = False

    def covers(self, day: date) -> bool:
        """Return whether a day lies in one of the spans."""
        number = day.month * 100 + day.day
        return any(
            first <= number <= last if first <= last else number >= first or number <= last
            for first, last in self.spans
        )


@dataclass(frozen=True, slots=True)
class BandSpan:
    """An interval in which one band holds; instants in milliseconds UTC."""

    start: int
    end: int
    band: str


class _DayKind(NamedTuple):
    season: str
    day_type: int


@dataclass(frozen=True)
class BandCalendar:
    """Bands over the days of a time zone, with its seasons and holidays."""

    time_zone: str
    bands: tuple[Band, ...]
    seasons: tuple[Season, ...] = ()
    holidays: tuple[date, ...] = ()
    """Public holidays, in order, as they were resolved when the calendar was made."""
    holiday_as: int = HOLIDAY
    """Day type of a holiday: ``HOLIDAY``, or the weekday whose windows hold then."""
    holiday_rule: str = ""
    """Where the holidays come from, as it was written: an equal rule means the same holidays."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def _holidays(self) -> frozenset[date]:
        return frozenset(self.holidays)

    @cached_property
    def _spans(self) -> dict[date, tuple[BandSpan, ...]]:
        return {}

    @cached_property
    def _runs(self) -> dict[tuple[_DayKind, _DayKind], tuple[tuple[int, str], ...]]:
        return {}

    def day_type(self, day: date) -> int:
        """Return the type of a day: 0 is Monday, 7 a holiday."""
        return self.holiday_as if day in self._holidays else day.weekday()

    def season(self, day: date) -> str:
        """Return the name of a day's season, or "" where there are none."""
        found = next((season.name for season in self.seasons if season.covers(day)), None)
        if found is not None:
            return found
        return next((season.name for season in self.seasons if season.rest), "")

    def spans(self, day: date) -> tuple[BandSpan, ...]:
        """Return the bands of a local day in order, as instants, without gaps, also where clocks change."""
        found = self._spans.get(day)
        if found is None:
            if len(self._spans) >= _CACHED_SPANS:
                self._spans.clear()
            found = self._spans[day] = self._make_spans(day)
        return found

    def at(self, instant: int) -> BandSpan:
        """Return the band that holds at an instant, with its bounds within the local day."""
        return next(span for span in self.spans(local_day(instant, self.zone)) if instant < span.end)

    def runs(self, day: date) -> tuple[tuple[int, str], ...]:
        """Return (first minute, band) of each run of wall-clock minutes of a day."""
        kinds = self._kind(day - timedelta(days=1)), self._kind(day)
        found = self._runs.get(kinds)
        if found is None:
            names = [claim[0] for claim in _bands_by_minute(self.bands, *kinds)]
            found = self._runs[kinds] = tuple(
                (minute, name)
                for minute, name in enumerate(names)
                if minute == 0 or names[minute - 1] != name
            )
        return found

    def _kind(self, day: date) -> _DayKind:
        return _DayKind(self.season(day), self.day_type(day))

    def _make_spans(self, day: date) -> tuple[BandSpan, ...]:
        start, end = day_start(day, self.zone), day_end(day, self.zone)
        runs = self.runs(day)
        if end - start == DAY_MS and local_time(start, self.zone).hour == 0:
            starts = [(start + minute * MINUTE_MS, name) for minute, name in runs]
        else:
            starts = _scan_day(runs, start, end, self.zone)
        ends = [at for at, _ in starts[1:]] + [end]
        return tuple(BandSpan(at, until, name) for (at, name), until in zip(starts, ends, strict=True))


def _scan_day(
    runs: tuple[tuple[int, str], ...], start: int, end: int, zone: ZoneInfo
) -> list[tuple[int, str]]:
    """Return the starts of the bands of a day on which clocks change, found minute by minute."""
    starts: list[tuple[int, str]] = []
    for at in range(start, end, MINUTE_MS):
        time = local_time(at, zone)
        minute = time.hour * 60 + time.minute
        name = next(name for first, name in reversed(runs) if first <= minute)
        if not starts or starts[-1][1] != name:
            starts.append((at, name))
    return starts


def _bands_by_minute(bands: Sequence[Band], before: _DayKind, today: _DayKind) -> list[list[str]]:
    """Return for each minute of a day the bands that claim it."""
    claims: list[list[str]] = [[] for _ in range(MINUTES_PER_DAY)]
    rest = [band.name for band in bands if band.rest]
    for band in bands:
        for window in band.windows:
            for minute in _minutes_of(window, before, today):
                claims[minute].append(band.name)
    for names in claims:
        names.extend([] if names else rest)
    return claims


def _applies(window: Window, kind: _DayKind) -> bool:
    return kind.day_type in window.days and (not window.seasons or kind.season in window.seasons)


def _minutes_of(window: Window, before: _DayKind, today: _DayKind) -> list[int]:
    """Return the minutes of a day that a window covers, including its part from the day before."""
    crosses = window.end <= window.start
    minutes: list[int] = []
    if _applies(window, today):
        minutes.extend(range(window.start, MINUTES_PER_DAY if crosses else window.end))
    if crosses and _applies(window, before):
        minutes.extend(range(window.end))
    return minutes


def check_bands(calendar: BandCalendar) -> None:
    """Raise ``BandError`` unless every minute of every possible year is in exactly one band."""
    _check_names("band", [band.name for band in calendar.bands])
    _check_names("season", [season.name for season in calendar.seasons])
    _check_windows(calendar)
    _check_seasons(calendar)
    for before, today in sorted(_adjacent_kinds(calendar), key=lambda kinds: (kinds[1].day_type, kinds)):
        _check_minutes(calendar, before, today)


def _check_names(what: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BandError(f"two of the {what} entries are named {twice!r}; give each {what} a name of its own")


def _check_windows(calendar: BandCalendar) -> None:
    seasons = {season.name for season in calendar.seasons}
    for band in calendar.bands:
        for window in band.windows:
            within = 0 <= window.start < MINUTES_PER_DAY and 0 <= window.end <= MINUTES_PER_DAY
            if not within or not window.days <= EVERY_DAY:
                raise BandError(
                    f"band {band.name!r} has a window outside the day or week; keep to 00:00-24:00, mon-sun"
                )
            unknown = sorted(window.seasons - seasons)
            if unknown:
                known = ", ".join(sorted(seasons)) or "none"
                raise BandError(
                    f"band {band.name!r} names an unknown season {unknown[0]!r}; the seasons are {known}"
                )


def _days_of_year() -> Iterator[date]:
    return (date(_LEAP_YEAR, 1, 1) + timedelta(days=index) for index in range(366))


def _check_seasons(calendar: BandCalendar) -> None:
    if not calendar.seasons:
        return
    rest = any(season.rest for season in calendar.seasons)
    for day in _days_of_year():
        names = [season.name for season in calendar.seasons if season.covers(day)]
        place = f"{day.day} {day:%B}"
        if len(names) > 1:
            raise BandError(f"{place} is in two seasons, {names[0]!r} and {names[1]!r}; shorten one of them")
        if not names and not rest:
            raise BandError(f"{place} is in no season; extend one, or mark one as 'rest'")


def _adjacent_kinds(calendar: BandCalendar) -> list[tuple[_DayKind, _DayKind]]:
    """Return every pair of kinds that two consecutive days can have in any year."""
    days = list(_days_of_year())
    seasons = {
        (calendar.season(before), calendar.season(today))
        for before, today in zip(days, [*days[1:], days[0]], strict=True)
    }
    types = {(weekday, (weekday + 1) % 7) for weekday in range(7)}
    if calendar.holidays:
        special = calendar.holiday_as
        types |= {(before, special) for before in (*range(7), special)}
        types |= {(special, today) for today in range(7)}
    found = {
        (_DayKind(season_before, type_before), _DayKind(season, day_type))
        for season_before, season in seasons
        for type_before, day_type in types
    }
    return sorted(found, key=lambda pair: (pair[1].day_type, pair))


def _check_minutes(calendar: BandCalendar, before: _DayKind, today: _DayKind) -> None:
    for minute, names in enumerate(_bands_by_minute(calendar.bands, before, today)):
        if len(names) == 1:
            continue
        place = f"{minute // 60:02d}:{minute % 60:02d} on {_DAY_NAMES[today.day_type]}"
        place += f" in {today.season}" if today.season else ""
        if names:
            msg = f"{place} is in two bands, {names[0]!r} and {names[1]!r}; shorten one of them"
        else:
            msg = f"{place} is in no band; extend one, or mark one as 'rest'"
        raise BandError(msg)
