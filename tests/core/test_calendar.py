"""Local days of 23, 24, 25 and half-odd hours, in zones that change their clocks at any time of night."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.calendar import (
    MINUTE_MS,
    SLOT_MS,
    day_end,
    day_start,
    iso,
    local_day,
    local_quarter_hour,
    local_time,
    month_of,
    next_month,
    next_slot,
)
from tests.core.builders import DAY, HOUR, instant
from tests.core.strategies import ZONES

YEAR = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(365)]


@pytest.mark.parametrize(
    "zone", [*ZONES, "America/Santiago", "Africa/Cairo", "Africa/Casablanca", "Pacific/Chatham"]
)
def test_a_day_begins_at_the_first_instant_of_its_date_all_year_round(zone: str) -> None:
    info = ZoneInfo(zone)
    for day in YEAR:
        start, end = day_start(day, info), day_end(day, info)
        assert local_day(start, info) == local_day(end - 1, info) == day
        assert local_day(start - 1, info) == day - timedelta(days=1)
        assert local_day(end, info) == day + timedelta(days=1)


@pytest.mark.parametrize(
    "zone, day, hours",
    [
        ("Europe/London", date(2026, 3, 29), 23),
        ("Europe/London", date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Asia/Beirut", date(2026, 3, 29), 23),
        ("Asia/Beirut", date(2026, 10, 24), 25),
        ("America/Havana", date(2026, 3, 8), 23),
        ("America/Havana", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Africa/Johannesburg", date(2026, 3, 29), 24),
        ("Asia/Kathmandu", date(2026, 3, 29), 24),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: date, hours: float) -> None:
    assert day_end(day, ZoneInfo(zone)) - day_start(day, ZoneInfo(zone)) == hours * HOUR


def test_where_midnight_is_skipped_the_day_begins_at_one() -> None:
    zone = ZoneInfo("Asia/Beirut")
    assert f"{local_time(day_start(date(2026, 3, 29), zone), zone):%H:%M}" == "01:00"


def test_where_midnight_comes_twice_the_day_begins_at_the_first() -> None:
    zone = ZoneInfo("America/Havana")
    start = day_start(date(2026, 11, 1), zone)
    assert start == instant("2026-11-01 04:00")
    assert local_time(start + HOUR, zone).hour == 0


@given(st.dates(date(1971, 1, 1), date(2200, 1, 1)))
def test_the_next_month_begins_the_day_after_the_last(day: date) -> None:
    following = next_month(month_of(day))
    assert following.day == 1
    assert month_of(following - timedelta(days=1)) == month_of(day)


@given(
    st.integers(0, 4 * 10**12),
    st.sampled_from([*ZONES, "Asia/Kathmandu", "Pacific/Chatham", "Australia/Eucla"]),
)
def test_slots_follow_the_wall_clock_quarter_by_quarter(at: int, zone: str) -> None:
    at = at % (60 * 365 * DAY) + instant("1975-01-01 00:00")
    info = ZoneInfo(zone)
    following = next_slot(at)
    assert 0 < following - at <= SLOT_MS
    assert local_time(following, info).minute % 15 == 0
    assert (
        local_quarter_hour(at, info) == (local_time(at, info).hour * 60 + local_time(at, info).minute) // 15
    )
    assert local_quarter_hour(following - MINUTE_MS, info) == local_quarter_hour(
        max(at, following - SLOT_MS), info
    )


def test_a_slot_boundary_belongs_to_the_slot_that_it_begins() -> None:
    assert next_slot(0) == next_slot(SLOT_MS - 1) == SLOT_MS
    assert next_slot(SLOT_MS) == 2 * SLOT_MS


@given(st.integers(0, 4 * 10**12))
def test_an_instant_is_written_in_utc_to_the_millisecond(at: int) -> None:
    text = iso(at)
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
