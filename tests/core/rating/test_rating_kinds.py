"""Every kind of charge and meaning of blocks, on worked figures."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total, close_segments, energy_of
from meter_bridge.core.rating.rating import (
    Charges,
    LineKind,
    Rating,
    SupplyTerms,
    allocate,
    maximum_demand,
    purge_periods,
)
from meter_bridge.core.rating.unit_purchase import purchase_units, return_units
from meter_bridge.core.tariff.bands import EVERY_DAY, Band, BandCalendar, Season, Window
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
    Tax,
    TaxBase,
    TaxKind,
    Timeline,
)
from tests.core.builders import (
    DAY,
    HOUR,
    SLOT,
    amount,
    band,
    bangladesh,
    instant,
    per_kwh,
    tariff,
    tax,
    timeline,
    window,
)

ZONE = "Africa/Johannesburg"
JANUARY = instant("2026-01-01 00:00", ZONE)
FEBRUARY = instant("2026-02-01 00:00", ZONE)


def sums(*settlements: Charges) -> Counter[str]:
    """Return what settlements charge per kind and name."""
    found: Counter[str] = Counter()
    for settlement in settlements:
        for each in settlement.lines:
            named = each.key.kind in (LineKind.TAX, LineKind.INCLUDED_TAX, LineKind.STANDING)
            found[each.key.band if named else str(each.key.kind)] += each.amount
        facts = sum(segment.amount + segment.tax for segment in settlement.segments)
        assert facts == settlement.total, "facts add up to the charge"
    return found


def two_bands(**more: object) -> TariffVersion:
    """Return two blocks over day and night: 1 and 3 by day, half of it by night, the step at 10 kWh."""
    bands = [band("day"), band("night", window("22:00-06:00"))]
    return tariff([["1", "0.5"], ["3", "1.5"]], limits_kwh=["10"], bands=bands, more=more)


def use_day_and_night(rating: Rating, line: Timeline) -> Charges:
    """Use 6 kWh by day, then 8 kWh by night, then 6 kWh by day."""
    noon = JANUARY + 12 * HOUR
    allocate(rating, line, "m", noon, noon + HOUR, 6_000)
    allocate(rating, line, "m", JANUARY + 23 * HOUR, JANUARY + DAY, 8_000)
    allocate(rating, line, "m", noon + DAY, noon + DAY + HOUR, 6_000)
    return close_segments(rating, line)


class TestMeanings:
    """One load, three meanings of blocks and bands, three costs."""

    def test_pooled_chronological_fills_blocks_in_the_order_of_use(self, rating: Rating) -> None:
        # 6 day + 4 night in the first block; 4 night + 6 day in the second
        cost = use_day_and_night(rating, timeline(two_bands())).total
        assert cost == amount("6") + amount("2") + amount("6") + amount("18")

    def test_pooled_pro_rata_gives_each_band_its_share_of_each_block(self, rating: Rating) -> None:
        # 12 of 20 kWh by day: 6 and 6 in the blocks; 8 by night: 4 and 4
        line = timeline(two_bands(meaning=BlockBandMeaning.POOLED_PRO_RATA))
        cost = use_day_and_night(rating, line).total
        assert cost == amount("6") + amount("18") + amount("2") + amount("6")

    def test_a_ladder_per_band_gives_each_band_blocks_of_its_own(self, rating: Rating) -> None:
        version = two_bands()
        ladders = (
            BlockSchedule(("day",), ((per_kwh("1"),), (per_kwh("3"),)), (10_000,)),
            BlockSchedule(("night",), ((per_kwh("0.5"),), (per_kwh("1.5"),)), (5_000,)),
        )
        line = timeline(replace(version, meaning=BlockBandMeaning.LADDER_PER_BAND, ladders=ladders))
        cost = use_day_and_night(rating, line).total
        assert cost == amount("10") + amount("6") + amount("2.50") + amount("4.50")

    def test_pro_rata_lines_end_at_the_same_amounts_however_they_are_settled(self) -> None:
        line = timeline(two_bands(meaning=BlockBandMeaning.POOLED_PRO_RATA, taxes=(tax("15"),)))
        whole, cut = Rating(), Rating()
        total = use_day_and_night(whole, line)
        found: list[Charges] = []
        for start, wh in ((12 * HOUR, 6_000), (23 * HOUR, 8_000), (36 * HOUR, 6_000)):
            for part in range(4):
                at = JANUARY + start + part * SLOT
                allocate(cut, line, "m", at, at + SLOT, wh // 4)
                before = accrued_total(cut, line)
                found.append(close_segments(cut, line))
                assert found[-1].total == before
        assert sums(*found) == sums(total)
        assert {key: each.settled_amount for key, each in cut.lines.items()} == {
            key: each.settled_amount for key, each in whole.lines.items()
        }


class TestPeriods:
    @pytest.mark.parametrize(
        "unit, resets", [(PeriodUnit.DAY, True), (PeriodUnit.MONTH, False), (PeriodUnit.YEAR, False)]
    )
    def test_blocks_start_anew_with_their_period(
        self, rating: Rating, unit: PeriodUnit, *, resets: bool
    ) -> None:
        version = tariff([["1"], ["2"]], limits_kwh=["5"], more={"block_period": PeriodRule(unit)})
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 5_000)
        allocate(rating, line, "m", JANUARY + DAY, JANUARY + DAY + HOUR, 5_000)
        assert close_segments(rating, line).total == (amount("10") if resets else amount("15"))

    def test_a_years_ladder_goes_on_over_the_months_and_its_bills_do_not(self, rating: Rating) -> None:
        rule = PeriodRule(PeriodUnit.YEAR)
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["5"], more={"block_period": rule}))
        allocate(rating, line, "m", FEBRUARY - HOUR, FEBRUARY, 4_000)
        allocate(rating, line, "m", FEBRUARY, FEBRUARY + HOUR, 4_000)
        assert close_segments(rating, line).total == amount("5") + amount("6")
        assert [energy_of(rating, line, f"2026-0{month}-01/P1M") for month in (1, 2)] == [4_000, 4_000]

    def test_an_anchor_day_moves_the_month(self, rating: Rating) -> None:
        rule = PeriodRule(day=15)
        line = timeline(
            tariff([["1"], ["2"]], limits_kwh=["5"], more={"block_period": rule, "billing_period": rule})
        )
        turn = instant("2026-01-15 00:00", ZONE)
        allocate(rating, line, "m", turn - HOUR, turn + HOUR, 10_000)
        assert close_segments(rating, line).total == amount("10")
        assert sorted({key.period for key in rating.lines}) == ["2025-12-15/P1M", "2026-01-15/P1M"]

    def test_a_first_period_in_part_has_blocks_in_part(self) -> None:
        version = tariff([["1"], ["2"]], limits_kwh=["31"], more={"prorate": True})
        terms = SupplyTerms(started=date.fromisoformat("2026-01-22"))
        rating, line = Rating(terms=terms), timeline(version)
        at = instant("2026-01-22 10:00", ZONE)
        allocate(rating, line, "m", at, at + HOUR, 12_000)
        assert close_segments(rating, line).total == amount("10") + amount("4")  # 10 of 31 days


class TestSeasons:
    def test_seasons_price_their_days_and_may_have_ladders_of_their_own(self, rating: Rating) -> None:
        seasons = (Season("high", ((601, 831),)), Season("low", rest=True))
        bands = (
            Band("high", (Window(EVERY_DAY, 0, 0, frozenset({"high"})),)),
            Band("low", (Window(EVERY_DAY, 0, 0, frozenset({"low"})),)),
        )
        version = replace(
            tariff(),
            calendar=BandCalendar(ZONE, bands, seasons),
            ladders=(
                BlockSchedule(("high",), ((per_kwh("4"),), (per_kwh("8"),)), (1_000,)),
                BlockSchedule(("low",), ((per_kwh("1"),), (per_kwh("2"),)), (2_000,)),
            ),
        )
        line, june = timeline(version), instant("2026-06-01 00:00", ZONE)
        allocate(rating, line, "m", june - HOUR, june + HOUR, 6_000)
        assert close_segments(rating, line).total == amount("2") + amount("2") + amount("4") + amount("16")


class TestBangladesh:
    """BERC 2024 LT-A for 2 kW: 250 kWh cost 1674.00; with demand, rebate, VAT and meter rent 1877.11."""

    def full(self) -> TariffVersion:
        """Return the whole tariff; the meter rent carries no VAT."""
        version = bangladesh()
        charges = frozenset({TaxBase.CONSUMPTION.value, TaxBase.DEMAND.value})
        return replace(
            version,
            demand=DemandCharge(amount("42", "BDT"), DemandOf.CONTRACTED),
            standing=(StandingCharge("meter rent", amount("40", "BDT"), PeriodUnit.MONTH),),
            taxes=(
                Tax("prepaid rebate", -5_000, charges, TaxKind.REBATE),
                Tax("VAT", 50_000, charges | {"prepaid rebate"}),
            ),
        )

    def test_a_month_of_250_kwh_costs_1877_11(self) -> None:
        line = timeline(self.full())
        rating = Rating(terms=SupplyTerms(contracted_w=2_000))
        start = instant("2026-01-01 00:00", "Asia/Dhaka")
        first = charge_day(rating, line, start)
        allocate(rating, line, "m", start, start + 20 * DAY, 250_000)
        found = sums(first, close_segments(rating, line))
        assert found == {
            "consumption": amount("1674.00", "BDT"),
            "demand": amount("84.00", "BDT"),
            "prepaid rebate": -amount("8.79", "BDT"),
            "VAT": amount("87.4605", "BDT"),
            "meter rent": amount("40", "BDT"),
        }

    def test_the_lifeline_holds_for_the_whole_month_or_not_at_all(self, rating: Rating) -> None:
        version = replace(bangladesh(), taxes=(), lifeline=Lifeline(50_000, (per_kwh("4.63", "BDT"),)))
        line, start = timeline(version), instant("2026-01-01 00:00", "Asia/Dhaka")
        allocate(rating, line, "m", start, start + HOUR, 50_000)
        assert accrued_total(rating, line) == amount("231.50", "BDT")
        small = close_segments(rating, line)
        allocate(rating, line, "m", start + HOUR, start + 2 * HOUR, 1_000)
        assert accrued_total(rating, line) == amount("5.26", "BDT") + amount("31.50", "BDT")
        found = sums(small, close_segments(rating, line))
        assert found.total() == amount("268.26", "BDT")  # 51 at 5.26
        assert found["lifeline"] == 0


class TestKenya:
    """The band of the last three months' mean prices every unit."""

    @pytest.mark.parametrize(
        "history, price",
        [
            ((), "12.24"),
            ((30, 30, 30), "12.24"),
            ((30, 30, 31), "16.58"),
            ((99, 100, 102), "20.58"),
            ((200,), "20.58"),
        ],
    )
    def test_even_the_first_unit_has_the_price_of_the_band(
        self, rating: Rating, history: tuple[int, ...], price: str
    ) -> None:
        version = tariff(
            [["12.24"], ["16.58"], ["20.58"]],
            limits_kwh=["30", "100"],
            currency="KES",
            more={"history_periods": 3},
        )
        months = ["2025-10-01/P1M", "2025-11-01/P1M", "2025-12-01/P1M"]
        rating.energy_history = {month: kwh * 1000 for month, kwh in zip(months, history, strict=False)}
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 150_000)
        assert close_segments(rating, line).total == 150 * amount(price, "KES")

    def test_the_end_of_a_month_makes_it_history(self, rating: Rating) -> None:
        version = tariff([["1"], ["2"]], limits_kwh=["30"], more={"history_periods": 1})
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 31_000)
        first = close_segments(rating, line).total
        charge_day(rating, line, FEBRUARY)
        allocate(rating, line, "m", FEBRUARY, FEBRUARY + HOUR, 1_000)
        assert (first, close_segments(rating, line).total) == (amount("31"), amount("2"))


