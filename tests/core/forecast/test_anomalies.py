"""Unusual consumption is told against the own past and against similar units, and closes by itself."""

import pytest

from meter_bridge.core.forecast.anomalies import (
    MIN_SIMILAR_UNITS,
    compare_with_own_past,
    compare_with_similar,
    idle_days,
    unaccounted_energy,
    weekly_mean,
)
from meter_bridge.core.forecast.consumption_model import Uses

MONTH: list[int | None] = [8_000] * 28


@pytest.mark.parametrize("week", [3_900, 16_100, 0])
def test_a_week_far_from_the_month_before_is_found(week: int) -> None:
    assert compare_with_own_past([*MONTH, *[week] * 7]) is not None


@pytest.mark.parametrize("week", [8_000, 4_100, 15_900])
def test_a_week_near_the_month_before_is_not(week: int) -> None:
    assert compare_with_own_past([*MONTH, *[week] * 7]) is None


def test_a_finding_stays_until_the_week_is_clearly_usual_again() -> None:
    between: Uses = [*MONTH, *[4_800] * 7]
    assert compare_with_own_past(between) is None
    assert compare_with_own_past(between, present=True) is not None
    assert compare_with_own_past([*MONTH, *[5_300] * 7], present=True) is None


def test_a_finding_says_how_much() -> None:
    found = compare_with_own_past([*MONTH, *[2_000] * 7])
    assert found is not None
    assert (found.now_wh, found.usual_wh, found.percent) == (2_000, 8_000, 25)


def test_too_little_known_says_nothing() -> None:
    assert compare_with_own_past([*[None] * 8, *[8_000] * 20, *[100] * 7]) is None
    assert compare_with_own_past([*MONTH, *[None] * 3, *[100] * 4]) is None
    assert weekly_mean([None] * 7) is None


def test_a_supply_that_hardly_uses_anything_is_left_alone() -> None:
    assert compare_with_own_past([*[300] * 28, *[0] * 7]) is None
    assert idle_days([*[300] * 28, *[0] * 7]) == 0


def test_no_consumption_is_told_from_the_second_day_on() -> None:
    assert [idle_days([*MONTH, *[0] * days]) for days in range(4)] == [0, 0, 2, 3]
    assert idle_days([*MONTH, 0, 0, 5_000]) == 0
    assert idle_days([*MONTH, 0, 0, None]) == 0, "a day without readings or without supply says nothing"


def test_a_unit_that_stands_out_among_similar_ones_is_found() -> None:
    street = {f"flat-{n}": 7_000 + 300 * n for n in range(8)}
    assert compare_with_similar(street) == {}
    found = compare_with_similar(street | {"greedy": 40_000, "silent": 900})
    assert set(found) == {"greedy", "silent"}


def test_few_units_are_not_compared() -> None:
    few = {f"flat-{n}": 7_000 for n in range(MIN_SIMILAR_UNITS - 2)}
    assert compare_with_similar(few | {"greedy": 40_000}) == {}


def test_energy_that_no_unit_measured_is_found_above_the_usual_losses() -> None:
    assert unaccounted_energy(100_000, 90_000) is None
    found = unaccounted_energy(100_000, 89_900)
    assert found is not None
    assert (found.now_wh, found.percent) == (10_100, 10)
    assert unaccounted_energy(100_000, 91_000, present=True) is not None
    assert unaccounted_energy(100_000, 92_500, present=True) is None
    assert unaccounted_energy(100_000, 120_000) is None
    assert unaccounted_energy(400, 0) is None
