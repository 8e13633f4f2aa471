"""Figures that utilities and customers published, to the cent; months go by as in the bridge."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meter_bridge.core.calendar import day_start
from meter_bridge.core.money import format_amount, to_decimal
from meter_bridge.core.rating.fixed_charges import charge_day
from meter_bridge.core.rating.period_to_date import close_segments
from meter_bridge.core.rating.rating import LineKind, Rating, SupplyTerms, allocate, wh_for_amount
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
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
from tests.core.builders import HOUR, MINUTE, amount, bangladesh, per_kwh, tariff, timeline

YEAR = 2026


class Supply:
    """A supply whose days begin at local midnight, and what it was charged in each month."""

    def __init__(self, version: TariffVersion, terms: SupplyTerms | None = None) -> None:
        self.version, self.line = version, timeline(version)
        self.rating = Rating(terms=terms or SupplyTerms())
        self.day = date(YEAR, 1, 1)
        self.charged: dict[tuple[int, str], int] = {}
        self._midnight()

    def use_until(self, day: date, wh: int) -> None:
        """Use energy at noon of today, then let the days go by."""
        if wh:
            noon = day_start(self.day, self.version.zone) + 12 * HOUR
            allocate(self.rating, self.line, "m", noon, noon + HOUR, wh)
        while self.day < day:
            self.day += timedelta(days=1)
            self._midnight()

    def months(self, *energies: int) -> None:
        """Use some energy in each month, from January on."""
        for month, wh in enumerate(energies, 1):
            self.use_until(date(YEAR, month + 1, 1), wh)

    def cost(self, month: int, *kinds: LineKind) -> str:
        """Return what a month came to in minor units, all of it or some kinds of charge."""
        steps = sum(
            charged
            for (of, kind), charged in self.charged.items()
            if of == month and (not kinds or kind in kinds)
        )
        return format_amount(steps, self.version.currency)

    def _midnight(self) -> None:
        first = close_segments(self.rating, self.line)
        for settlement in (first, charge_day(self.rating, self.line, day_start(self.day, self.version.zone))):
            for line in settlement.lines:
                key = int(line.key.period[5:7]), line.key.kind
                self.charged[key] = self.charged.get(key, 0) + line.amount


def berc() -> TariffVersion:
    """Return Bangladesh's BERC 2024 LT-A with demand, rebate, VAT, meter rent and the lifeline."""
    return replace(
        bangladesh(),
        standing=(StandingCharge("meter rent", amount("40", "BDT"), PeriodUnit.MONTH),),
        demand=DemandCharge(amount("42", "BDT"), DemandOf.CONTRACTED),
        lifeline=Lifeline(50_000, (per_kwh("4.63", "BDT"),)),
        taxes=(
            Tax("rebate", -5_000, frozenset({TaxBase.CONSUMPTION}), TaxKind.REBATE),
            Tax("VAT", 50_000, frozenset({TaxBase.CONSUMPTION, TaxBase.DEMAND, "rebate"})),
        ),
    )


class TestBangladesh:
    """BERC 2024 LT-A: blocks by consumption, demand per kW, rebate, VAT and meter rent."""

    def test_a_month_of_250_kwh_at_2_kw_costs_1877_11(self) -> None:
        supply = Supply(berc(), SupplyTerms(contracted_w=2_000))
        supply.months(250_000)
        assert supply.cost(1, LineKind.CONSUMPTION) == "BDT 1,674.00"
        assert supply.cost(1, LineKind.DEMAND) == "BDT 84.00"
        assert supply.cost(1, LineKind.STANDING) == "BDT 40.00"
        # the rebate of 8.37 and the VAT of 87.48 are both additions to the charges
        assert supply.cost(1, LineKind.TAX) == "BDT 79.11"
        assert supply.cost(1) == "BDT 1,877.11"

    @pytest.mark.parametrize(
        "wh, cost", [(50_000, "BDT 231.50"), (50_001, "BDT 263.01"), (75_000, "BDT 394.50")]
    )
    def test_the_lifeline_price_holds_only_while_the_whole_month_stays_within_50_kwh(
        self, wh: int, cost: str
    ) -> None:
        supply = Supply(berc())
        supply.months(wh)
        assert supply.cost(1, LineKind.CONSUMPTION, LineKind.LIFELINE) == cost


def kenya() -> TariffVersion:
    """Return Kenya's domestic bands of 2024 before taxes: the mean of three months prices all units."""
    return tariff(
        [["12.24"], ["16.58"], ["20.58"]],
        limits_kwh=["30", "100"],
        time_zone="Africa/Nairobi",
        currency="KES",
        more={"history_periods": 3},
    )


