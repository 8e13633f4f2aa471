"""The page of tariffs: its year, ladder, curves, loads; other tariffs in figures and in words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.charts.consumption import downsampled, load_duration_curve, use_against_blocks
from dashboard.charts.differences import round_buckets
from dashboard.charts.tariff import block_prices, build_tariff_year, price_with_tax
from dashboard.charts.template import LIGHT
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.pricing.curve import month_costs
from dashboard.pricing.edited import EditError, figures_of, parse_tariff, with_figures
from dashboard.pricing.what_if import UnitChange, WhatIfAnswer
from dashboard.queries.sums import used_by_unit
from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.load_pricing import LoadInterval, price_load_profile
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline
from tests.core.builders import tariff, weekly_ladder
from tests.dashboard.fake_bridge import StandIn, bridge_at, caretaker
from tests.dashboard.sample_house import House, Unit, build, site_version
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
HOME = site_version("protea")
MARCH = date(2026, 3, 9)


def costs(version: TariffVersion, wh: int) -> int:
    """Return what the bridge's rating makes of an even month."""
    start, end = day_start(date(2026, 3, 1), version.zone), day_start(date(2026, 4, 1), version.zone)
    quarter = 15 * 60_000
    many = (end - start) // quarter
    load = [
        LoadInterval(
            start + place * quarter,
            start + (place + 1) * quarter,
            wh * (place + 1) // many - wh * place // many,
        )
        for place in range(many)
    ]
    timeline = Timeline((replace(version, valid_from=0),))
    return sum(
        each.total
        for each in price_load_profile(timeline, load, SupplyTerms())
        if each.period == version.period(start)
    )


@pytest.mark.parametrize(
    "version",
    [
        HOME,
        tariff([["2.10"], ["3.33"]], limits_kwh=["120"], standing="9.99"),
        weekly_ladder(limits_kwh=["40"]),
    ],
)
def test_a_curve_is_what_the_bridge_would_charge(version: TariffVersion) -> None:
    for point in month_costs(version, MARCH, 400_000)[::7]:
        assert point.amount == costs(version, point.wh), point.wh


def test_a_curve_bends_where_blocks_begin() -> None:
    assert {80_000, 250_000} <= {point.wh for point in month_costs(HOME, MARCH, 400_000)}


def test_a_year_says_which_band_holds_at_each_hour() -> None:
    year = build_tariff_year(HOME.calendar, 2026)
    assert (len(year.days), year.step, len(year.bands[0])) == (365, 60, 24)
    monday = year.bands[year.days.index(date(2026, 11, 23))]
    assert (monday[3], monday[7], monday[12], monday[22]) == ("off_peak", "peak", "standard", "off_peak")
    saturday = year.bands[year.days.index(date(2026, 11, 21))]
    assert "peak" not in saturday
    assert sum(year.shares().values()) == pytest.approx(1)


def test_prices_of_the_ladder_hold_taxes() -> None:
    assert price_with_tax(HOME, 0, "standard") == 2_127_500
    assert "ZAR 1.702 to ZAR 5.8029" in block_prices(HOME, LIGHT).summary.replace("\N{NO-BREAK SPACE}", " ")


