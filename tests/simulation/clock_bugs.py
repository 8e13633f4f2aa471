"""Bugs to plant into what depends on time: prices by the clock, and who lived in a unit."""

from collections.abc import Sequence
from typing import Any, Final
from unittest.mock import patch
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import MINUTE_MS
from meter_bridge.core.rating.rating import Rating, allocate as honest
from meter_bridge.core.tariff import bands
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from meter_bridge.engine.accounts import move_out
from meter_bridge.engine.metering import readings
from tests.simulation.faults import HOUR_S, Fault

type Patches = Sequence[Any]

DEAF: Final = (Fault(1, "kill", 6.5 * HOUR_S, 4 * HOUR_S),)
"""Over a change of price in the evening."""


def takes_the_band_of_the_reading() -> Patches:
    def allocate(
        rating: Rating,
        timeline: Timeline,
        meter_id: str,
        _start: int,
        end: int,
        wh: int,
        *,
        moved_in: int = 0,
        timed: bool = True,
    ) -> None:
        honest(rating, timeline, meter_id, end, end, wh, moved_in=moved_in, timed=timed)

    return (patch.object(readings, "allocate", allocate),)


def forgets_who_moved_in() -> Patches:
    def allocate(
        rating: Rating,
        timeline: Timeline,
        meter_id: str,
        start: int,
        end: int,
        wh: int,
        *,
        moved_in: int = 0,
        timed: bool = True,
    ) -> None:
        del moved_in
        honest(rating, timeline, meter_id, start, end, wh, timed=timed)

    return (patch.object(readings, "allocate", allocate),)


def goes_on_with_the_blocks() -> Patches:
    return (patch.object(move_out, "reset_rating", lambda _account: None),)


def takes_a_price_list_when_it_is_entered() -> Patches:
    def at(self: Timeline, _instant: int) -> TariffVersion:
        return self.versions[-1]

    return (patch.object(Timeline, "at", at),)


def counts_the_hours_since_midnight() -> Patches:
    def starts(
        runs: tuple[tuple[int, str], ...], start: int, end: int, _zone: ZoneInfo
    ) -> list[tuple[int, str]]:
        return [(at, name) for minute, name in runs if (at := start + minute * MINUTE_MS) < end]

    return (patch.object(bands, "_scan_day", starts),)
