"""Price lists that change their kind under a running month, and taxes where prices are worked out to date."""

from datetime import date

import pytest

from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import LineKind, Rating, SupplyTerms, allocate
from meter_bridge.core.rating.unit_purchase import purchase_units
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockBasis,
    Lifeline,
    TariffError,
    Tax,
    TaxBase,
    TaxKind,
    Timeline,
)
from tests.core.builders import DAY, HOUR, MINUTE, amount, instant, per_kwh, tariff

ZONE = "Africa/Johannesburg"
JUNE, JULY = (instant(f"2026-0{month}-01 00:00", ZONE) for month in (6, 7))
PERIOD = "2026-06-01/P1M"
SOLD_AS_UNITS = {"basis": BlockBasis.PURCHASE_TIME}
PRO_RATA = {"meaning": BlockBandMeaning.POOLED_PRO_RATA}
ENERGY = frozenset({TaxBase.CONSUMPTION})


def use(rating: Rating, timeline: Timeline, at: int, wh: int, meter: str = "m") -> None:
    """Use energy within a minute."""
    allocate(rating, timeline, meter, at, at + MINUTE, wh)


def test_units_that_are_left_are_used_also_when_units_are_sold_no_more() -> None:
    timeline = Timeline(
        (tariff([["2"]], more=SOLD_AS_UNITS), tariff([["3"]], valid_from=JUNE, version_id="v2"))
    )
    rating = Rating()
    purchase_units(rating, timeline, JUNE - DAY, amount("20"), "lot")
    use(rating, timeline, JUNE + HOUR, 12_000)
    assert (close_segments(rating, timeline).total, rating.units) == (amount("6"), 0)


def test_units_bought_are_no_energy_used() -> None:
    timeline = Timeline((tariff([["2"]], more=SOLD_AS_UNITS),))
    rating = Rating()
    purchase_units(rating, timeline, JUNE, amount("20"), "lot")
    use(rating, timeline, JUNE + HOUR, 11_000)
    close_segments(rating, timeline)
    charge_day(rating, timeline, JULY)
    assert rating.energy_history[PERIOD] == 11_000


def test_energy_that_is_read_late_counts_in_the_month_in_which_it_was_used() -> None:
    timeline = Timeline((tariff([["2"]]),))
    rating = Rating()
    use(rating, timeline, JUNE + HOUR, 1_000)
    close_segments(rating, timeline)
    charge_day(rating, timeline, JULY)
    use(rating, timeline, JUNE + 2 * DAY, 4_000, "late")
    assert rating.energy_history == {PERIOD: 5_000}


def test_units_with_pro_rata_are_refused() -> None:
    with pytest.raises(TariffError, match="leave out pro rata"):
        tariff([["2"], ["3"]], limits_kwh=["5"], more={**SOLD_AS_UNITS, **PRO_RATA})


def test_a_levy_per_unit_is_raised_also_where_blocks_are_shared() -> None:
    taxes = [
        Tax("levy", 0, frozenset(), TaxKind.LEVY, per_mwh=per_kwh("0.10")),
        Tax("VAT", 100_000, ENERGY | {"levy"}),
    ]
    timeline = Timeline((tariff([["2"], ["3"]], limits_kwh=["5"], taxes=taxes, more=PRO_RATA),))
    rating = Rating()
    for hour in range(6):
        use(rating, timeline, JUNE + hour * HOUR, 1_000)
    # (5 x 2.00 + 1 x 3.00 + 6 x 0.10) and a tenth
    assert close_segments(rating, timeline).total == amount("14.96")


@pytest.mark.invariant(7)
def test_a_month_that_left_its_lifeline_costs_the_same_in_any_order() -> None:
    lifeline = {"lifeline": Lifeline(5_000, (per_kwh("1"),))}
    timeline = Timeline(
        (tariff([["2"]], more=lifeline), tariff([["2"]], valid_from=JUNE + 10 * DAY, version_id="v2"))
    )
    early, late = (JUNE, "a"), (JUNE + 11 * DAY, "b")
    for order in ((early, late), (late, early)):
        rating, total = Rating(), 0
        for at, meter in order:
            use(rating, timeline, at, 4_000, meter)
            total += close_segments(rating, timeline).total
        assert total == amount("16"), "8 kWh in all are more than the lifeline's 5"


def test_late_energy_of_an_older_version_counts_towards_the_minimum_of_the_month() -> None:
    minimum = {"minimum": amount("50")}
    timeline = Timeline(
        (tariff([["2"]]), tariff([["2"]], valid_from=JUNE + 10 * DAY, version_id="v2", more=minimum))
    )
    rating = Rating()
    use(rating, timeline, JUNE + 12 * DAY, 1_000)
    total = close_segments(rating, timeline).total + charge_day(rating, timeline, JULY).total
    use(rating, timeline, JUNE, 4_000, "late")
    assert total + close_segments(rating, timeline).total == amount("50")


def test_a_month_is_closed_also_where_the_next_version_begins_its_months_on_another_day() -> None:
    anchor = {"billing_period": PeriodRule(PeriodUnit.MONTH, 15)}
    timeline = Timeline(
        (
            tariff([["2"]], more={"minimum": amount("50")}),
            tariff([["2"]], valid_from=JULY, version_id="v2", more=anchor),
        )
    )
    rating = Rating()
    use(rating, timeline, JUNE, 1_000)
    total = close_segments(rating, timeline).total + charge_day(rating, timeline, JULY).total
    assert (total, rating.energy_history) == (amount("50"), {PERIOD: 1_000})


def test_energy_of_a_time_before_the_customer_has_the_blocks_of_a_whole_month() -> None:
    timeline = Timeline((tariff([["1"], ["9"]], limits_kwh=["5"], more={"prorate": True}),))
    rating = Rating(terms=SupplyTerms(date(2026, 7, 1)))
    use(rating, timeline, JULY - DAY, 1_000)
    assert close_segments(rating, timeline).total == amount("1")


def test_two_taxes_contained_in_one_price_share_it() -> None:
    taxes = [Tax("a", 100_000, ENERGY, inclusive=True), Tax("b", 150_000, ENERGY, inclusive=True)]
    timeline = Timeline((tariff([["1.25"]], taxes=taxes),))
    rating = Rating()
    use(rating, timeline, JUNE, 1_000)
    lines = close_segments(rating, timeline).lines
    contained = {line.key.band: line.amount for line in lines if line.key.kind == LineKind.INCLUDED_TAX}
    assert contained == {"a": amount("0.10"), "b": amount("0.15")}


@pytest.mark.parametrize(
    "rebates",
    [
        [Tax("r", 0, frozenset(), TaxKind.REBATE, per_mwh=-per_kwh("2.01"))],
        [Tax(name, -600_000, ENERGY, TaxKind.REBATE) for name in ("r", "s")],
        [Tax(name, -600_000, frozenset({TaxBase.STANDING}), TaxKind.REBATE) for name in ("r", "s")],
    ],
)
def test_rebates_of_more_than_the_charge_are_refused(rebates: list[Tax]) -> None:
    with pytest.raises(TariffError, match="give back more than is charged"):
        tariff([["2"]], taxes=rebates)