class TestDemand:
    def test_the_greatest_quarter_hour_of_the_month_is_charged_once(self, rating: Rating) -> None:
        version = tariff(
            [["0"]], taxes=[tax("10", on=[TaxBase.DEMAND])], more={"demand": DemandCharge(amount("100"))}
        )
        line = timeline(version)
        for slot, wh in enumerate((500, 1_000, 250, 750)):
            allocate(rating, line, "m", JANUARY + slot * SLOT, JANUARY + (slot + 1) * SLOT, wh)
        assert accrued_total(rating, line) == amount("440")  # 4 kW
        assert sums(close_segments(rating, line)) == {
            "demand": amount("400"),
            "VAT": amount("40"),
            "consumption": 0,
        }

    def test_meters_of_one_supply_add_up_within_an_interval(self, rating: Rating) -> None:
        line = timeline(tariff([["0"]], more={"demand": DemandCharge(amount("10"), interval_min=30)}))
        allocate(rating, line, "a", JANUARY, JANUARY + 30 * 60_000, 1_000)
        allocate(rating, line, "b", JANUARY, JANUARY + 30 * 60_000, 2_000)
        assert close_segments(rating, line).total == amount("60")  # 3 kWh in half an hour are 6 kW

    def test_a_peak_of_an_hour_stays_one_where_quarters_of_an_hour_count_later(self, rating: Rating) -> None:
        """5 kWh in an hour are 5 kW, also for a bill whose last days measure quarters of an hour."""
        hourly = tariff([["0"]], more={"demand": DemandCharge(amount("10"), interval_min=60)})
        change = JANUARY + 10 * DAY
        quarterly = replace(
            hourly, id="v2", valid_from=change, demand=DemandCharge(amount("10"), interval_min=15)
        )
        line = timeline(hourly, quarterly)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 5_000)
        assert close_segments(rating, line).total == amount("50")
        allocate(rating, line, "m", change, change + SLOT, 1_000)
        assert close_segments(rating, line).total == 0  # 4 kW
        allocate(rating, line, "m", change + HOUR, change + HOUR + SLOT, 1_500)
        assert close_segments(rating, line).total == amount("10")  # 6 kW
        purge_periods(rating, "2026-01-01")
        assert maximum_demand(rating, "2026-01-01/P1M", 15) == 6_000

    def test_a_peak_stored_without_its_interval_is_of_the_present_one(self, rating: Rating) -> None:
        version = tariff([["0"]], more={"demand": DemandCharge(amount("10"), interval_min=60)})
        rating.demand_peaks["2026-01-01/P1M"] = 5_000
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 1_000)
        assert close_segments(rating, line).total == amount("50")