class TestKenya:
    """Domestic customers: the band of all units is that of the mean of the three months before."""

    @pytest.mark.parametrize(
        "before, price",
        [
            ((30_000, 30_000, 30_000), "KES 12.24"),
            ((30_000, 30_000, 30_003), "KES 16.58"),
            ((100_000, 90_000, 110_000), "KES 16.58"),
            ((101_000, 90_000, 110_000), "KES 20.58"),
            ((0, 0, 301_000), "KES 20.58"),
        ],
    )
    def test_even_the_first_unit_costs_the_price_of_the_band_by_history(
        self, before: tuple[int, ...], price: str
    ) -> None:
        supply = Supply(kenya())
        supply.months(*before, 1_000)
        assert supply.cost(4) == price

    def test_the_month_itself_moves_no_unit_into_another_band(self) -> None:
        supply = Supply(kenya())
        supply.months(10_000, 10_000, 10_000, 500_000)
        assert supply.cost(4) == "KES 6,120.00"


class TestSouthAfrica:
    """Blocks at the counter: the units bought in a month decide what the next one costs."""

    def test_three_receipts_of_tshwane_in_one_month(self) -> None:
        version = tariff(
            [["3.42585"], ["4.00936"], ["4.36816"], ["4.70902"]], limits_kwh=["100", "400", "650"]
        )
        assert self._receipts(version, "200", "400", "20") == ["58.4", "105.8", "5.0"]

    def test_city_power_sells_350_kwh_for_733_85_and_the_next_24_for_57_72(self) -> None:
        version = tariff([["2.0967"], ["2.405"]], limits_kwh=["350"])
        assert self._receipts(version, "733.85", "57.72") == ["350.0", "24.0"]

    @staticmethod
    def _receipts(version: TariffVersion, *paid: str) -> list[str]:
        """Return what payments of one month buy, in kWh with one decimal as the receipts have it."""
        rating, line = Rating(), Timeline((version,))
        at = day_start(date(YEAR, 1, 10), version.zone)
        found = []
        for each in paid:
            wh = wh_for_amount(rating, line.interval_at(at), amount(each))
            assert wh is not None
            allocate(rating, line, "m", at, at + MINUTE, wh)
            found.append(str((Decimal(wh) / 1000).quantize(Decimal("0.1"))))
            at += MINUTE
        return found


class TestChina:
    """Blocks per year whose steps multiply the price, as Chinese platforms bill dormitories and parks."""

    def test_an_offline_gap_from_200_to_420_kwh_costs_124_across_two_steps_of_the_year(self) -> None:
        version = tariff(
            [["0.50"], ["0.55"], ["0.80"]],
            limits_kwh=["240", "400"],
            time_zone="Asia/Shanghai",
            currency="CNY",
            more={"block_period": PeriodRule(PeriodUnit.YEAR)},
        )
        supply = Supply(version)
        supply.months(200_000, 0, 220_000)
        assert [supply.cost(month) for month in (1, 2, 3)] == ["CNY 100.00", "CNY 0.00", "CNY 124.00"]


class TestMinimum:
    """A month is charged at least the minimum."""

    VERSION = tariff([["1.00"]], more={"minimum": amount("30")})

    def test_a_month_without_any_energy_is_charged_all_of_it(self) -> None:
        supply = Supply(self.VERSION)
        supply.months(0, 10_000, 40_000)
        assert [supply.cost(month) for month in (1, 2, 3)] == ["ZAR 30.00", "ZAR 30.00", "ZAR 40.00"]
        assert supply.cost(2, LineKind.MINIMUM) == "ZAR 20.00"

    def test_no_month_before_the_supply_began_is_charged(self) -> None:
        supply = Supply(self.VERSION, SupplyTerms(started=date(YEAR, 3, 1)))
        supply.months(0, 0, 0)
        assert [supply.cost(month) for month in (1, 2, 3)] == ["ZAR 0.00", "ZAR 0.00", "ZAR 30.00"]


@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide"])
def test_an_hour_of_demand_begins_with_the_hour_of_the_local_clock(time_zone: str) -> None:
    version = tariff(time_zone=time_zone, more={"demand": DemandCharge(amount("10"), interval_min=60)})
    supply = Supply(version)
    at = day_start(date(YEAR, 1, 1), version.zone) + 3 * HOUR
    allocate(supply.rating, supply.line, "m", at, at + HOUR, 6_000)
    allocate(supply.rating, supply.line, "m", at + HOUR, at + 2 * HOUR, 2_000)
    supply.months(0)
    charged = supply.charged[1, LineKind.DEMAND]
    assert to_decimal(charged, version.currency) == 60
