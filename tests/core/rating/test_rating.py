"""Rating: worked examples, boundaries, settling, and what units cost and money buys."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import accrued_total, close_segments, has_closed_segments
from meter_bridge.core.rating.rating import (
    ESTIMATED_AFTER_MS,
    BlockUsageKey,
    Charges,
    LineKey,
    LineKind,
    Rating,
    allocate,
    block_at,
    price_per_kwh,
    purge_periods,
    wh_for_amount,
)
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    WH_PER_MWH,
    BlockSchedule,
    TariffInterval,
    TariffVersion,
    TaxBase,
)
from tests.core.builders import (
    DAY,
    HOUR,
    SLOT,
    amount,
    band,
    bangladesh,
    day_and_night,
    instant,
    tariff,
    tax,
    timeline,
    weekly_ladder,
    window,
)
from tests.core.strategies import ladders


def used_by_line(rating: Rating) -> dict[tuple[str, str, int, str], int]:
    """Return the Wh of every consumption line by period, version, block and band."""
    return {
        (key.period, key.version_id, key.block, key.band): line.quantity
        for key, line in rating.lines.items()
        if key.kind == LineKind.CONSUMPTION
    }


def sums(settlement: Charges) -> Counter[str]:
    """Return what a settlement charges per kind."""
    found: Counter[str] = Counter()
    for line in settlement.lines:
        found[line.key.kind] += line.amount
    return found


JANUARY = instant("2026-01-10 00:00", "Asia/Dhaka")


class TestWorkedExamples:
    def test_bangladesh_250_kwh_in_a_month_cost_1674_taka_before_and_1757_70_after_vat(
        self, rating: Rating
    ) -> None:
        line = timeline(bangladesh())
        allocate(rating, line, "m", JANUARY, JANUARY + DAY, 250_000)
        settled = sums(close_segments(rating, line))
        assert settled == {
            LineKind.CONSUMPTION: amount("1674.00", "BDT"),
            LineKind.TAX: amount("83.70", "BDT"),
        }

    def test_220_kwh_after_an_offline_gap_cost_what_their_parts_cost_across_two_block_steps(self) -> None:
        line = timeline(tariff([["0.50"], ["0.55"], ["0.80"]], limits_kwh=["240", "400"]))
        start = instant("2026-01-10 00:00", "Africa/Johannesburg")
        rating = Rating()
        allocate(rating, line, "m", start, start + HOUR, 200_000)
        close_segments(rating, line)
        allocate(rating, line, "m", start + HOUR, start + 6 * DAY, 220_000)
        parts = 40 * amount("0.50") + 160 * amount("0.55") + 20 * amount("0.80")
        assert close_segments(rating, line).total == parts == amount("124.00")

    def test_a_quarter_hour_that_crosses_the_start_of_the_night_rate_is_split_by_time(
        self, rating: Rating
    ) -> None:
        line = timeline(day_and_night(time_zone="Europe/London"))
        start = instant("2026-01-10 22:50", "Europe/London")
        allocate(rating, line, "m", start, start + 20 * 60_000, 999)
        assert used_by_line(rating) == {
            ("2026-01-01/P1M", "v1", 0, "day"): 499,
            ("2026-01-01/P1M", "v1", 0, "night"): 500,
        }

    def test_a_gap_over_the_end_of_a_month_fills_two_ladders(self, rating: Rating) -> None:
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["1"], time_zone="Asia/Kathmandu"))
        midnight = instant("2026-02-01 00:00", "Asia/Kathmandu")
        allocate(rating, line, "m", midnight - HOUR, midnight + 2 * HOUR, 6_000)
        assert used_by_line(rating) == {
            ("2026-01-01/P1M", "v1", 0, "all"): 1_000,
            ("2026-01-01/P1M", "v1", 1, "all"): 1_000,
            ("2026-02-01/P1M", "v1", 0, "all"): 1_000,
            ("2026-02-01/P1M", "v1", 1, "all"): 3_000,
        }

    def test_a_new_version_goes_on_with_the_months_ladder_at_its_own_prices(self, rating: Rating) -> None:
        change = JANUARY + HOUR + 1
        old = tariff([["1"], ["2"]], limits_kwh=["3"])
        new = tariff([["10"], ["20"]], limits_kwh=["5"], valid_from=change, version_id="v2")
        line = timeline(old, new)
        allocate(rating, line, "m", change - 1_000, change + 1_000, 8_000)
        assert used_by_line(rating) == {
            ("2026-01-01/P1M", "v1", 0, "all"): 3_000,
            ("2026-01-01/P1M", "v1", 1, "all"): 1_000,
            ("2026-01-01/P1M", "v2", 0, "all"): 1_000,
            ("2026-01-01/P1M", "v2", 1, "all"): 3_000,
        }
        assert close_segments(rating, line).total == amount("3") + amount("2") + amount("10") + amount("60")

    def test_a_month_of_standing_charges_and_its_tax_is_rounded_once_not_day_by_day(
        self, rating: Rating
    ) -> None:
        version = tariff(standing="0.000001", taxes=[tax("50", on=[TaxBase.STANDING])])
        days = [charge_day(rating, timeline(version), JANUARY + day * DAY) for day in range(5)]
        assert [day.total for day in days] == [1, 2, 2, 1, 1]
        assert sum((sums(day) for day in days), Counter()) == {LineKind.STANDING: 5, LineKind.TAX: 2}

    def test_consumption_and_standing_share_the_rounding_of_their_tax(self, rating: Rating) -> None:
        version = tariff([["0.000001"]], standing="0.000001", taxes=[tax("50")])
        line = timeline(version)
        standing = charge_day(rating, timeline(version), JANUARY)
        allocate(rating, line, "m", JANUARY, JANUARY + SLOT, 1_000)
        assert (sums(standing)[LineKind.TAX], sums(close_segments(rating, line))[LineKind.TAX]) == (0, 1)


class TestBoundaries:
    def test_energy_up_to_a_boundary_belongs_before_it_and_energy_after_it_behind(
        self, rating: Rating
    ) -> None:
        line = timeline(day_and_night(time_zone="Europe/London"))
        night = instant("2026-01-10 23:00", "Europe/London")
        allocate(rating, line, "m", night - HOUR, night, 700)
        assert used_by_line(rating) == {("2026-01-01/P1M", "v1", 0, "day"): 700}
        allocate(rating, line, "m", night, night + 1, 1)
        assert used_by_line(rating)["2026-01-01/P1M", "v1", 0, "night"] == 1

    def test_energy_without_duration_belongs_to_its_instant(self, rating: Rating) -> None:
        line = timeline(day_and_night(time_zone="Europe/London"))
        night = instant("2026-01-10 23:00", "Europe/London")
        allocate(rating, line, "m", night - 1, night - 1, 5)
        allocate(rating, line, "m", night, night, 7)
        assert used_by_line(rating) == {
            ("2026-01-01/P1M", "v1", 0, "day"): 5,
            ("2026-01-01/P1M", "v1", 0, "night"): 7,
        }
        assert close_segments(rating, line).segments[0].end == night - 1

    def test_no_energy_makes_no_line_no_segment_and_no_charge(self, rating: Rating) -> None:
        line = timeline(weekly_ladder())
        allocate(rating, line, "m", JANUARY, JANUARY + 40 * DAY, 0)
        allocate(rating, line, "m", JANUARY, JANUARY, 0)
        assert (rating.lines, rating.open_segments, accrued_total(rating, line)) == ({}, {}, 0)
        assert close_segments(rating, line) == Charges((), ())

    def test_a_block_filled_to_the_last_unit_opens_the_next_for_the_next_unit(self, rating: Rating) -> None:
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["1"]))
        allocate(rating, line, "m", JANUARY, JANUARY + 60_000, 1_000)
        assert used_by_line(rating) == {("2026-01-01/P1M", "v1", 0, "all"): 1_000}
        allocate(rating, line, "m", JANUARY + 60_000, JANUARY + 120_000, 1)
        assert used_by_line(rating)["2026-01-01/P1M", "v1", 1, "all"] == 1

    def test_a_block_is_cut_at_the_instant_at_which_its_last_unit_was_used(self, rating: Rating) -> None:
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["1"]))
        allocate(rating, line, "m", JANUARY, JANUARY + 60_000, 4_000)
        cuts = [(part.start - JANUARY, part.end - JANUARY, part.wh) for part in rating.open_segments["m"]]
        assert cuts == [(0, 15_000, 1_000), (15_000, 60_000, 3_000)]

    def test_one_delta_may_pass_several_blocks_at_once(self, rating: Rating) -> None:
        line = timeline(
            tariff([[str(price)] for price in range(5)], limits_kwh=["0.001", "0.002", "0.003", "1"])
        )
        allocate(rating, line, "m", JANUARY, JANUARY, 1_500)
        assert list(used_by_line(rating).values()) == [1, 1, 1, 997, 500]

    def test_a_month_long_gap_with_less_energy_than_slots_loses_none_of_it(self, rating: Rating) -> None:
        line = timeline(weekly_ladder())
        allocate(rating, line, "m", JANUARY + 7, JANUARY + 31 * DAY, 1_000)
        settlement = close_segments(rating, line)
        assert sum(segment.wh for segment in settlement.segments) == 1_000
        assert {segment.wh for segment in settlement.segments} == {1}

    @pytest.mark.parametrize("late,estimated", [(0, False), (1, True)])
    def test_energy_of_a_long_time_without_a_reading_is_marked_as_an_estimate_in_time(
        self, rating: Rating, late: int, *, estimated: bool
    ) -> None:
        line = timeline(tariff())
        allocate(rating, line, "m", JANUARY, JANUARY + ESTIMATED_AFTER_MS + late, 1_000)
        settled = close_segments(rating, line)
        assert {each.estimated for each in settled.segments} == {estimated}
        assert sum(each.wh for each in settled.segments) == 1_000

    def test_a_slot_of_which_a_part_is_an_estimate_is_one(self, rating: Rating) -> None:
        line = timeline(tariff())
        start = JANUARY + SLOT // 2 - 2 * HOUR
        allocate(rating, line, "m", start, JANUARY + SLOT // 2, 1_000)
        allocate(rating, line, "m", JANUARY + SLOT // 2, JANUARY + 2 * SLOT, 1_000)
        segments = close_segments(rating, line).segments
        assert [each.estimated for each in segments[-2:]] == [True, False]

    def test_a_gap_of_a_year_is_rated_in_one_go_and_keeps_every_unit(self, rating: Rating) -> None:
        line = timeline(weekly_ladder(time_zone="Europe/London"))
        start, end = (instant(f"{year}-01-01 00:00", "Europe/London") for year in (2026, 2027))
        allocate(rating, line, "m", start, end, 3_000_000)
        segments = close_segments(rating, line).segments
        assert sum(segment.wh for segment in segments) == sum(rating.block_usage.values()) == 3_000_000
        assert len(rating.block_usage) == 12
        assert len({segment.start // SLOT for segment in segments}) == 365 * 96

    def test_a_late_meters_energy_of_last_month_climbs_last_months_ladder(self, rating: Rating) -> None:
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["1"], time_zone="UTC"))
        month = instant("2026-02-01 00:00")
        allocate(rating, line, "punctual", month - DAY, month, 900)
        allocate(rating, line, "punctual", month, month + DAY, 2_000)
        allocate(rating, line, "late", month - DAY, month + DAY, 400)
        assert rating.block_usage == {
            BlockUsageKey("2026-01-01/P1M", 0): 1_100,
            BlockUsageKey("2026-02-01/P1M", 0): 2_200,
        }
        assert used_by_line(rating)["2026-01-01/P1M", "v1", 1, "all"] == 100

    def test_a_band_that_changes_inside_a_slot_cuts_it(self, rating: Rating) -> None:
        line = timeline(
            tariff([["1", "2"]], bands=[band("odd", window("10:07-10:08")), band("rest")], time_zone="UTC")
        )
        start = instant("2026-01-10 10:00")
        allocate(rating, line, "m", start, start + SLOT, 15)
        spans = [
            (part.start - start, part.end - start, part.key.band, part.wh)
            for part in rating.open_segments["m"]
        ]
        assert spans == [
            (0, 420_000, "rest", 7),
            (420_000, 480_000, "odd", 1),
            (480_000, SLOT, "rest", 7),
        ]


class TestSettling:
    def test_settling_up_to_an_instant_leaves_only_what_may_still_grow(self, rating: Rating) -> None:
        line = timeline(tariff())
        allocate(rating, line, "a", JANUARY, JANUARY + SLOT + 1, 2_000)
        allocate(rating, line, "b", JANUARY, JANUARY + 60_000, 500)
        settlement = close_segments(rating, line, upto=JANUARY + SLOT - 1)
        assert [(segment.meter_id, segment.start) for segment in settlement.segments] == [("a", JANUARY)]
        assert {meter: len(parts) for meter, parts in rating.open_segments.items()} == {"a": 1, "b": 1}
        settlement = close_segments(rating, line, upto=JANUARY + SLOT)
        assert [(segment.meter_id, segment.start) for segment in settlement.segments] == [("b", JANUARY)]
        assert list(rating.open_segments) == ["a"]

    def test_a_slot_is_over_at_its_end_and_not_before(self, rating: Rating) -> None:
        line = timeline(tariff())
        assert not has_closed_segments(rating, JANUARY)
        allocate(rating, line, "m", JANUARY, JANUARY + 60_000, 10)
        assert not has_closed_segments(rating, JANUARY + SLOT - 1)
        assert has_closed_segments(rating, JANUARY + SLOT)

    def test_a_line_is_over_as_soon_as_the_next_block_is_reached(self, rating: Rating) -> None:
        line = timeline(tariff([["1"], ["2"]], limits_kwh=["1"]))
        allocate(rating, line, "m", JANUARY, JANUARY + 60_000, 1_000)
        assert not has_closed_segments(rating, JANUARY + 60_000)
        allocate(rating, line, "m", JANUARY + 60_000, JANUARY + 90_000, 1)
        assert has_closed_segments(rating, JANUARY + 90_000)
        close_segments(rating, line, upto=JANUARY + 90_000)
        assert not has_closed_segments(rating, JANUARY + 90_000)
        assert rating.open_segments["m"][0].wh == 1

    def test_readings_of_one_slot_and_line_are_one_segment(self, rating: Rating) -> None:
        line = timeline(tariff())
        for second in range(10):
            allocate(rating, line, "m", JANUARY + second * 1_000, JANUARY + (second + 1) * 1_000, 3)
        (segment,) = close_segments(rating, line).segments
        assert (segment.start, segment.end, segment.wh) == (JANUARY, JANUARY + 10_000, 30)

    def test_a_settled_line_says_its_quantity_its_price_per_kwh_and_its_amount(self, rating: Rating) -> None:
        version = tariff([["2.50"]], standing="3", taxes=[tax("10")])
        line = timeline(version)
        allocate(rating, line, "m", JANUARY, JANUARY + SLOT, 2_000)
        consumption, vat = close_segments(rating, line).lines
        assert (consumption.quantity, consumption.unit_price, consumption.amount) == (
            2_000,
            amount("2.50"),
            amount("5"),
        )
        assert (vat.key.band, vat.unit_price, vat.amount) == ("VAT", None, amount("0.50"))
        standing, _ = charge_day(rating, timeline(version), JANUARY).lines
        assert (standing.quantity, standing.unit_price, standing.amount) == (1, amount("3"), amount("3"))

    def test_forgetting_old_periods_changes_nothing_of_those_that_are_kept(self, rating: Rating) -> None:
        line = timeline(weekly_ladder(time_zone="UTC"))
        month = instant("2026-02-01 00:00")
        allocate(rating, line, "m", month - DAY, month + DAY, 9_000)
        before = accrued_total(rating, line)
        purge_periods(rating, "2026-02-01")
        assert accrued_total(rating, line) == before
        assert close_segments(rating, line).total == before
        kept = {key: line for key, line in rating.lines.items() if key.period == "2026-02-01/P1M"}
        purge_periods(rating, "2026-02-01")
        assert (rating.lines, list(rating.block_usage)) == (kept, [BlockUsageKey("2026-02-01/P1M", 0)])


def climbed(version: TariffVersion, used_wh: int, name: str) -> tuple[Rating, TariffInterval]:
    """Return a rating that climbed its ladder so far, and a stretch of the band."""
    stretch = TariffInterval(
        0, 1, version, name, version.schedule_of(name), "2026-01-01/P1M", "2026-01-01/P1M"
    )
    return Rating(block_usage={BlockUsageKey("2026-01-01/P1M", stretch.counter): used_wh}), stretch


class TestUnits:
    @pytest.mark.parametrize(
        "money, units", [("0", 0), ("-5", 0), ("394.50", 75_000), ("394.5072", 75_001), ("1674", 250_000)]
    )
    def test_money_buys_units_up_the_ladder(self, money: str, units: int) -> None:
        version = replace(bangladesh(), taxes=())
        assert wh_for_amount(*climbed(version, 0, "all"), amount(money, "BDT")) == units

    @settings(max_examples=200)
    @given(st.data())
    def test_money_buys_as_many_units_as_buying_one_at_a_time(self, data: st.DataObject) -> None:
        limits = sorted(data.draw(st.sets(st.integers(1, 60), max_size=3)))
        prices = st.lists(st.integers(0, 5 * WH_PER_MWH), min_size=len(limits), max_size=len(limits))
        rows = [*data.draw(prices), data.draw(st.integers(WH_PER_MWH // 2, 5 * WH_PER_MWH))]
        drawn = data.draw(ladders())
        bands = drawn.ladders[0].bands
        ladder = BlockSchedule(bands, tuple((price,) * len(bands) for price in rows), tuple(limits))
        version = replace(drawn, ladders=(ladder,))
        used, money = data.draw(st.integers(0, 80)), data.draw(st.integers(-10, 300))
        name, bought, left = version.bands[0].name, 0, max(money, 0) * EXACT_SCALE
        while True:
            left -= version.taxed_value(version.price(block_at(*climbed(version, used + bought, name)), name))
            if left < 0:
                break
            bought += 1
        assert wh_for_amount(*climbed(version, used, name), money) == bought

    def test_free_units_come_on_top_and_only_an_endless_free_block_has_no_number(self) -> None:
        lifeline = tariff([["0"], ["2"]], limits_kwh=["50"])
        assert wh_for_amount(*climbed(lifeline, 20_000, "all"), amount("10")) == 30_000 + 5_000
        endless = tariff([["2"], ["0"]], limits_kwh=["50"])
        assert wh_for_amount(*climbed(endless, 0, "all"), amount("100")) is None
        assert wh_for_amount(*climbed(endless, 0, "all"), amount("99")) == 49_500

    def test_the_price_of_the_next_unit_has_its_block_its_band_and_its_taxes(self) -> None:
        version = tariff(
            [["1", "2"], ["3", "4"]], limits_kwh=["5"], bands=weekly_ladder().bands[1:], taxes=[tax("15")]
        )
        prices = [
            price_per_kwh(*climbed(version, used, name))
            for used in (4_999, 5_000)
            for name in ("night", "standard")
        ]
        assert prices == [amount("1.15"), amount("2.30"), amount("3.45"), amount("4.60")]


def test_a_line_keeps_its_key_through_plain_text() -> None:
    key = LineKey(LineKind.CONSUMPTION, "2026-01-01/P1M", "v1", 0, "all")
    assert LineKey(str(key.kind), *key[1:]) == key
    assert hash(LineKey(str(key.kind), *key[1:])) == hash(key)


def test_huge_energy_and_prices_stay_exact(rating: Rating) -> None:
    version = tariff([["99999999.999999"]], taxes=[tax("99.9999")], currency="LBP")
    line = timeline(version)
    allocate(rating, line, "m", JANUARY, JANUARY + DAY, 10**12)
    settlement = close_segments(rating, line)
    exact = version.price(0, "all") * 10**12
    assert sums(settlement) == {LineKind.CONSUMPTION: exact // 10**6, LineKind.TAX: exact * 999_999 // 10**12}