class TestMinimum:
    def test_what_a_month_falls_short_of_is_made_up_at_its_end(self, rating: Rating) -> None:
        line = timeline(
            tariff([["1"]], taxes=[tax("10", on=[TaxBase.MINIMUM])], more={"minimum": amount("50")})
        )
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 20_000)
        used = close_segments(rating, line)
        closing = charge_day(rating, line, FEBRUARY)
        assert sums(used, closing) == {
            "consumption": amount("20"),
            "minimum": amount("30"),
            "VAT": amount("3"),
        }
        allocate(rating, line, "late", FEBRUARY - HOUR, FEBRUARY, 10_000)
        assert sums(close_segments(rating, line)) == {
            "consumption": amount("10"),
            "minimum": -amount("10"),
            "VAT": -amount("1"),
        }

    def test_a_month_that_began_before_the_supply_has_none_unless_pro_rata(self) -> None:
        for prorate, due in ((False, "0"), (True, "5")):
            version = tariff(more={"minimum": amount("31"), "prorate": prorate})
            rating = Rating(terms=SupplyTerms(started=date.fromisoformat("2026-01-27")))
            line = timeline(version)
            at = instant("2026-01-28 00:00", ZONE)
            allocate(rating, line, "m", at, at + HOUR, 0)
            assert charge_day(rating, line, FEBRUARY).total == (amount(due) if prorate else 0)


