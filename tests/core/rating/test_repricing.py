"""Pricing a past period anew gives what the other price list would have charged from the beginning."""

from datetime import date, timedelta

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.load_pricing import LoadInterval, energy_needed_from, reprice_period
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import LineKind, Rating, SupplyTerms, allocate
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from tests.core.builders import DAY, HOUR, SLOT, amount, instant, tariff
from tests.core.rating.test_rating_kinds_properties import tariffs

ZONE = "Africa/Johannesburg"
JUNE, JULY = (instant(f"2026-0{month}-01 00:00", ZONE) for month in (6, 7))
PERIOD = "2026-06-01/P1M"


def test_another_price_for_a_month_that_is_over() -> None:
    version = tariff([["2"], ["3"]], limits_kwh=["10"], standing="1")
    used = [
        LoadInterval(JUNE + DAY, JUNE + DAY + SLOT, 8_000),
        LoadInterval(JUNE + 2 * DAY, JUNE + 2 * DAY + SLOT, 4_000),
    ]
    assert reprice_period(version, SupplyTerms(), used, PERIOD, JULY + DAY).total == amount("26") + amount(
        "30"
    )


def test_a_months_first_day_of_a_supply_has_no_standing_charge() -> None:
    version = tariff(standing="1")
    found = reprice_period(version, SupplyTerms(started=date(2026, 6, 21)), [], PERIOD, JULY)
    assert found.total == amount("9")


@pytest.mark.parametrize("used_before, due", [(0, "5"), (30_000, "10")])
def test_a_years_ladder_knows_the_months_before(used_before: int, due: str) -> None:
    more = {"block_period": PeriodRule(PeriodUnit.YEAR)}
    version = tariff([["1"], ["2"]], limits_kwh=["20"], more=more)
    assert energy_needed_from(version, PERIOD) == instant("2026-01-01 00:00", ZONE)
    used = [
        LoadInterval(JUNE - 9 * DAY, JUNE - 9 * DAY + SLOT, used_before),
        LoadInterval(JUNE, JUNE + SLOT, 5_000),
    ]
    assert reprice_period(version, SupplyTerms(), used, PERIOD, JULY).total == amount(due)


def test_the_block_by_history_knows_its_months() -> None:
    version = tariff([["1"], ["2"]], limits_kwh=["20"], more={"history_periods": 2})
    assert energy_needed_from(version, PERIOD) == instant("2026-04-01 00:00", ZONE)
    used = [
        LoadInterval(JUNE - 40 * DAY, JUNE - 40 * DAY + SLOT, 60_000),
        LoadInterval(JUNE, JUNE + SLOT, 5_000),
    ]
    assert reprice_period(version, SupplyTerms(), used, PERIOD, JULY).total == amount("10")


def test_a_month_under_way_has_no_minimum_yet() -> None:
    version = tariff([["1"]], more={"minimum": amount("50")})
    used = [LoadInterval(JUNE, JUNE + SLOT, 5_000)]
    assert reprice_period(version, SupplyTerms(), used, PERIOD, JULY - DAY).total == amount("5")
    assert reprice_period(version, SupplyTerms(), used, PERIOD, JULY).total == amount("50")


@settings(max_examples=60, deadline=None)
@given(tariffs(), st.dictionaries(st.integers(0, 24 * 40), st.integers(1, 4_000), max_size=8))
def test_the_same_price_list_again_changes_nothing(version: TariffVersion, hours: dict[int, int]) -> None:
    timeline, rating = Timeline((version,)), Rating(terms=SupplyTerms(started=date(2026, 3, 1)))
    start = day_start(date(2026, 3, 1), version.zone)
    used = [
        LoadInterval(start + hour * HOUR, start + hour * HOUR + SLOT, wh)
        for hour, wh in sorted(hours.items())
    ]
    period = version.billing_period.text(date(2026, 3, 20))
    left = list(used)
    for number in range(60):
        midnight = day_start(date(2026, 3, 1) + timedelta(days=number), version.zone)
        if number:
            charge_day(rating, timeline, midnight)
        while left and left[0].start < midnight + 25 * HOUR:
            each = left.pop(0)
            allocate(rating, timeline, "m", *each)
        close_segments(rating, timeline)
    charged = sum(
        line.settled_amount
        for key, line in rating.lines.items()
        if key.period == period and key.kind != LineKind.INCLUDED_TAX
    )
    end = day_start(date(2026, 3, 1) + timedelta(days=59), version.zone)
    again = reprice_period(version, SupplyTerms(started=date(2026, 3, 1)), used, period, end)
    assert again.total == charged
