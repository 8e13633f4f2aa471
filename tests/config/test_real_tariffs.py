"""The real tariffs that are shipped: each is valid, and prices an example worked out by hand."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from meter_bridge.config.plan import SitePlan, TariffPlan
from meter_bridge.config.site_file import load
from meter_bridge.core.money import parse_amount
from meter_bridge.core.rating.load_pricing import LoadInterval, PricedPeriod, price_load_profile
from meter_bridge.core.rating.rating import LineKind, Rating, SupplyTerms
from meter_bridge.core.rating.unit_purchase import purchase_units
from meter_bridge.core.tariff.tariff import Timeline, check_tariff

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "tariffs"
FILES = sorted(FOLDER.glob("*.yaml"))
HOUR = 3_600_000
NO_TERMS = SupplyTerms()


def tariff_of(name: str) -> tuple[SitePlan, TariffPlan]:
    (site,) = load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")).sites
    (tariff,) = site.tariffs
    return site, tariff


class Priced:
    """A tariff with a load that is put together by local times."""

    def __init__(self, name: str) -> None:
        self.site, self.tariff = tariff_of(name)
        self.load: list[LoadInterval] = []

    def at(self, text: str) -> int:
        time = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.site.time_zone))
        return int(time.timestamp()) * 1000

    def use(self, text: str, kwh: int) -> None:
        """Use energy within one hour from a local time on."""
        start = self.at(text)
        self.load.append(LoadInterval(start, start + HOUR, kwh * 1000))

    def bill(self, terms: SupplyTerms = NO_TERMS, history: tuple[int, ...] = ()) -> tuple[PricedPeriod, ...]:
        return price_load_profile(Timeline(self.tariff.versions), self.load, terms, history)

    def money(self, text: str) -> int:
        return parse_amount(text, self.site.currency)


def by_name(period: PricedPeriod) -> dict[str, int]:
    """Return the amounts of a period by the name of the line, blocks added up."""
    found: dict[str, int] = {}
    for line in period.lines:
        name = (
            line.key.band if line.key.kind not in (LineKind.CONSUMPTION, LineKind.LIFELINE) else line.key.kind
        )
        found[name] = found.get(name, 0) + line.amount
    return found


def test_there_are_seven() -> None:
    assert [path.stem for path in FILES] == [
        "bangladesh",
        "california",
        "china-five-periods",
        "china-zhejiang",
        "great-britain",
        "kenya",
        "south-africa-tshwane",
    ]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_each_is_valid_and_names_its_source(path: Path) -> None:
    _, tariff = tariff_of(path.stem)
    for version in tariff.versions:
        check_tariff(version)
        assert len(version.source) > 40


def test_south_africa_sells_what_the_receipts_say() -> None:
    """R200, R400 and R20 in one month: 58.4, 105.8 and 5.0 kWh (alancarr.co.za, March 2026)."""
    priced = Priced("south-africa-tshwane")
    timeline, rating, at = Timeline(priced.tariff.versions), Rating(), priced.at("2026-03-02 10:00")
    bought = [
        purchase_units(rating, timeline, at + index, priced.money(money), f"lot-{index}")
        for index, money in enumerate(("200", "400", "20"))
    ]
    # 200 / 3.42585; then 41.6203 at 3.42585 and the rest of 400 at 4.00936; then 20 / 4.00936
    assert [purchase.wh for purchase in bought] == [58_379, 105_823, 4_988]
    assert [round(purchase.wh / 1000, 1) for purchase in bought] == [58.4, 105.8, 5.0]


def test_kenya_prices_all_units_by_the_months_before() -> None:
    """85 kWh after months of 90, 100 and 95: DC2.

    Energy 85 x 16.50 = 1402.50, fuel 85 x 3.69 = 313.65, forex 85 x 1.5382 = 130.747,
    WRA 85 x 0.0124 = 1.054, EPRA 85 x 0.08 = 6.80, REP 5 % of 1402.50 = 70.125,
    VAT 16 % of 1716.15 = 274.584; together 2199.46.
    """
    priced = Priced("kenya")
    priced.use("2025-10-10 12:00", 85)
    (october,) = priced.bill(history=(90_000, 100_000, 95_000))
    assert by_name(october) == {
        "consumption": priced.money("1402.50"),
        "fuel energy cost": priced.money("313.65"),
        "forex adjustment": priced.money("130.747"),
        "WRA levy": priced.money("1.054"),
        "EPRA levy": priced.money("6.80"),
        "REP levy": priced.money("70.125"),
        "VAT": priced.money("274.584"),
    }
    assert october.total == priced.money("2199.46")


@pytest.mark.parametrize(
    "months, energy", [((30_000,) * 3, "1031.90"), ((100_001,), "1578.45"), ((), "1031.90")]
)
def test_kenya_has_three_prices(months: tuple[int, ...], energy: str) -> None:
    """85 kWh at 12.14 or 18.57; a customer without months before is in the first band."""
    priced = Priced("kenya")
    priced.use("2025-10-10 12:00", 85)
    assert by_name(priced.bill(history=months)[0])["consumption"] == priced.money(energy)


def test_bangladesh_250_kwh_with_2_kw() -> None:
    """75 x 5.26 + 125 x 7.20 + 50 x 7.59 = 1674.00; with 84 - 8.37 1749.63; VAT 87.4815; rent 40."""
    priced = Priced("bangladesh")
    priced.use("2026-05-01 00:00", 0)
    priced.use("2026-05-20 20:00", 250)
    (may,) = priced.bill(SupplyTerms(contracted_w=2000))
    assert by_name(may) == {
        "consumption": priced.money("1674.00"),
        "meter rent": priced.money("40"),
        "demand": priced.money("84"),
        "prepaid rebate": priced.money("-8.37"),
        "VAT": priced.money("87.4815"),
    }
    assert may.total == priced.money("1877.1115")


def test_bangladesh_has_a_lifeline_for_a_whole_month() -> None:
    """50 kWh at 4.63 = 231.50, 0.5 % off 230.3425, VAT 11.517125; one more goes back to 5.26."""
    priced = Priced("bangladesh")
    priced.use("2026-05-20 20:00", 50)
    (may,) = priced.bill()
    assert may.total == priced.money("241.859625")
    priced.use("2026-05-21 20:00", 1)
    (may,) = priced.bill()
    # 51 x 5.26 = 268.26; 0.5 % off 266.9187; VAT 13.345935
    assert may.total == priced.money("280.264635")


def test_great_britain_comes_to_the_example_of_its_supplier() -> None:
    """2,262 kWh by day, 1,638 kWh by night, 365 days: GBP 1,034.01 without, GBP 1,085.71 with VAT."""
    priced = Priced("great-britain")
    zone = ZoneInfo("Europe/London")
    assert zone.key == priced.site.time_zone
    priced.use("2025-01-01 03:00", 1638)
    priced.use("2025-01-01 12:00", 2262)
    priced.use("2025-12-31 22:00", 0)
    months = priced.bill()
    taxes = sum(line.amount for month in months for line in month.lines if line.key.kind == LineKind.TAX)
    total = sum(month.total for month in months)
    assert total - taxes == priced.money("1034.0127")
    assert round((total - taxes) / 10_000) == 103_401
    assert int(total / 10_000) == 108_571


def test_china_counts_a_year() -> None:
    """2,000 at peak, then 1,000 in the valley: 2000 x 0.568 + 760 x 0.288 + 240 x 0.338 = 1436.00."""
    priced = Priced("china-zhejiang")
    priced.use("2026-03-01 12:00", 2000)
    priced.use("2026-11-01 23:00", 1000)
    priced.use("2027-01-01 12:00", 10)  # a new year: 10 x 0.568
    months = priced.bill()
    assert sum(month.total for month in months) == priced.money("1441.68")
    assert months[-1].total == priced.money("5.68")


def test_china_has_five_periods_over_the_blocks_of_a_year() -> None:
    """Ten hours of 40 kWh on one day, two per period, then 200 kWh in the deep valley of autumn.

    The first 100: 80 deep at 0.75 = 60, 20 valley at 0.75 = 15. Then to 500: 60 valley at 1.00 = 60,
    80 flat at 1.60 = 128, 80 peak at 2.00 = 160, 80 sharp at 4.00 = 320 make 400 used; 100 deep at 1.00 = 100
    reach 500, the other 100 cost 1.25 = 125. Together 968. On New Year's Day 10 deep cost 7.50 again.
    """
    priced = Priced("china-five-periods")
    for hour in ("00:00", "05:00", "06:00", "07:00", "08:00", "09:00", "10:00", "13:00", "14:00", "21:00"):
        priced.use(f"2026-04-01 {hour}", 40)
    priced.use("2026-10-01 03:00", 200)
    priced.use("2027-01-01 00:00", 10)
    months = priced.bill()
    assert sum(month.total for month in months[:-1]) == priced.money("968.00")
    assert months[-1].total == priced.money("7.50")
    assert {line.key.band for line in months[0].lines} == {"deep valley", "valley", "flat", "peak", "sharp"}


def test_california_by_season_tier_and_time() -> None:
    """July: 500 kWh, 100 of them at peak, 405 in the first tier. Together 203.62933.

    100 x 0.5224 + 400 x 0.3994 = 212.00; the first tier is 0.0814 cheaper: - 405 x 0.0814 = 32.967;
    31 x 0.79343 = 24.59633. In December 300 kWh off-peak are 300 x 0.28617 + 31 x 0.79343 = 110.44733.
    """
    priced = Priced("california")
    priced.use("2026-07-01 00:00", 0)
    priced.use("2026-07-10 12:00", 400)
    priced.use("2026-07-11 16:00", 100)
    priced.use("2026-12-10 22:00", 300)
    priced.use("2026-12-31 23:00", 0)
    months = {month.period[:7]: month for month in priced.bill()}
    assert months["2026-07"].total == priced.money("203.62933")
    assert months["2026-12"].total == priced.money("110.44733")
    bands = {line.key.band for line in months["2026-07"].lines if line.key.kind == LineKind.CONSUMPTION}
    assert bands == {"summer off-peak", "summer peak"}
