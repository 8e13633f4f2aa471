"""Load profiles: a time without readings is spread as the tariff says, everything else evenly."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.rating.rating import ESTIMATED_AFTER_MS, OpenSegment, Rating, allocate
from meter_bridge.core.tariff.load_profile import EVEN_WEIGHT, LoadProfile, profile_of
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from tests.core.builders import DAY, HOUR, SLOT, amount, day_and_night, instant, tariff, timeline

ZONE = "Africa/Johannesburg"
MONDAY = instant("2026-06-01 00:00", ZONE)
SATURDAY = MONDAY + 5 * DAY
AT_DAY = [0] * 7 + [3] * 16 + [0]
"""Nothing at night, from 23:00 to 07:00."""
ALWAYS = [1] * 24


def spread_by(*rows: list[int], version: TariffVersion | None = None) -> Timeline:
    """Return a tariff with a profile: weekdays, and all other days if they are given."""
    profile = profile_of([rows[0]] * 5 + [rows[-1]] * 3)
    return timeline(tariff(more={"profile": profile}) if version is None else version)


def parts(line: Timeline, start: int, end: int, wh: int) -> list[OpenSegment]:
    """Return where the energy of a time goes."""
    rating = Rating()
    allocate(rating, line, "m", start, end, wh)
    return rating.open_segments["m"]


def by_hour(found: list[OpenSegment]) -> Counter[int]:
    """Return Wh by hour since Monday."""
    hours: Counter[int] = Counter()
    for part in found:
        hours[(part.start - MONDAY) // HOUR] += part.wh
    return hours


def test_a_time_without_readings_is_spread_by_the_profile_and_marked_as_estimated() -> None:
    found = parts(spread_by(AT_DAY), MONDAY, MONDAY + DAY, 1_600)
    assert by_hour(found) == dict.fromkeys(range(7, 23), 100)
    assert all(part.estimated for part in found)


def test_what_was_measured_is_spread_evenly_whatever_the_profile() -> None:
    start = MONDAY + 6 * HOUR + 30 * 60_000
    found = parts(spread_by(AT_DAY), start, start + ESTIMATED_AFTER_MS, 1_300)
    assert by_hour(found) == {6: 600, 7: 700}
    assert not any(part.estimated for part in found)


def test_a_tariff_without_a_profile_spreads_evenly() -> None:
    assert by_hour(parts(timeline(tariff()), MONDAY, MONDAY + DAY, 2_400)) == dict.fromkeys(range(24), 100)


def test_weekends_have_weights_of_their_own() -> None:
    line = spread_by(ALWAYS, [0] * 12 + [2] * 12)
    found = by_hour(parts(line, SATURDAY, SATURDAY + DAY, 1_200))
    assert found == {120 + hour: 100 for hour in range(12, 24)}


def test_a_time_in_which_nothing_is_expected_is_spread_evenly() -> None:
    found = parts(spread_by(AT_DAY), MONDAY, MONDAY + 4 * HOUR, 400)
    assert by_hour(found) == dict.fromkeys(range(4), 100)


def test_a_profile_makes_energy_cost_what_its_hours_cost() -> None:
    profile = profile_of([AT_DAY] * 8)
    for known, cost in ((None, "0.56"), (profile, "0.72")):
        version = day_and_night(time_zone=ZONE)
        rated = Rating()
        line = Timeline((replace(version, profile=known),))
        allocate(rated, line, "m", MONDAY, MONDAY + DAY, 2_400)
        total = sum(
            part.wh * line.version(part.key.version_id).price(part.key.block, part.key.band) // 1_000_000
            for part in rated.open_segments["m"]
        )
        assert total == amount(cost)


def test_a_change_of_prices_within_the_time_does_not_change_how_it_is_spread() -> None:
    profile = profile_of([AT_DAY] * 8)
    noon = MONDAY + 12 * HOUR
    one = tariff(more={"profile": profile})
    two = tariff(more={"profile": profile}, valid_from=noon, version_id="v2")
    both = by_hour(parts(timeline(one, two), MONDAY, MONDAY + DAY, 1_600))
    assert both == by_hour(parts(timeline(one), MONDAY, MONDAY + DAY, 1_600))


def test_hours_of_a_version_without_a_profile_weigh_as_the_mean_of_a_week() -> None:
    noon = MONDAY + 12 * HOUR
    one = tariff(more={"profile": profile_of([[0] * 12 + [1] * 12] * 8)})
    two = tariff(valid_from=noon, version_id="v2")
    assert by_hour(parts(timeline(one, two), MONDAY, MONDAY + DAY, 1_200)) == dict.fromkeys(
        range(12, 24), 100
    )


def test_every_profile_has_the_same_mean() -> None:
    profile = profile_of([[7] * 24] * 8)
    assert profile == LoadProfile(((EVEN_WEIGHT,) * 24,) * 8)


@pytest.mark.parametrize("rows", [[[0] * 24] * 8, [[1] * 24] * 7, [[1] * 23] * 8, [[-1] + [1] * 23] * 8])
def test_a_profile_that_says_nothing_is_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="load profile"):
        profile_of(rows)


@pytest.mark.invariant(5)
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=24, max_size=24), min_size=8, max_size=8),
    st.integers(0, 30 * 96),
    st.integers(1, 200),
    st.integers(0, 100_000),
)
def test_a_profile_loses_and_adds_no_energy(rows: list[list[int]], begin: int, length: int, wh: int) -> None:
    rows[0][0] = 1
    start = MONDAY + begin * SLOT + 1_234
    found = Rating()
    line = timeline(tariff(more={"profile": profile_of(rows)}))
    allocate(found, line, "m", start, start + length * SLOT, wh)
    pieces = found.open_segments.get("m", [])
    assert sum(piece.wh for piece in pieces) == wh
    assert all(piece.wh > 0 for piece in pieces)
    assert [piece.start for piece in pieces] == sorted(piece.start for piece in pieces)
