"""Friendly hours: when used-up credit does not cut, and until when."""

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import local_day, local_time
from meter_bridge.core.supply.friendly_hours import (
    FriendlyHours,
    FriendlyPeriod,
    friendly_period,
    friendly_span,
    longest_friendly_period,
)
from meter_bridge.core.tariff.bands import HOLIDAY, Window
from tests.core.builders import DAY, HOUR, MINUTE, days, instant
from tests.core.strategies import CHANGES, STEP, minutes_of_day

LONDON = "Europe/London"
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, HOLIDAY), min_size=1),
    minutes_of_day,
    minutes_of_day.map(lambda end: end + STEP),
)


def window(hours: str, on: str = "mon-sun", *, holidays: bool = False) -> Window:
    """Return a window written as ``"18:00-10:00"``."""
    start, end = ([int(part) for part in clock.split(":")] for clock in hours.split("-"))
    named = days(on) if on else frozenset()
    named |= {HOLIDAY} if holidays else set()
    return Window(named, start[0] * 60 + start[1], (end[0] * 60 + end[1]) % 1440)


NIGHTS = FriendlyHours((window("18:00-10:00"),))


def naively_friendly(hours: FriendlyHours, at: int, zone: str) -> bool:
    """Say by the words of the rule whether an instant is within the calendar."""
    local = local_time(at, ZoneInfo(zone))
    minute, day = local.hour * 60 + local.minute, local.date()

    def holds(each: Window, on: date) -> bool:
        return on.weekday() in each.days or (HOLIDAY in each.days and on in hours.holidays)

    def inside(each: Window) -> bool:
        if each.start < each.end:
            return holds(each, day) and each.start <= minute < each.end
        late = holds(each, day) and minute >= each.start
        return late or (holds(each, day - timedelta(days=1)) and minute < each.end)

    return day in hours.dates or any(inside(each) for each in hours.windows)