class TestFixed:
    def test_days_weeks_and_months_are_charged_as_they_begin(self, rating: Rating) -> None:
        charges = (
            StandingCharge("day", amount("1")),
            StandingCharge("week", amount("7"), PeriodUnit.WEEK),
            StandingCharge("month", amount("30"), PeriodUnit.MONTH),
        )
        line = timeline(tariff(more={"standing": charges}))
        days = [charge_day(rating, line, JANUARY + day * DAY) for day in range(31)]
        assert sums(*days) == {"day": amount("31"), "week": amount("28"), "month": amount("30")}

    def test_a_first_month_in_part_is_charged_in_part_only_where_the_tariff_says_so(self) -> None:
        for prorate, due in ((True, "10"), (False, "0")):
            charge = StandingCharge("month", amount("31"), PeriodUnit.MONTH)
            line = timeline(tariff(more={"standing": (charge,), "prorate": prorate}))
            rating = Rating(terms=SupplyTerms(started=date.fromisoformat("2026-01-21")))
            first = instant("2026-01-22 00:00", ZONE)
            days = [charge_day(rating, line, first + day * DAY) for day in range(10)]
            assert sum(day.total for day in days) == amount(due)
            assert charge_day(rating, line, FEBRUARY).total == amount("31")

    def test_a_supply_that_begins_with_a_month_pays_for_all_of_it_but_its_first_day(self) -> None:
        for prorate, due in ((True, "30"), (False, "31")):
            charges = (
                StandingCharge("month", amount("31"), PeriodUnit.MONTH),
                StandingCharge("week", amount("7"), PeriodUnit.WEEK),
            )
            line = timeline(tariff(more={"standing": charges, "prorate": prorate}))
            rating = Rating(terms=SupplyTerms(started=date.fromisoformat("2026-01-01")))
            days = [charge_day(rating, line, JANUARY + day * DAY) for day in range(1, 31)]
            assert sums(*days) == {"month": amount(due), "week": amount("31" if prorate else "28")}


