"""Ladders go on by the names of their bands when a version begins within their period."""

from dataclasses import replace

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.calendar import HOUR_MS
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import Rating, allocate
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockSchedule,
    TariffVersion,
    Timeline,
    check_tariff,
    ladder_counters,
)
from tests.core.builders import DAY, instant, per_kwh, tariff, weekly_ladder

START = instant("2026-03-01 00:00", "Africa/Johannesburg")
CHANGE = START + 10 * DAY
NAMES = tuple(band.name for band in weekly_ladder().bands)


def ladder(*bands: str) -> BlockSchedule:
    """Return a ladder over bands whose prices tell bands apart."""
    prices = [[f"{1 + ord(band[0]) % 7 + 10 * block}" for band in bands] for block in range(2)]
    rows = tuple(tuple(per_kwh(price) for price in row) for row in prices)
    return BlockSchedule(bands, rows, (20_000,))


def version(order: tuple[str, ...], **changes: object) -> TariffVersion:
    """Return a version in which every band has a ladder of its own, written in an order."""
    changes |= {"meaning": BlockBandMeaning.LADDER_PER_BAND, "ladders": tuple(ladder(name) for name in order)}
    made = replace(weekly_ladder(), **changes)  # type: ignore[arg-type]
    check_tariff(made)
    return made


def cost(timeline: Timeline, loads: list[int]) -> int:
    """Return what a load of three weeks costs, given for every six hours."""
    rating = Rating()
    for n, wh in enumerate(loads):
        at = START + n * 6 * HOUR_MS
        allocate(rating, timeline, "m", at, at + 6 * HOUR_MS, wh)
    return close_segments(rating, timeline).total


@given(
    order=st.permutations(NAMES),
    loads=st.lists(st.integers(0, 5_000), min_size=84, max_size=84),
)
def test_the_order_in_which_a_version_lists_its_bands_changes_no_charge(
    order: list[str], loads: list[int]
) -> None:
    first = version(NAMES)
    listed = Timeline((first, version(NAMES, id="v2", valid_from=CHANGE)))
    other = Timeline((first, version(tuple(order), id="v2", valid_from=CHANGE)))
    assert cost(other, loads) == cost(listed, loads)


@pytest.mark.parametrize(
    "versions, counters",
    [
        ([("day", "night"), ("night", "day")], [(0, 1), (1, 0)]),
        ([("day", "night"), ("night",), ("night", "day")], [(0, 1), (1,), (1, 0)]),
        ([("day", "night"), ("sun", "night")], [(0, 1), (0, 1)]),
        ([("day", "night"), ("night", "sun", "day")], [(0, 1), (1, 2, 0)]),
        ([("day", "night"), ("night", "sun")], [(0, 1), (1, 2)]),
        ([("day+night",), ("day", "night")], [(0,), (0, 1)]),
        ([("day", "night"), ("night+day",)], [(0, 1), (1,)]),
        ([("",), ("day+night",)], [(0,), (0,)]),
    ],
    ids=[
        "another order",
        "away for a version",
        "renamed at its place",
        "one more",
        "renamed elsewhere begins anew",
        "apart",
        "together",
        "bands are named",
    ],
)
def test_a_ladder_goes_on_by_the_names_of_its_bands(
    versions: list[tuple[str, ...]], counters: list[tuple[int, ...]]
) -> None:
    ladders = [
        [ladder(*name.split("+")) if name else tariff().ladders[0] for name in each] for each in versions
    ]
    assert ladder_counters(ladders) == counters