def test_words_and_back_are_the_same_tariff() -> None:
    again = with_figures(HOME, figures_of(HOME))
    assert (again.ladders, again.standing, again.taxes) == (HOME.ladders, HOME.standing, HOME.taxes)


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"prices": ((("x", "1", "1"),) * 3,)}, "price of block 1, off_peak"),
        ({"prices": ((("-1", "1", "1"),) * 3,)}, "negative"),
        ({"limits": (("250", "80"),)}, "do not rise"),
        ({"limits": (("a", "80"),)}, "limit of block 1"),
        ({"standing": ("1,5",)}, "Standing charge"),
        ({"taxes": ("0.00001",)}, "VAT"),
    ],
)
def test_a_figure_that_cannot_be_is_named(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(EditError, match=told):
        with_figures(HOME, replace(figures_of(HOME), **wrong))  # type: ignore[arg-type]


def test_a_tariff_in_words_is_that_of_a_site_file() -> None:
    version = parse_tariff("blocks: [100 kWh]\nprices: [2.00, 3.00]\nstanding charge: 4.50 per day\n", HOME)
    assert version.ladders[0].limits == (100_000,)
    assert version.currency == "ZAR"
    assert version.standing[0].amount == 4_500_000


def test_a_mistake_in_words_is_told_with_its_line() -> None:
    with pytest.raises(EditError, match=r"^line 2: 'x' is not"):
        parse_tariff("blocks: [100 kWh]\nprices: [2.00, x]\n", HOME)
    with pytest.raises(EditError, match="line 1"):
        parse_tariff("sites: {}", HOME)


def test_a_load_duration_says_peak_middle_and_base() -> None:
    chart = load_duration_curve([(0.0, 9_000), (0.5, 4_000), (1.0, 250)], LIGHT)
    told = chart.summary.replace("\N{NO-BREAK SPACE}", " ")
    assert told == "Peak 9.00 kW; 4.00 kW or more half of the time; never below 250 W."


def test_use_against_blocks_counts_every_unit(house: House) -> None:
    opened = Warehouse(read_snapshot(house.folder))
    used = used_by_unit(opened, LANDLORD, date(2026, 11, 1), date(2026, 11, 20), ("one", "two", "new"))
    assert [unit for unit, _ in used] == ["one", "two"]
    chart = use_against_blocks([300_000] * 400 + [90_000] * 600, (80_000, 250_000), LIGHT)
    assert "Of 1,000 units, 1,000 units got past 80.0" in chart.summary
    assert len(chart.figure.data[0].x) == 301
    assert downsampled([5, 4, 3]) == [5, 4, 3]


def test_units_that_all_differ_by_the_same_are_a_bar_wide_enough_to_see() -> None:
    changes = tuple(
        UnitChange(account_id=str(place), name="", wh=0, old=100_000_000, new=27_550_000)
        for place in range(6)
    )
    (bucket,) = round_buckets(WhatIfAnswer(currency="ZAR", changes=changes, other_currencies=0))
    assert bucket.units == 6
    assert (bucket.high - bucket.low) * 20 >= -bucket.low  # a twentieth of the way to nothing


def test_buckets_have_zero_between_them_and_hold_every_unit() -> None:
    changes = tuple(
        UnitChange(account_id=str(place), name="", wh=0, old=0, new=difference)
        for place, difference in enumerate((-7_000_000, -1, 0, 1, 23_000_000))
    )
    buckets = round_buckets(WhatIfAnswer(currency="ZAR", changes=changes, other_currencies=0))
    assert sum(bucket.units for bucket in buckets) == 5
    assert any(bucket.high == 0 for bucket in buckets)
    assert sum(bucket.units for bucket in buckets if bucket.high <= 0) == 3


def test_the_page_shows_a_tariff(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "tariffs")
    text = shown(app)
    for heading in (
        "The year by hours, 2026",
        "Price of a kWh",
        "Cost of a month",
        "Use against blocks",
        "Load duration",
    ):
        assert heading in text
    assert len(app.get("plotly_chart")) == 5
    assert "4.25 per day" in text


def work_out(app: AppTest) -> AppTest:
    button = next(each for each in app.button if each.label == "Calculate")
    assert not button.disabled
    return button.click().run()


def test_another_standing_charge_is_priced(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "tariffs")
    assert next(each for each in app.button if each.label == "Calculate").disabled
    app.text_input[0].set_value("9.25").run()
    app.selectbox(key="period").set_value("7 days").run()
    work_out(app)
    assert not app.exception
    metrics = {metric.label: metric for metric in app.metric}
    # Five rand a day more for two units over seven days, and tax.
    more = metrics["Would have been"].proto.delta_description.partition("+")[2]
    assert Decimal(more) == pytest.approx(Decimal("80.50"), rel=Decimal("0.15"))
    assert metrics["Pay less"].value == "0"


def test_a_tariff_in_words_is_priced(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "tariffs")
    app.segmented_control(key="what-if way").set_value("A tariff in words").run()
    app.text_area[0].set_value("prices: 1.00").run()
    work_out(app)
    assert "would pay more" in shown(app)
    app.text_area[0].set_value("prices: [").run()
    assert "not readable as YAML" in app.error[0].value


def test_units_that_a_search_finds_are_priced(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "tariffs")
    app.text_input[0].set_value("9.25").run()
    app.selectbox(key="what-if units").set_value("Units matching a search").run()
    assert "No unit is selected" in shown(app)
    app.text_input(key="what-if search").set_value("dlamini").run()
    work_out(app)
    table = [each.proto.body for each in app.get("html") if "Would have been" in each.proto.body]
    assert "Flat 1" in table[0]
    assert "Flat 2" not in table[0]


def test_units_of_another_currency_are_told(open_page: Open, tmp_path: Path) -> None:
    build(
        tmp_path,
        (Unit(id="here", name="Flat 1", days=3), Unit(id="there", name="Casa", site="flores", days=3)),
    )
    app = open_page(tmp_path, "tariffs")
    assert len(app.selectbox(key="tariff").options) == 2
    app.text_input[0].set_value("9.25").run()
    app.selectbox(key="what-if units").set_value("All units").run()
    app.selectbox(key="period").set_value("7 days").run()
    work_out(app)
    assert "1 unit in another currency" in str([each.value for each in app.warning])


def test_a_caretaker_sees_tariffs_too(open_page: Open, house: House) -> None:
    token = "pmb_0123456789ab_secret"
    with bridge_at(house.folder, StandIn({token: caretaker("protea")})):
        assert "Price of a kWh" in shown(open_page(house.folder, "tariffs", token=token))
