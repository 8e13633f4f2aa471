"""How long credit lasts is foretold from real days, through the price list, and only when enough is known."""

from dataclasses import replace
from datetime import date

import pytest

from meter_bridge.core.forecast.consumption_model import MIN_KNOWN_DAYS, PPM, History, fit
from meter_bridge.core.forecast.cost_projection import (
    CostProjection,
    Point,
    add_debt_recovery,
    depletion_at,
    projected_points,
)
from meter_bridge.core.forecast.prediction_interval import (
    MIN_ERRORS,
    backtest_errors,
    duration_ppm,
    prediction_interval,
)
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.rating.rating import BlockUsageKey, Lot, Rating, SupplyTerms
from meter_bridge.core.rating.unit_purchase import sells_units
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import BlockBasis, DemandCharge, TariffVersion, Timeline
from tests.core.back_test import rows
from tests.core.builders import DAY, amount, instant, tariff, tax

SATURDAY = date(2026, 10, 31)
ZONE = "Africa/Johannesburg"


def steady(wh: int = 8_000, days: int = 40, last: date = SATURDAY) -> History:
    return History(last, [wh] * days)


def outlook(
    version: TariffVersion, at: str, history: History, rating: Rating | None = None
) -> CostProjection:
    habit = fit(history)
    assert habit is not None
    timeline, now = Timeline((version,)), instant(at, ZONE)
    points = projected_points(rating or Rating(terms=SupplyTerms()), timeline, habit, now)
    return CostProjection(tuple(points), sells_units(timeline, now))


def days_left(
    version: TariffVersion, at: str, credit: str, history: History, rating: Rating | None = None
) -> float:
    now = instant(at, ZONE)
    found = depletion_at([outlook(version, at, history, rating)], amount(credit), now)
    assert found is not None
    return (found - now) / DAY


def test_the_forecast_beats_the_mean_of_a_week_on_real_homes() -> None:
    *homes, together = rows(3, step=3)
    assert len(homes) == 4
    assert together.better >= 0.08
    assert 0.70 <= together.inside <= 0.90
    for home in homes:
        assert home.better > 0
        assert 0.70 <= home.inside <= 0.90


@pytest.mark.parametrize("days", [1, 7])
def test_the_band_holds_at_other_horizons_too(days: int) -> None:
    *_, together = rows(days, step=16)
    assert together.better > 0
    assert 0.70 <= together.inside <= 0.90


def test_nothing_is_foretold_from_less_than_three_days() -> None:
    for known in range(MIN_KNOWN_DAYS):
        assert fit(History(SATURDAY, [None] * 10 + [5_000] * known)) is None
    assert fit(History(SATURDAY, [None] * 10 + [5_000] * MIN_KNOWN_DAYS)) is not None


def test_no_band_is_told_from_few_past_forecasts() -> None:
    assert prediction_interval([PPM] * (MIN_ERRORS - 1)) is None
    assert prediction_interval(backtest_errors(steady(days=10), 3)) is None
    assert prediction_interval(backtest_errors(steady(days=40), 3)) is not None


def test_a_steady_supply_has_a_narrow_band() -> None:
    found = prediction_interval(backtest_errors(steady(), 3))
    assert found is not None
    assert found.low == pytest.approx(PPM, rel=1e-4)
    assert found.high == pytest.approx(PPM, rel=1e-4)


def test_the_band_leaves_one_in_ten_on_each_side() -> None:
    found = prediction_interval(range(99))
    assert found is not None
    assert (found.low, found.high) == (9, 89)


def test_days_that_are_not_known_teach_nothing() -> None:
    uses: list[int | None] = [8_000] * 40
    with_gap = uses[:20] + [None] * 5 + uses[25:]
    learned = fit(History(SATURDAY, with_gap))
    assert learned is not None
    assert next(learned.daily_forecast()) == pytest.approx(8_000_000, rel=1e-4)


def test_weekdays_are_told_apart() -> None:
    week = [5_000, 5_000, 5_000, 5_000, 5_000, 12_000, 12_000]
    sunday = date(2026, 11, 1)
    habit = fit(History(sunday, week * 12))
    assert habit is not None
    foretold = [use for use, _ in zip(habit.daily_forecast(), range(7), strict=False)]
    assert max(foretold[:5]) < min(foretold[5:])


def test_how_long_an_amount_lasts_counts_parts_of_days() -> None:
    assert duration_ppm([4, 4, 4], 6) == 3 * PPM // 2
    assert duration_ppm([4, 4, 4], 12) == 3 * PPM
    assert duration_ppm([4, 4, 4], 13) is None
    assert duration_ppm([0, 0], 0) == 0


PLAIN = tariff([["1.00"]], time_zone=ZONE)
BLOCKS = tariff([["0.50"], ["2.00"]], limits_kwh=["100"], time_zone=ZONE)


def test_a_plain_price_is_credit_divided_by_use() -> None:
    assert days_left(PLAIN, "2026-11-01 00:00", "40", steady()) == pytest.approx(5, rel=1e-3)


def test_the_rest_of_today_counts_with_its_part() -> None:
    assert days_left(PLAIN, "2026-11-01 18:00", "10", steady()) == pytest.approx(1.25, rel=1e-3)


