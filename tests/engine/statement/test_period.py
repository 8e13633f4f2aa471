"""The period of a statement: what a person writes, what is usual, and what is refused with a way out."""

from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.calendar import day_end, day_start, local_day
from meter_bridge.engine.statement.period import Period, parse_period
from meter_bridge.errors import RequestRefused

JOHANNESBURG = ZoneInfo("Africa/Johannesburg")
ZONES = st.sampled_from(["Africa/Johannesburg", "Europe/Berlin", "America/Santiago", "Asia/Kathmandu"])
DAYS = st.dates(date(2020, 1, 1), date(2026, 10, 31))


def at(text: str) -> int:
    """Return an instant of UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = at("2026-11-15 10:00:00")


@pytest.mark.parametrize(
    "begin,end,start,stop",
    [
        (None, None, "2026-10-31 22:00:00", "2026-11-30 22:00:00"),
        ("2026-11-03", None, "2026-11-02 22:00:00", "2026-11-15 22:00:00"),
        (None, "2026-10-20", "2026-09-30 22:00:00", "2026-10-20 22:00:00"),
        ("2026-10", "2026-10", "2026-09-30 22:00:00", "2026-10-31 22:00:00"),
        ("2026-02-28", "2026-02-28", "2026-02-27 22:00:00", "2026-02-28 22:00:00"),
        ("2026-01-01T00:00:00Z", "2026-01-01T02:30+02:00", "2026-01-01 00:00:00", "2026-01-01 00:30:00"),
        (None, "2026-12-24", "2026-11-30 22:00:00", "2026-12-24 22:00:00"),
    ],
)
def test_a_period_is_what_was_written(begin: str | None, end: str | None, start: str, stop: str) -> None:
    now = NOW if end != "2026-12-24" else at("2026-12-01 10:00:00")
    assert parse_period(begin, end, now=now, zone=JOHANNESBURG) == Period(at(start), at(stop))


@pytest.mark.parametrize(
    "begin,end,field,message",
    [
        ("2026-13", None, "from", "names no time"),
        ("2026-02-30", None, "from", "names no time"),
        ("yesterday", None, "from", "names no time"),
        (None, "2026-11-01T10:00:00", "to", "names no time"),
        ("0001-01-01", None, "from", "names no time"),
        ("9999-12", None, "from", "names no time"),
        ("\uff12026-11-01", None, "from", "names no time"),
        ("2026-11-02", "2026-11-01", "to", "ends before it begins"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z", "to", "ends before it begins"),
        ("2026-11-16", None, "from", "in the future"),
        (None, "2027-01-01", "from", "in the future"),
    ],
)
def test_what_is_refused_names_place_value_and_remedy(
    begin: str | None, end: str | None, field: str, message: str
) -> None:
    with pytest.raises(RequestRefused, match=message) as refused:
        parse_period(begin, end, now=NOW, zone=JOHANNESBURG)
    assert refused.value.field == field
    assert refused.value.value in (begin, end)
    assert refused.value.remedy


def test_a_plus_sign_that_an_address_swallowed_is_explained() -> None:
    with pytest.raises(RequestRefused) as refused:
        parse_period("2026-11-01T10:00:00 02:00", None, now=NOW, zone=JOHANNESBURG)
    assert "%2B" in (refused.value.remedy or "")


@given(days=st.tuples(DAYS, DAYS).map(sorted), zone=ZONES)
def test_days_are_whole_local_ones_and_the_last_is_included(days: list[date], zone: str) -> None:
    first, last = days
    where = ZoneInfo(zone)
    period = parse_period(first.isoformat(), last.isoformat(), now=NOW, zone=where)
    assert (period.start, period.end) == (day_start(first, where), day_end(last, where))
    assert period.days(where) == (first, last)


@given(day=DAYS, zone=ZONES)
def test_months_join_without_gap(day: date, zone: str) -> None:
    where = ZoneInfo(zone)
    this = parse_period(f"{day:%Y-%m}", f"{day:%Y-%m}", now=NOW, zone=where)
    after = local_day(this.end, where)
    assert after.day == 1
    assert parse_period(f"{after:%Y-%m}", f"{after:%Y-%m}", now=NOW, zone=where).start == this.end


@given(text=st.text(max_size=40))
def test_no_text_does_anything_but_be_refused_or_read(text: str) -> None:
    with suppress(RequestRefused):
        assert parse_period(text, None, now=NOW, zone=JOHANNESBURG).start <= NOW
