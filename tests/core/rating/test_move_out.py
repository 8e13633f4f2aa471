"""Moving out within a period: what was paid in advance comes back in part, the minimum is in proportion."""

from datetime import date

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.fixed_charges import PrepaidCharge, charge_day, prorate_final_period
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import Charges, LineKind, Rating, SupplyTerms
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import DemandCharge, DemandOf, StandingCharge, Timeline
from tests.core.builders import amount, tariff

HOUR = 3_600_000


def version(**more: object) -> Timeline:
    """Return a tariff that prorates the last period, with VAT of 15 %."""
    return Timeline((tariff(more={"prorate_last": True} | more),))


def begun(timeline: Timeline, rating: Rating, *days: date) -> list[PrepaidCharge]:
    """Charge what days make due; return what was paid so."""
    paid = []
    for day in days:
        settled = charge_day(rating, timeline, day_start(day, timeline.versions[0].zone))
        paid += [
            PrepaidCharge(each.kind, each.key.band, each.key.version_id, each.start, each.amount)
            for each in settled.segments
        ]
    return paid


def moved_out(timeline: Timeline, rating: Rating, paid: list[PrepaidCharge], day: date) -> Charges:
    """Return what moving out at eleven in the morning settles."""
    return prorate_final_period(rating, timeline, paid, day_start(day, timeline.versions[0].zone) + 11 * HOUR)


MONTHLY = (StandingCharge("rent", amount("31.00"), PeriodUnit.MONTH),)
WEEKLY = (StandingCharge("network", amount("7.00"), PeriodUnit.WEEK),)


class TestGivenBack:
    def test_a_monthly_charge_comes_back_for_the_days_after(self) -> None:
        timeline, rating = version(standing=MONTHLY), Rating()
        paid = begun(timeline, rating, date(2026, 1, 1))
        assert moved_out(timeline, rating, paid, date(2026, 1, 10)).total == -amount("21.00")

    def test_a_weekly_charge_across_the_months_end_comes_back_for_its_own_days(self) -> None:
        timeline, rating = version(standing=WEEKLY), Rating()
        paid = begun(timeline, rating, date(2026, 3, 30))
        back = moved_out(timeline, rating, paid, date(2026, 4, 1))
        assert back.total == -amount("4.00")
        assert {line.key.period for line in back.lines} == {"2026-03-01/P1M"}, (
            "on the line that it was paid on"
        )

    def test_the_contracted_demand_comes_back_and_its_tax_with_it(self) -> None:
        demand = DemandCharge(amount("10.00"), DemandOf.CONTRACTED)
        timeline, rating = version(demand=demand), Rating(terms=SupplyTerms(contracted_w=3_100))
        paid = begun(timeline, rating, date(2026, 1, 1))
        assert moved_out(timeline, rating, paid, date(2026, 1, 30)).total == -amount("1.00")

    @pytest.mark.parametrize(
        "standing,day",
        [((StandingCharge("a day", amount("4.00")),), date(2026, 1, 10)), (MONTHLY, date(2026, 1, 31))],
    )
    def test_nothing_comes_back_of_days_that_were_used(
        self, standing: tuple[StandingCharge, ...], day: date
    ) -> None:
        timeline, rating = version(standing=standing), Rating()
        paid = begun(timeline, rating, date(2026, 1, 1), day)
        assert moved_out(timeline, rating, paid, day).total == 0

    def test_nothing_comes_back_unless_the_tariff_says_so(self) -> None:
        timeline, rating = version(standing=MONTHLY, prorate_last=False), Rating()
        paid = begun(timeline, rating, date(2026, 1, 1))
        assert moved_out(timeline, rating, paid, date(2026, 1, 10)) == Charges((), ())

    def test_nothing_comes_back_of_what_was_waived(self) -> None:
        timeline, rating = version(standing=MONTHLY), Rating()
        charge_day(rating, timeline, day_start(date(2026, 1, 1), timeline.versions[0].zone), waived=True)
        assert moved_out(timeline, rating, [], date(2026, 1, 10)).total == 0

    @given(
        began=st.integers(0, 30),
        stays=st.integers(1, 60),
        price=st.integers(1, amount("500.00")),
    )
    def test_a_customer_pays_for_the_days_there_within_a_step_for_each_month(
        self, began: int, stays: int, price: int
    ) -> None:
        standing = (StandingCharge("rent", price, PeriodUnit.MONTH),)
        timeline = version(standing=standing, prorate=True)
        first = date.fromordinal(date(2026, 1, 1).toordinal() + began)
        rating = Rating(terms=SupplyTerms(started=first))
        days = [date.fromordinal(first.toordinal() + n) for n in range(1, stays + 1)]
        paid = begun(timeline, rating, *days)
        total = sum(each.amount for each in paid) + moved_out(timeline, rating, paid, days[-1]).total
        exact = sum(price / 31 if day.month in (1, 3) else price / 28 for day in days)
        assert total == pytest.approx(exact, abs=4)


class TestMinimum:
    @pytest.mark.parametrize("prorate_last,due", [(True, "10.00"), (False, "0")])
    def test_it_is_made_up_for_the_days_before_where_the_tariff_says_so(
        self,
        *,
        prorate_last: bool,
        due: str,
    ) -> None:
        timeline = version(minimum=amount("31.00"), prorate_last=prorate_last)
        rating = Rating()
        assert moved_out(timeline, rating, [], date(2026, 1, 10)).total == amount(due)

    def test_it_is_for_the_days_between_where_both_ends_lie_in_the_month(self) -> None:
        timeline = version(minimum=amount("31.00"), prorate=True)
        rating = Rating(terms=SupplyTerms(started=date(2026, 1, 6)))
        assert moved_out(timeline, rating, [], date(2026, 1, 10)).total == amount("5.00")

    def test_what_comes_back_no_longer_counts_towards_it(self) -> None:
        timeline, rating = version(standing=MONTHLY, minimum=amount("62.00")), Rating()
        paid = begun(timeline, rating, date(2026, 1, 1))
        settled = moved_out(timeline, rating, paid, date(2026, 1, 10))
        kinds = {line.key.kind: line.amount for line in settled.lines}
        assert kinds == {LineKind.STANDING: -amount("21.00"), LineKind.MINIMUM: amount("10.00")}
        assert close_segments(rating, timeline).total == 0