def test_a_block_that_starts_anew_makes_credit_last_longer() -> None:
    # With the dear block reached a day costs 16; from the 1st on it costs 4.
    history = steady(last=date(2026, 11, 27))
    climbed = Rating(terms=SupplyTerms())
    period = BLOCKS.block_period.text(date(2026, 11, 28))
    climbed.block_usage[BlockUsageKey(period, 0)] = 150_000
    left = days_left(BLOCKS, "2026-11-28 00:00", "56", history, climbed)
    assert left == pytest.approx(3 + 2, rel=1e-2)


def test_standing_charges_and_taxes_shorten_it() -> None:
    dear = tariff([["1.00"]], standing="2.00", taxes=[tax("25")], time_zone=ZONE)
    # A day costs (8 + 2) * 1.25, the standing charge at its begin; today's was charged already.
    assert days_left(dear, "2026-11-01 00:00", "12.50", steady()) == pytest.approx(1, abs=1e-3)
    assert days_left(dear, "2026-11-01 00:00", "17.50", steady()) == pytest.approx(1.5, abs=1e-2)


def test_credit_that_a_standing_charge_takes_ends_at_midnight() -> None:
    dear = tariff([["1.00"]], standing="2.00", time_zone=ZONE)
    assert days_left(dear, "2026-11-01 00:00", "9.00", steady()) == 1


def test_a_debt_that_is_recovered_by_time_shortens_it() -> None:
    at = instant("2026-11-01 00:00", ZONE)
    plain = outlook(PLAIN, "2026-11-01 00:00", steady())
    debt = Debt("d", "Old", amount("100"), rate=amount("4"), every=PeriodUnit.DAY, due=at + DAY)
    owing = add_debt_recovery(plain, [debt], PLAIN.zone)
    before, after = depletion_at([plain], amount("40"), at), depletion_at([owing], amount("40"), at)
    assert before is not None
    assert after is not None
    assert (before - at) / DAY == pytest.approx(5, rel=1e-3)
    assert (after - at) / DAY == pytest.approx(3 + 8 / 8 - 0.5, rel=1e-2)


def test_a_debt_ends_with_what_is_owed() -> None:
    at = instant("2026-11-01 00:00", ZONE)
    plain = outlook(PLAIN, "2026-11-01 00:00", steady())
    debt = Debt("d", "Old", amount("6"), rate=amount("4"), every=PeriodUnit.DAY, due=at + DAY)
    owing = add_debt_recovery(plain, [debt], PLAIN.zone)
    end = plain.points[-1].at
    assert owing.spent_by(end) - plain.spent_by(end) == amount("6")


def test_bought_units_last_as_long_as_they_are_used() -> None:
    selling = replace(PLAIN, basis=BlockBasis.PURCHASE_TIME)
    rating = Rating(terms=SupplyTerms(), lots=[Lot("a", 20_000, 0)])
    at = instant("2026-11-01 00:00", ZONE)
    ahead = outlook(selling, "2026-11-01 00:00", steady(), rating)
    assert ahead.in_units
    found = depletion_at([ahead], 20_000, at)
    assert found is not None
    assert (found - at) / DAY == pytest.approx(2.5, rel=1e-3)


def test_a_greatest_demand_is_taken_to_be_reached_again() -> None:
    demanding = replace(PLAIN, demand=DemandCharge(amount("10")))
    rating = Rating(terms=SupplyTerms())
    rating.demand_peaks[demanding.period(instant("2026-11-29 00:00", ZONE))] = 500
    ahead = outlook(demanding, "2026-11-29 00:00", steady(last=date(2026, 11, 28)), rating)
    december = instant("2026-12-01 00:00", ZONE)
    jump = [point.spent for point in ahead.points if point.at == december]
    # 500 Wh in a quarter of an hour are 2 kW.
    assert jump[-1] - jump[0] == amount("20")


def test_two_supplies_spend_one_credit_together() -> None:
    at = instant("2026-11-01 00:00", ZONE)
    one = outlook(PLAIN, "2026-11-01 00:00", steady())
    found = depletion_at([one, one], amount("40"), at)
    assert found is not None
    assert (found - at) / DAY == pytest.approx(2.5, rel=1e-3)


def test_what_lasts_longer_than_is_looked_ahead_is_not_foretold() -> None:
    at = instant("2026-11-01 00:00", ZONE)
    assert depletion_at([outlook(PLAIN, "2026-11-01 00:00", steady(wh=1))], amount("1000"), at) is None


def test_nothing_left_runs_out_now() -> None:
    at = instant("2026-11-01 00:00", ZONE)
    assert depletion_at([outlook(PLAIN, "2026-11-01 00:00", steady())], 0, at) == at


def test_looking_ahead_changes_nothing_of_the_real_rating() -> None:
    rating = Rating(terms=SupplyTerms())
    outlook(BLOCKS, "2026-11-01 00:00", steady(), rating)
    assert rating == Rating(terms=SupplyTerms())


def test_an_outlook_goes_on_from_where_it_is() -> None:
    points = (Point(0, 0), Point(10, 100), Point(10, 150), Point(20, 250))
    ahead = CostProjection(points)
    assert [ahead.spent_by(at) for at in (0, 5, 10, 15, 99)] == [0, 50, 150, 200, 250]
    assert depletion_at([ahead], 120, 0) == 10
    assert depletion_at([ahead], 60, 5) == 10
    assert depletion_at([ahead], 200, 0) == 15
    assert depletion_at([ahead], 1_000, 0) is None
