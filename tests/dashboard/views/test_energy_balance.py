"""A building's meter against its units: sums of the ledger's facts, and nobody accused without a reason."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.charts.energy_balance import balance_by_day
from dashboard.charts.template import LIGHT
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope, unit_scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.energy_balance import DayBalance, balance_days, balance_hours, members, usage_drops
from dashboard.queries.sums import charged_and_energy, charged_units, day_sums, days, line_sums, unit_sums
from meter_bridge.storage import tables
from tests.dashboard.sample_house import DAY_MS, House, Unit, build, yesterday
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)
FLATS = (
    Unit(id="one", name="Flat 1", days=50),
    Unit(id="two", name="Flat 2", days=50, alerts=(("tamper", "Cover was opened"),)),
    Unit(id="there", name="Casa", site="flores", days=20),
)
BUILDING = Unit(
    id="all", name="Building", days=50, top_ups=False, reason="credit_mode", billed_later=True, measures=1.1
)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = build(tmp_path_factory.mktemp("building"), (*FLATS, BUILDING))
    made.export(yesterday(made))
    return made


@pytest.fixture(scope="module")
def opened(homes: House) -> Warehouse:
    return Warehouse(read_snapshot(homes.folder))


def used(homes: House, day: str, *units: str) -> int:
    """Return the energy of some units on a day."""
    rows = [row for row in homes.of(tables.segment, local_day=day) if row["account_id"] in units]
    return sum(int(str(row["wh"])) for row in rows)


def test_each_day_is_the_sum_of_the_units_facts(homes: House, opened: Warehouse) -> None:
    days = {each.day: each for each in balance_days(opened, LANDLORD, "protea", "all", FIRST, LAST)}
    assert len(days) == 20
    for day in (FIRST, date(2026, 11, 13), LAST):
        assert days[day].units == used(homes, day.isoformat(), "one", "two")
        assert days[day].building == used(homes, day.isoformat(), "all")
        assert (days[day].missing or 0) > 0


def test_sums_of_the_portfolio_count_energy_once(homes: House, opened: Warehouse) -> None:
    day = date(2026, 11, 13)
    units = used(homes, day.isoformat(), "one", "two", "there")
    assert sum(each.wh for each in days(opened, LANDLORD, 14) if each.day == day) == units
    assert sum(each.wh for each in day_sums(opened, LANDLORD, day, day)) == units
    assert sum(each.wh for each in line_sums(opened, LANDLORD, day, day)) == units
    report = Warehouse(read_snapshot(homes.folder, Scope(kind="report", since=0)))
    assert sum(each.wh for each in unit_sums(report, LANDLORD, day, day)) == units
    assert sum(each.wh for each in charged_units(opened, LANDLORD, day, day)) == units
    assert [each.account_id for each in charged_units(opened, LANDLORD, day, day, ("all",))] == ["all"]
    begin = homes.now - 7 * DAY_MS
    week = [row for row in homes.of(tables.segment) if begin <= int(str(row["start_ms"])) < homes.now]
    _, energy = charged_and_energy(opened, LANDLORD)
    assert energy.now == sum(int(str(row["wh"])) for row in week if row["account_id"] != "all")


def test_the_buildings_meter_has_its_energy_on_its_own_page(homes: House) -> None:
    _, energy = charged_and_energy(Warehouse(read_snapshot(homes.folder, unit_scope("all"))), LANDLORD)
    assert energy.now > 0


def test_money_that_a_buildings_meter_is_charged_is_not_lost(tmp_path: Path) -> None:
    made = build(tmp_path, (FLATS[0], BUILDING), write=False)
    mine = made.of(tables.segment, account_id="all")
    for row in mine:
        row["amount"] = 7
    made.write()
    house = Warehouse(read_snapshot(made.folder))
    every = sum(int(str(row["amount"])) + int(str(row["tax"])) for row in made.of(tables.segment))
    assert sum(each.charged for each in days(house, LANDLORD, 90)) == every


def test_hours_are_means_that_add_up_to_the_days(opened: Warehouse) -> None:
    days = balance_days(opened, LANDLORD, "protea", "all", FIRST, LAST)
    hours = balance_hours(opened, LANDLORD, "protea", "all", FIRST, LAST)
    assert len(hours) == 24
    assert sum(each.units for each in hours) * 20 == pytest.approx(sum(each.units for each in days))
    assert sum(each.building for each in hours) * 20 == pytest.approx(
        sum(each.building or 0 for each in days)
    )


def test_a_day_without_the_buildings_meter_is_not_known() -> None:
    silent = DayBalance(day=FIRST, building=None, units=5_000)
    assert silent.missing is None
    heard = DayBalance(day=LAST, building=6_000, units=5_000)
    told = balance_by_day([silent, heard], LIGHT).summary.replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith("1.0 kWh of 6.0 kWh")


def test_units_that_measure_more_than_the_building_are_told() -> None:
    told = balance_by_day([DayBalance(day=FIRST, building=4_000, units=5_000)], LIGHT).summary
    assert "is it the right one?" in told


def test_who_uses_half_or_has_a_tamper_alert_is_worth_a_look(tmp_path: Path) -> None:
    made = build(tmp_path, (*FLATS, BUILDING), write=False)
    week = made.now - 8 * DAY_MS
    for row in made.of(tables.segment, account_id="one"):
        if int(str(row["start_ms"])) > week:
            row["wh"] = int(str(row["wh"])) // 3
    made.write()
    found = usage_drops(Warehouse(read_snapshot(tmp_path)), LANDLORD, "protea", "all", LAST)
    assert [(each.account_id, each.tamper) for each in found] == [("two", True), ("one", False)]
    assert found[1].now < found[1].usual * 0.5


def test_a_viewer_learns_of_no_other_site(opened: Warehouse) -> None:
    other = Viewer(sites=("flores",))
    assert members(opened, other, "protea", FIRST, LAST) == []
    assert balance_days(opened, other, "protea", "all", FIRST, LAST) == []
    assert usage_drops(opened, other, "protea", "all", LAST) == []


def test_the_buildings_meter_is_proposed(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "energy_balance", site="protea")
    app.selectbox(key="site").set_value("Protea Court").run()
    text = shown(app)
    assert app.selectbox(key="building of protea").value == "all"
    assert "% of the building" in text
    assert len(app.get("plotly_chart")) == 3
    assert "Flat 2" in text


def test_without_a_buildings_meter_the_page_says_how_to_get_one(open_page: Open, house: House) -> None:
    text = shown(open_page(house.folder, "energy_balance"))
    assert "Which meter is the building's?" in text
    assert "payment mode: credit" in text
