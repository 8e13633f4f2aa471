"""Price lists that may follow one another, and those that would leave a month half priced."""

import pytest

from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import BlockBandMeaning, BlockBasis, Lifeline, StandingCharge
from meter_bridge.core.tariff.version_rules import find_obstacle
from tests.core.builders import amount, instant, tariff

ZONE = "Africa/Johannesburg"
WITHIN = instant("2026-07-10 00:00", ZONE)
WITH_A_BILL = instant("2026-07-01 00:00", ZONE)
OTHER_DAY = {
    "billing_period": PeriodRule(PeriodUnit.MONTH, 15),
    "block_period": PeriodRule(PeriodUnit.MONTH, 15),
}
UNITS = {"basis": BlockBasis.PURCHASE_TIME}
PRO_RATA = {"meaning": BlockBandMeaning.POOLED_PRO_RATA}
LIFELINE = {"lifeline": Lifeline(50_000, (amount("1.00"),))}


@pytest.mark.parametrize(
    "counted",
    [
        {"minimum": amount("10")},
        {"history_periods": 3},
        {"standing": (StandingCharge("rent", amount("1"), PeriodUnit.MONTH),)},
        {"free_wh": 5_000},
        PRO_RATA,
        LIFELINE,
    ],
)
def test_another_billing_day_is_refused_where_bills_are_counted(counted: dict[str, object]) -> None:
    before, after = tariff(more=counted), tariff(more=OTHER_DAY | {})
    for one, other in ((before, after), (after, before)):
        found = find_obstacle(one, other, WITHIN)
        assert found is not None
        assert (found.key, found.remedy) == ("billing day", f"keep billing day: {one.billing_period.day}")


def test_another_billing_day_does_no_harm_where_nothing_is_counted_by_bills() -> None:
    assert find_obstacle(tariff(), tariff(more=OTHER_DAY), WITHIN) is None


@pytest.mark.parametrize("other", [PRO_RATA, LIFELINE])
def test_units_bought_share_no_bill_with_prices_that_look_back(other: dict[str, object]) -> None:
    sells, looks = tariff(more=UNITS), tariff(more=other)
    for one, another in ((sells, looks), (looks, sells)):
        found = find_obstacle(one, another, WITHIN)
        assert found is not None
        assert "first day of its month" in found.remedy
        assert find_obstacle(one, another, WITH_A_BILL) is None


def test_units_bought_may_give_way_to_plain_prices_at_any_time() -> None:
    assert find_obstacle(tariff(more=UNITS), tariff(), WITHIN) is None
    assert find_obstacle(tariff(), tariff(more=UNITS), WITHIN) is None
