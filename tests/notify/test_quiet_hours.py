"""Quiet hours end when the clock on the wall says so."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from meter_bridge.notify.people import QuietHours

NIGHT = QuietHours(time(22), time(7))
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    "now,goes_out",
    [
        ("2026-11-02T21:59:00+01:00", "2026-11-02T21:59:00+01:00"),
        ("2026-11-02T22:00:00+01:00", "2026-11-03T07:00:00+01:00"),
        ("2026-11-03T06:59:00+01:00", "2026-11-03T07:00:00+01:00"),
        ("2026-11-03T07:00:00+01:00", "2026-11-03T07:00:00+01:00"),
        ("2026-10-24T23:00:00+02:00", "2026-10-25T07:00:00+01:00"),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T07:00:00+02:00"),
    ],
)
def test_a_message_waits_for_the_end_of_the_night(now: str, goes_out: str) -> None:
    assert NIGHT.earliest_delivery(at(now), BERLIN) == at(goes_out)


def test_a_rest_at_noon_ends_the_same_day() -> None:
    rest = QuietHours(time(13), time(15))
    assert rest.earliest_delivery(at("2026-11-02T13:30:00+01:00"), BERLIN) == at("2026-11-02T15:00:00+01:00")
    assert rest.earliest_delivery(at("2026-11-02T16:00:00+01:00"), BERLIN) == at("2026-11-02T16:00:00+01:00")


def test_instants_are_utc() -> None:
    assert (
        datetime.fromtimestamp(
            NIGHT.earliest_delivery(at("2026-11-02T23:00:00+01:00"), BERLIN) / 1000, UTC
        ).hour
        == 6
    )
