"""A load is priced as the bridge would price it, whatever its intervals."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.rating.load_pricing import (
    HOUR_MS,
    LoadInterval,
    Payment,
    PricedPeriod,
    price_load_profile,
    price_load_with_payments,
)
from meter_bridge.core.rating.rating import LineKind, SupplyTerms
from meter_bridge.core.tariff.bands import Band
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockBasis,
    BlockSchedule,
    DemandCharge,
    DemandOf,
    Lifeline,
    StandingCharge,
    TariffVersion,
    Timeline,
    check_tariff,
)
from tests.core.builders import DAY, HOUR, amount, band, instant, per_kwh, tariff, tax, window

ZONE = "Africa/Johannesburg"
JULY = instant("2026-07-01 00:00", ZONE)
PEAK = (band("peak", window("17:00-20:00")), Band("off-peak", (), rest=True))
NO_TERMS = SupplyTerms()


def priced(
    version: TariffVersion,
    load: Sequence[LoadInterval],
    terms: SupplyTerms = NO_TERMS,
    history: Sequence[int] = (),
) -> tuple[PricedPeriod, ...]:
    return price_load_profile(Timeline((version,)), load, terms, history)


def more(version: TariffVersion, **fields: object) -> TariffVersion:
    """Return a version with other fields, checked; with a ladder per band each band has its own."""
    if fields.get("meaning") is BlockBandMeaning.LADDER_PER_BAND:
        (ladder,) = version.ladders
        fields["ladders"] = tuple(
            BlockSchedule((name,), tuple((row[column],) for row in ladder.prices), ladder.limits)
            for column, name in enumerate(ladder.bands)
        )
    changed = replace(version, **fields)  # type: ignore[arg-type]
    check_tariff(changed)
    return changed


def hourly(start: int, hours: int, wh: int) -> list[LoadInterval]:
    return [LoadInterval(start + index * HOUR, start + (index + 1) * HOUR, wh) for index in range(hours)]


def amounts(period: PricedPeriod) -> dict[tuple[str, int, str], int]:
    return {(line.key.kind, line.key.block, line.key.band): line.amount for line in period.lines}


def test_nothing_costs_nothing() -> None:
    assert priced(tariff(), []) == ()


def test_a_month_has_a_line_for_every_block_charge_and_tax() -> None:
    version = tariff((("2.00",), ("3.00",)), limits_kwh=("100",), standing="4.50", taxes=[tax("15")])
    (july,) = priced(version, hourly(JULY, 31 * 24, 250))
    assert july.complete
    assert july.wh == 186_000
    assert amounts(july) == {
        ("consumption", 0, "all"): amount("200"),
        ("consumption", 1, "all"): amount("258"),
        ("standing", -1, "standing charge"): amount("139.50"),
        ("tax", -1, "VAT"): amount("89.625"),
    }
    assert july.total == amount("687.125")
    assert [(line.quantity, line.unit_price) for line in july.lines[:3]] == [
        (100_000, amount("2")),
        (86_000, amount("3")),
        (31, amount("4.50")),
    ]


def test_the_tax_of_each_line_sums_to_the_taxes() -> None:
    version = tariff((("2.00",), ("3.00",)), limits_kwh=("100",), standing="4.50", taxes=[tax("15")])
    (july,) = priced(version, hourly(JULY, 31 * 24, 251))
    taxes = sum(line.amount for line in july.lines if line.key.kind == LineKind.TAX)
    assert sum(line.tax for line in july.lines) == taxes


def test_a_load_that_ends_within_a_month_says_so() -> None:
    july, august = priced(tariff(standing="1"), hourly(JULY, 31 * 24 + 1, 10))
    assert (july.complete, august.complete) == (True, False)
    assert august.total == amount("1.01")


def test_the_end_of_the_load_closes_its_month_and_begins_no_other() -> None:
    (july,) = priced(more(tariff(standing="1"), minimum=amount("100")), hourly(JULY, 31 * 24, 10))
    assert amounts(july)["minimum", -1, "minimum"] == amount("100") - amount("31") - amount("7.44")
    assert july.total == amount("100")


@pytest.mark.parametrize(
    "meaning, expected",
    [
        (BlockBandMeaning.POOLED_CHRONOLOGICAL, "450.00"),
        (BlockBandMeaning.POOLED_PRO_RATA, "443.333334"),
        (BlockBandMeaning.LADDER_PER_BAND, "390.00"),
    ],
)
def test_blocks_and_bands_have_three_meanings(meaning: BlockBandMeaning, expected: str) -> None:
    """The figures of docs/tariffs.md."""
    version = more(
        tariff((("4.00", "2.00"), ("6.00", "3.00")), limits_kwh=("100",), bands=PEAK), meaning=meaning
    )
    noon, evening = JULY + 12 * HOUR, JULY + 17 * HOUR
    load = [
        LoadInterval(noon, noon + HOUR, 80_000),
        LoadInterval(evening, evening + HOUR, 40_000),
        LoadInterval(noon + DAY, noon + DAY + HOUR, 30_000),
    ]
    (july,) = priced(version, load)
    assert july.total == amount(expected)
    assert sum(line.quantity for line in july.lines) == 150_000


@pytest.mark.parametrize(
    "history, block", [((), 0), ((30_000,) * 3, 0), ((90_000, 0, 3), 1), ((101_000,), 2)]
)
def test_the_block_may_follow_from_months_before(history: tuple[int, ...], block: int) -> None:
    version = more(tariff((("1",), ("2",), ("3",)), limits_kwh=("30", "100")), history_periods=3)
    (july,) = priced(version, hourly(JULY, 31 * 24, 1000), history=history)
    assert [line.key.block for line in july.lines] == [block]


def test_demand_is_told_in_watts() -> None:
    version = more(tariff((("1",),)), demand=DemandCharge(amount("42")))
    (july,) = priced(version, [*hourly(JULY, 24, 1000), LoadInterval(JULY + DAY, JULY + DAY + HOUR, 2500)])
    (demand,) = [line for line in july.lines if line.key.kind == LineKind.DEMAND]
    assert (demand.quantity, demand.unit_price, demand.amount) == (2500, amount("42"), amount("105"))


def test_contracted_demand_is_that_of_the_terms() -> None:
    version = more(tariff((("1",),)), demand=DemandCharge(amount("42"), DemandOf.CONTRACTED))
    (july,) = priced(version, hourly(JULY, 24, 0), SupplyTerms(contracted_w=2000))
    assert july.total == amount("84")


def test_a_lifeline_is_taken_back_by_the_unit_beyond_it() -> None:
    version = more(tariff((("5",),)), lifeline=Lifeline(50_000, (per_kwh("4"),)))
    within = priced(version, hourly(JULY, 50, 1000))
    beyond = priced(version, [*hourly(JULY, 50, 1000), LoadInterval(JULY + 50 * HOUR, JULY + 51 * HOUR, 1)])
    assert [each[0].total for each in (within, beyond)] == [amount("200"), amount("250.005")]


@pytest.mark.parametrize("meaning", BlockBandMeaning)
def test_a_lifeline_holds_whatever_blocks_mean(meaning: BlockBandMeaning) -> None:
    version = more(
        tariff((("4.00", "2.00"), ("6.00", "3.00")), limits_kwh=("20",), bands=PEAK),
        meaning=meaning,
        lifeline=Lifeline(50_000, (per_kwh("1.50"), per_kwh("1.00"))),
    )
    load = [LoadInterval(JULY + hour * HOUR, JULY + (hour + 1) * HOUR, 1000) for hour in range(48)]
    (july,) = priced(version, load)
    assert july.total == amount("51.00")  # 6 kWh at peak, 42 off-peak
    (july,) = priced(version, [*load, LoadInterval(load[-1].end, load[-1].end + HOUR, 3000)])
    assert july.total > amount("100")


def test_a_tariff_of_values_to_date_may_begin_with_a_month() -> None:
    """Before its first day there is no month to close."""
    version = replace(more(tariff((("5",),)), minimum=amount("10")), valid_from=JULY)
    (july,) = priced(version, hourly(JULY, 1, 1000))
    assert july.total == amount("5")


def test_two_versions_price_each_their_time() -> None:
    old = tariff((("1",),), valid_from=JULY, version_id="old")
    new = tariff((("2",),), valid_from=JULY + 10 * DAY + HOUR, version_id="new")
    (july,) = price_load_profile(Timeline((old, new)), hourly(JULY, 24 * 20, 1000), NO_TERMS)
    assert [(line.key.version_id, line.quantity) for line in july.lines] == [
        ("old", 241_000),
        ("new", 239_000),
    ]


def test_blocks_of_a_year_go_on_over_its_months() -> None:
    rule = PeriodRule(PeriodUnit.YEAR)
    version = more(tariff((("1",), ("2",)), limits_kwh=("1000",)), block_period=rule)
    july, august = priced(version, hourly(JULY, (31 + 31) * 24, 1000))
    assert [line.quantity for line in july.lines] == [744_000]
    assert [(line.key.block, line.quantity) for line in august.lines] == [(0, 256_000), (1, 488_000)]


def test_a_weekly_charge_is_due_on_mondays() -> None:
    version = more(tariff((("1",),)), standing=(StandingCharge("bin", amount("7"), PeriodUnit.WEEK),))
    (july,) = priced(version, hourly(JULY, 31 * 24, 0))
    assert july.total == amount("28")  # the 6th, 13th, 20th and 27th


@pytest.mark.invariant(7)
@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(1, 96 * 10), unique=True, max_size=40), wh=st.integers(0, 400))
def test_how_a_load_is_cut_does_not_matter(cuts: list[int], wh: int) -> None:
    """A load of a constant power costs the same in quarter hours and in any longer pieces of them."""
    version = tariff(
        (("4.01", "2.03"), ("6.07", "3.09")),
        limits_kwh=("100",),
        bands=PEAK,
        standing="1.11",
        taxes=[tax("15")],
    )
    begin, slot, slots = JULY - 5 * DAY, HOUR // 4, 96 * 10
    bounds = sorted({0, slots, *cuts})
    pieces = [
        LoadInterval(begin + low * slot, begin + high * slot, (high - low) * wh)
        for low, high in pairwise(bounds)
    ]
    fine = [LoadInterval(begin + index * slot, begin + (index + 1) * slot, wh) for index in range(slots)]
    found, expected = priced(version, pieces), priced(version, fine)
    assert [each.total for each in found] == [each.total for each in expected]
    assert [amounts(each) for each in found] == [amounts(each) for each in expected]


class TestUnitsBought:
    """Tshwane 2025/26: 200, 400 and 20 rand in one month bought 169.19 kWh (reference 2.4)."""

    PRICES = (("3.42585",), ("4.00936",), ("4.36816",), ("4.70902",))
    LIMITS = ("100", "400", "650")

    def timeline(self, **more: object) -> Timeline:
        sold = {"basis": BlockBasis.PURCHASE_TIME} | more
        return Timeline((tariff(self.PRICES, limits_kwh=self.LIMITS, more=sold),))

    def load(self, *used: tuple[str, int]) -> list[LoadInterval]:
        """Return hours with energy in Wh."""
        starts = [(instant(f"{day} 12:00", "Africa/Johannesburg"), wh) for day, wh in used]
        return [LoadInterval(start, start + HOUR_MS, wh) for start, wh in starts]

    def payments(self, *paid: tuple[str, str]) -> list[Payment]:
        return [Payment(instant(f"{day} 08:00", "Africa/Johannesburg"), amount(money)) for day, money in paid]

    def test_what_is_bought_in_one_month_and_used_in_the_next_costs_what_it_was_bought_for(self) -> None:
        load = self.load(("2026-03-01", 0), ("2026-03-20", 120_000), ("2026-04-10", 49_000))
        paid = self.payments(("2026-03-02", "200"), ("2026-03-02", "400"), ("2026-03-02", "20"))
        sale = price_load_with_payments(self.timeline(), load, paid, SupplyTerms())
        assert (sale.paid, sale.units) == (amount("620"), 169_191 - 169_000)
        assert 0 <= sale.money < amount("0.01")
        march, april = sale.periods
        assert march.total == amount("620") - sale.money
        assert (april.total, april.wh, march.wh) == (0, 49_000, 120_000)
        as_used = price_load_profile(self.timeline(), load, SupplyTerms())
        assert sum(each.total for each in as_used) < march.total * 96 // 100, "by use it is some 5 % less"

    def test_fixed_charges_are_paid_before_units_are_bought(self) -> None:
        standing = {"standing": (StandingCharge("rent", amount("20.00"), PeriodUnit.MONTH),)}
        load = self.load(("2026-03-01", 0), ("2026-03-20", 1_000))
        sale = price_load_with_payments(
            self.timeline(**standing), load, self.payments(("2026-03-02", "200")), SupplyTerms()
        )
        assert sale.units == 52_541 - 1_000, "180 rand at 3.42585"

    def test_units_that_run_out_are_charged_at_the_ladder_and_owed(self) -> None:
        load = self.load(("2026-03-01", 0), ("2026-03-20", 60_000))
        sale = price_load_with_payments(
            self.timeline(), load, self.payments(("2026-03-02", "200")), SupplyTerms()
        )
        assert sale.units == 0
        owed = (60_000 - 58_379) * amount("3.42585") // 1000
        assert abs(sale.money + owed) <= amount("0.01"), "what a top-up could not buy stays as money"

    def test_a_payment_within_an_interval_divides_it(self) -> None:
        start = instant("2026-03-01 00:00", "Africa/Johannesburg")
        load = [LoadInterval(start, start + 10 * HOUR_MS, 10_000)]
        sale = price_load_with_payments(
            self.timeline(), load, [Payment(start + 5 * HOUR_MS, amount("100"))], SupplyTerms()
        )
        kinds = {line.key.kind: line.quantity for line in sale.periods[0].lines}
        assert kinds["units"] == 5_000
        assert sale.paid == amount("100")

    def test_without_payments_nothing_changes(self) -> None:
        load = self.load(("2026-03-01", 0), ("2026-03-20", 120_000))
        sale = price_load_with_payments(self.timeline(), load, [], SupplyTerms())
        assert sale.periods == price_load_profile(self.timeline(), load, SupplyTerms())

    @pytest.mark.parametrize("last", ["2026-03-30", "2026-03-31", "2026-04-30"])
    @pytest.mark.parametrize("per", [PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH])
    def test_what_was_paid_is_what_the_periods_cost_and_what_is_left(
        self, last: str, per: PeriodUnit
    ) -> None:
        """A load that ends with the bill does not pay what the next one begins with."""
        start = instant("2026-03-01 00:00", "Africa/Johannesburg")
        end = instant(f"{last} 00:00", "Africa/Johannesburg") + DAY
        load = [LoadInterval(start, end, 60_000)]
        rent = {"standing": (StandingCharge("rent", amount("20.00"), per),), "minimum": amount("300")}
        paid = self.payments(("2026-03-02", "200"), ("2026-03-20", "150"))
        sale = price_load_with_payments(self.timeline(**rent), load, paid, SupplyTerms())
        assert sale.paid == amount("350")
        assert sum(period.total for period in sale.periods) + sale.money == sale.paid