class TestTaxes:
    def test_a_levy_per_kwh_and_a_tax_on_it(self, rating: Rating) -> None:
        taxes = (
            Tax("fuel", 0, frozenset(), TaxKind.LEVY, per_mwh=per_kwh("0.50")),
            Tax("VAT", 160_000, frozenset({"consumption", "fuel"})),
        )
        line = timeline(tariff([["2"]], taxes=taxes))
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 10_000)
        assert sums(close_segments(rating, line)) == {
            "consumption": amount("20"),
            "fuel": amount("5"),
            "VAT": amount("4"),
        }

    def test_a_contained_tax_is_shown_and_not_added(self, rating: Rating) -> None:
        taxes = (Tax("VAT", 150_000, frozenset({"consumption", "standing"}), inclusive=True),)
        line = timeline(tariff([["2.30"]], standing="1.15", taxes=taxes))
        standing = charge_day(rating, line, JANUARY)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 10_000)
        used = close_segments(rating, line)
        assert used.total + standing.total == amount("24.15")
        assert sums(used, standing)["VAT"] == amount("3.15")

    def test_free_units_come_first_and_count_on_the_ladder(self) -> None:
        rating = Rating(terms=SupplyTerms(free_units=True))
        version = tariff([["1"], ["2"]], limits_kwh=["60"], more={"free_wh": 50_000})
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 70_000)
        assert close_segments(rating, line).total == amount("10") + amount("20")
        other = Rating()
        allocate(other, line, "m", JANUARY, JANUARY + HOUR, 70_000)
        assert close_segments(other, line).total == amount("60") + amount("20")


class TestPurchase:
    """Tshwane 2025/26 with VAT: three receipts of alancarr.co.za, in kWh at 0.1."""

    def tshwane(self) -> TariffVersion:
        """Return the prices as published, VAT contained."""
        rows = [["3.42585"], ["4.00936"], ["4.36816"], ["4.70902"]]
        vat = (Tax("VAT", 150_000, frozenset({"consumption"}), inclusive=True),)
        return tariff(
            rows,
            limits_kwh=["100", "400", "650"],
            taxes=vat,
            more={"basis": BlockBasis.PURCHASE_TIME},
        )

    def test_three_receipts_of_one_month(self, rating: Rating) -> None:
        line = timeline(self.tshwane())
        bought = [
            purchase_units(rating, line, JANUARY + at, amount(money), str(at)).wh
            for at, money in ((1, "200"), (2, "400"), (3, "20"))
        ]
        assert bought == [58_379, 105_823, 4_988]
        assert rating.units == sum(bought)

    def test_units_outlive_the_month_and_a_new_month_begins_the_ladder_anew(self, rating: Rating) -> None:
        line = timeline(self.tshwane())
        first = purchase_units(rating, line, JANUARY, amount("342.585"), "a")
        assert first.wh == 100_000
        allocate(rating, line, "m", FEBRUARY, FEBRUARY + HOUR, 60_000)
        settled = close_segments(rating, line)
        assert (settled.total, rating.units) == (0, 40_000)
        assert purchase_units(rating, line, FEBRUARY + HOUR, amount("34.2585"), "b").wh == 10_000

    def test_energy_without_units_is_charged_as_if_bought_now(self, rating: Rating) -> None:
        line = timeline(self.tshwane())
        purchase_units(rating, line, JANUARY, amount("342.585"), "a")
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 101_000)
        assert close_segments(rating, line).total == amount("4.00936")

    def test_a_reversal_gives_back_unused_units_at_their_price(self, rating: Rating) -> None:
        line = timeline(self.tshwane())
        purchase_units(rating, line, JANUARY, amount("342.585"), "a")
        allocate(rating, line, "m", JANUARY, JANUARY + HOUR, 60_000)
        assert return_units(rating, "a") == (40_000, amount("137.034"))
        assert rating.units == 0

    def test_money_below_a_unit_buys_nothing(self, rating: Rating) -> None:
        line = timeline(self.tshwane())
        assert purchase_units(rating, line, JANUARY, amount("0.003"), "a").wh == 0
        assert rating == Rating()