def naive_respite(hours: FriendlyHours, at: int, zone: str) -> FriendlyPeriod | None:
    """Walk minute by minute: friendly, or within the grace of a friendly minute before."""
    grace, now = hours.grace_ms // MINUTE, at // MINUTE
    newest, until = None, now
    for minute in range(now - grace, now + 20 * DAY // MINUTE):
        if naively_friendly(hours, minute * MINUTE, zone):
            newest = minute
        spared = newest is not None and minute - newest <= grace
        if minute >= now and not spared:
            until = minute
            break
    if until == now:
        return None
    return FriendlyPeriod(until * MINUTE, in_grace=not naively_friendly(hours, at, zone))


class TestNights:
    @pytest.mark.parametrize(
        "clock, until",
        [("17:59", None), ("18:00", "10:00"), ("23:59", "10:00"), ("09:59", "10:00"), ("10:00", None)],
    )
    def test_they_begin_and_end_on_the_minute(self, clock: str, until: str | None) -> None:
        day = "2026-01-10" if clock < "18:00" else "2026-01-09"
        found = friendly_period(NIGHTS, instant(f"{day} {clock}", LONDON), LONDON)
        expected = (
            None if until is None else FriendlyPeriod(instant(f"2026-01-10 {until}", LONDON), in_grace=False)
        )
        assert found == expected

    def test_without_a_calendar_nothing_is_spared(self) -> None:
        assert friendly_period(FriendlyHours(), instant("2026-01-09 23:00"), "UTC") is None

    def test_a_grace_alone_spares_nothing(self) -> None:
        assert friendly_period(FriendlyHours(grace_ms=HOUR), instant("2026-01-09 23:00"), "UTC") is None

    def test_a_grace_follows_their_end(self) -> None:
        hours = replace(NIGHTS, grace_ms=15 * MINUTE)
        end = instant("2026-01-10 10:15", LONDON)
        assert friendly_period(hours, end - 16 * MINUTE, LONDON) == FriendlyPeriod(end, in_grace=False)
        assert friendly_period(hours, end - 15 * MINUTE, LONDON) == FriendlyPeriod(end, in_grace=True)
        assert friendly_period(hours, end - 1, LONDON) == FriendlyPeriod(end, in_grace=True)
        assert friendly_period(hours, end, LONDON) is None

    def test_a_grace_that_reaches_the_next_window_bridges_it(self) -> None:
        hours = FriendlyHours((window("08:00-09:00"), window("09:10-10:00")), grace_ms=15 * MINUTE)
        found = friendly_period(hours, instant("2026-01-09 08:30"), "UTC")
        assert found == FriendlyPeriod(instant("2026-01-09 10:15"), in_grace=False)


class TestSpecialDays:
    WEEKEND = FriendlyHours(
        (window("18:00-08:00", "mon-fri"), window("00:00-24:00", "sat-sun", holidays=True)),
        holidays=(date(2026, 12, 25), date(2026, 12, 28)),
        dates=(date(2026, 12, 24),),
    )

    def test_a_long_weekend_ends_when_its_last_day_does(self) -> None:
        # Thursday the 24th as a date, Friday a holiday, the weekend, Monday a holiday, Tuesday until eight.
        at = instant("2026-12-23 18:00", LONDON)
        assert friendly_period(self.WEEKEND, at, LONDON) == FriendlyPeriod(
            instant("2026-12-29 08:00", LONDON), in_grace=False
        )

    def test_an_ordinary_friday_is_not_friendly_by_day(self) -> None:
        assert friendly_period(self.WEEKEND, instant("2026-12-18 12:00", LONDON), LONDON) is None

    def test_a_holiday_takes_nothing_away_from_its_weekday(self) -> None:
        hours = FriendlyHours(
            (window("22:00-06:00", "mon-fri"), window("08:00-12:00", "", holidays=True)),
            holidays=(date(2026, 12, 25),),
        )
        found = [
            friendly_period(hours, instant(f"2026-12-25 {clock}"), "UTC") is not None
            for clock in ("09:00", "23:00")
        ]
        assert found == [True, True]

    def test_holidays_that_no_window_names_change_nothing(self) -> None:
        hours = replace(NIGHTS, holidays=(date(2026, 12, 25),))
        assert friendly_period(hours, instant("2026-12-25 12:00"), "UTC") is None

    def test_a_calendar_without_an_end_is_followed_no_further_than_makes_sense(self) -> None:
        always = FriendlyHours((window("00:00-24:00"),))
        found = friendly_period(always, instant("2026-12-25 12:00"), "UTC")
        assert found is not None
        assert found.until == instant("2027-04-05 00:00")


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.lists(windows, max_size=2),
    st.sets(st.integers(-1, 2), max_size=2),
    st.sets(st.integers(-1, 2), max_size=1),
    st.sampled_from([0, 10, 45]),
    st.integers(0, 2 * 24 * 60),
)
def test_it_spares_as_long_as_the_words_of_the_rule_say(
    place: tuple[str, str],
    drawn: list[Window],
    holidays: set[int],
    dates: set[int],
    grace: int,
    offset: int,
) -> None:
    zone, day = place
    first = instant(f"{day} 00:00", zone)
    at = first + offset * MINUTE
    near = {step: local_day(first + DAY // 2 + step * DAY, ZoneInfo(zone)) for step in range(-1, 3)}
    hours = FriendlyHours(
        tuple(drawn),
        tuple(sorted(near[step] for step in holidays)),
        tuple(sorted(near[step] for step in dates)),
        grace * MINUTE,
    )
    found = friendly_period(hours, at, zone)
    if found is not None and found.until > at + 15 * DAY:
        assert naively_friendly(hours, at, zone) is not found.in_grace
    else:
        assert found == naive_respite(hours, at, zone)


def test_the_longest_respite_is_that_of_a_month_with_its_grace() -> None:
    """Stretches that touch are one, and a grace belongs to the stretch that it follows."""
    start, end = instant("2026-11-02 00:00", LONDON), instant("2026-12-04 00:00", LONDON)
    nights = FriendlyHours((window("18:00-08:00"),))
    assert longest_friendly_period(nights, start, end, LONDON) == 14 * HOUR
    assert longest_friendly_period(replace(nights, grace_ms=HOUR), start, end, LONDON) == 15 * HOUR
    free_day = replace(nights, dates=(date(2026, 11, 20),))
    assert longest_friendly_period(free_day, start, end, LONDON) == (6 + 24 + 8) * HOUR
    assert longest_friendly_period(FriendlyHours(), start, end, LONDON) == 0
    assert longest_friendly_period(FriendlyHours((window("00:00-24:00"),)), start, end, LONDON) is None


WEEKENDS = FriendlyHours((window("18:00-10:00", "fri-sat"),))


@pytest.mark.parametrize(
    "hours, at, start, end",
    [
        (NIGHTS, "2026-11-02 12:00", "2026-11-02 18:00", "2026-11-03 10:00"),
        (NIGHTS, "2026-11-02 09:59", "2026-11-01 18:00", "2026-11-02 10:00"),
        (NIGHTS, "2026-11-02 10:00", "2026-11-02 18:00", "2026-11-03 10:00"),
        (NIGHTS, "2026-11-02 23:00", "2026-11-02 18:00", "2026-11-03 10:00"),
        (WEEKENDS, "2026-11-01 12:00", "2026-11-06 18:00", "2026-11-07 10:00"),
    ],
)
def test_the_friendly_hours_that_are_on_or_come_next(
    hours: FriendlyHours, at: str, start: str, end: str
) -> None:
    span = friendly_span(hours, instant(at, LONDON), LONDON)
    assert span == (instant(start, LONDON), instant(end, LONDON))


def test_without_friendly_hours_in_the_next_weeks_there_are_none() -> None:
    at = instant("2026-11-02 12:00", LONDON)
    assert friendly_span(FriendlyHours(dates=(date(2027, 6, 1),)), at, LONDON) is None
    assert friendly_span(FriendlyHours(), at, LONDON) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(windows, min_size=1, max_size=3), st.integers(0, 14 * 24 * 4))
def test_a_friendly_span_holds_just_the_instants_of_the_calendar(found: list[Window], quarters: int) -> None:
    hours = FriendlyHours(tuple(found))
    at = instant("2026-10-19 00:00", LONDON) + quarters * 15 * MINUTE
    span = friendly_span(hours, at, LONDON)
    on = naively_friendly(hours, at, LONDON)
    if span is None:
        assert not on
        return
    assert on is (span[0] <= at < span[1])
    assert naively_friendly(hours, span[0], LONDON)
    assert naively_friendly(hours, span[1] - 1, LONDON)
