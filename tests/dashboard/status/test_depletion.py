"""Lists, a unit's page and the bridge foretell the same, because it is foretold once."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import units
from dashboard.status.attention import unit_statuses
from dashboard.status.depletion import BEYOND_FORECAST, balance_forecast
from meter_bridge.core.forecast.cost_projection import Depletion
from meter_bridge.engine.forecasting.forecaster import Forecaster
from meter_bridge.engine.forecasting.stored_forecast import account_depletion
from meter_bridge.protocol.requests import SelectEmergencyCredit
from tests.dashboard.real_house import SITE, WATTS, Street
from tests.dashboard.sample_house import House, Unit, build
from tests.dashboard.views.test_pages import shown, table_of
from tests.engine.harness import VirtualTime, apply, opened

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
DAYS = 5
LOADS = {**WATTS, "flat-2": 300, "flat-4": 300, "flat-5": 500, "flat-6": 600}
PAID = {"flat-1": "400", "flat-2": "62", "flat-3": "90", "flat-4": "95", "flat-6": "220"}
MORE = """
      units:
        name: Units
        versions:
          - from: 2026-01-01
            sold as: units bought
            blocks: [100 kWh]
            prices: [2.20, 2.60]
    units:
      flat-4:
        name: Flat 4
        tariff: units
        meters: [{address: "tasmota:flat-4/1", rating: 10 kW}]
      flat-5:
        name: Flat 5
        tariff: blocks
        meters: [{address: "tasmota:flat-5/1", rating: 10 kW}]
        payment mode: credit
      flat-6:
        name: Flat 6
        tariff: blocks
        meters: [{address: "tasmota:flat-6/1", rating: 10 kW}]
        overdraft: 15.00
"""


HOMES = (
    Unit(id="one", name="Flat 1", days=40, kwh_per_day=9, end_balance=60_000_000),
    Unit(id="long", name="Flat 2", days=40, end_balance=9_000_000_000),
    Unit(id="young", name="Flat 3", days=1),
    Unit(id="out", name="Flat 4", days=2, end_balance=-1_000_000),
)


async def live(folder: Path) -> dict[str, Depletion | None]:
    """Let the engine run for some days and foretell; return what it says of each unit."""
    async with opened(folder, VirtualTime(synchronised=True)) as made:
        await apply(
            made, SITE.replace("\n    units:\n", MORE, 1).replace("threshold: 3.00", "threshold: 500.00")
        )
        street = Street(made, dict.fromkeys(LOADS, 10_000), LOADS)
        await street.run(1)
        for unit, amount in PAID.items():
            await street.pay(unit, amount, "cash", unit)
        await street.operate("flat-2", SelectEmergencyCredit(), "e1")
        for _ in range(DAYS):
            await street.run(96)
            await Forecaster(made.engine.session).run_all()
            await made.settle()
        await street.run(7)
        made.engine.session.flush(everything=True)
        await made.engine.session.drain()
        now = made.engine.session.clock.now()
        told = {
            account.id: account_depletion(account, now)
            for account in made.engine.session.installation.accounts.values()
        }
        made.engine.session.reader.dispose()
    return told


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Depletion | None]]:
    folder = tmp_path_factory.mktemp("foretold")
    return folder, asyncio.run(live(folder))


def test_lists_tell_what_the_bridge_tells(street: tuple[Path, dict[str, Depletion | None]]) -> None:
    folder, told = street
    found = {
        each.unit.id: each.duration.depletion
        for each in unit_statuses(Warehouse(read_snapshot(folder)), LANDLORD)
    }
    assert found == told
    known = {unit for unit, out in told.items() if out is not None}
    assert known == {"flat-1", "flat-2", "flat-3", "flat-4", "flat-6"}, "flat-5 is billed later"
    lent = {each.id: each.lent for each in units(Warehouse(read_snapshot(folder)), LANDLORD)}
    assert [unit for unit, amount in lent.items() if amount] == ["flat-2"]


@pytest.mark.parametrize("unit", LOADS)
def test_a_units_page_tells_what_the_bridge_tells(
    street: tuple[Path, dict[str, Depletion | None]], unit: str
) -> None:
    folder, told = street
    warehouse = Warehouse(read_snapshot(folder, unit))
    (standing,) = unit_statuses(warehouse, LANDLORD)
    assert standing.duration.depletion == told[unit]
    ahead, out = balance_forecast(warehouse, LANDLORD, unit), told[unit]
    if unit == "flat-4" or out is None:
        assert ahead is None or ahead.depletion is None, "no curve of money where units are bought"
    else:
        assert ahead is not None
        assert ahead.depletion is not None
        assert ahead.depletion.at == out.at


def test_the_curve_ends_where_overdraft_and_emergency_credit_end(
    street: tuple[Path, dict[str, Depletion | None]],
) -> None:
    for unit, end in (("flat-1", 0), ("flat-2", 0), ("flat-6", -15)):
        ahead = balance_forecast(Warehouse(read_snapshot(street[0], unit)), LANDLORD, unit)
        assert ahead is not None
        assert ahead.points[-1].balance == end * 1_000_000


def test_pages_show_the_same_days(open_page: Open, tmp_path: Path) -> None:
    made = build(tmp_path, HOMES)
    figures = {}
    for unit in ("one", "long"):
        app = open_page(made.folder, "unit", unit=unit)
        figures[unit] = next(metric.value for metric in app.metric if metric.label == "Lasts")
    table = table_of(open_page(made.folder, "units"))
    for shown_days in figures.values():
        assert shown_days in table
    assert "over" in figures["long"]
    assert figures["one"].replace("\N{NO-BREAK SPACE}", " ") in shown(open_page(made.folder))


def test_what_outlasts_the_forecast_comes_before_what_is_not_known(tmp_path: Path) -> None:
    made: House = build(tmp_path, HOMES)
    found = {
        each.unit.id: each.days_left
        for each in unit_statuses(Warehouse(read_snapshot(made.folder)), LANDLORD)
    }
    assert found["long"] == BEYOND_FORECAST
    assert found["young"] is None
    assert found["out"] == 0
    assert 0 < (found["one"] or 0) < 3
