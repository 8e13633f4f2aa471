"""A unit's page answers why the credit is gone, how it goes on, and what was used hour by hour."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.parts.unit_figures import depletion_text
from dashboard.queries.balance import credit_breakdown
from dashboard.queries.consumption import hourly
from dashboard.queries.units import units
from dashboard.status.attention import UnitStatus
from dashboard.status.depletion import BEYOND_FORECAST, CreditDuration, balance_forecast
from meter_bridge.core.forecast.cost_projection import Depletion
from meter_bridge.storage import tables
from tests.dashboard.fake_bridge import StandIn, bridge_at, caretaker, tenant
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, Unit, build, yesterday
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
ACCRUED = 1_234_567


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = build(
        tmp_path_factory.mktemp("unit"),
        (
            Unit(id="one", name="Flat 1", days=130, kwh_per_day=9),
            Unit(id="few", name="Flat 2", days=9, end_balance=55_000_000),
            Unit(id="young", name="Flat 3", days=1),
            Unit(id="out", name="Flat 4", days=40, end_balance=-1_000_000),
        ),
    )
    made.export(yesterday(made))
    return made


def opened(homes: House, unit: str) -> Warehouse:
    return Warehouse(read_snapshot(homes.folder, unit))


@pytest.mark.parametrize("unit", ["one", "few", "young", "out"])
@pytest.mark.parametrize("days", [None, 7, 30])
def test_what_moved_the_balance_adds_up_to_what_is_left(homes: House, unit: str, days: int | None) -> None:
    gone = credit_breakdown(opened(homes, unit), LANDLORD, unit, days, ACCRUED)
    assert gone is not None
    posted = homes.of(tables.balance, account_id=unit, bucket="balance")[0]["amount"]
    assert gone.before + sum(each.amount for each in gone.changes) == gone.now
    assert gone.now == int(str(posted)) - ACCRUED
    assert all(each.kind != "elsewhere" for each in gone.changes)


def test_since_the_last_top_up_begins_with_it(homes: House) -> None:
    gone = credit_breakdown(opened(homes, "one"), LANDLORD, "one", None, ACCRUED)
    assert gone is not None
    newest = homes.of(tables.journal_entry, account_id="one", kind="top_up")[-1]
    assert gone.since == newest["at"]
    assert gone.changes[0].kind == "top_up"
    assert gone.changes[0].entries == 1


def test_credit_of_another_is_never_told(homes: House) -> None:
    assert credit_breakdown(opened(homes, "one"), Viewer(accounts=("few",)), "one", 30, 0) is None


def test_a_balance_is_foretold_with_a_band(homes: House) -> None:
    warehouse = opened(homes, "one")
    ahead = balance_forecast(warehouse, LANDLORD, "one")
    assert ahead is not None
    assert ahead.depletion is not None
    assert ahead.has_interval
    assert ahead.depletion.earliest_at <= ahead.depletion.at <= ahead.depletion.latest_at
    assert ahead.points[0].at == warehouse.as_of
    balances = [point.balance for point in ahead.points]
    assert balances == sorted(balances, reverse=True)
    assert ahead.points[-1].balance == 0


def test_little_past_gives_no_band_and_less_gives_nothing(homes: House) -> None:
    few = balance_forecast(opened(homes, "few"), LANDLORD, "few")
    assert few is not None
    assert not few.has_interval
    assert balance_forecast(opened(homes, "young"), LANDLORD, "young") is None
    assert balance_forecast(opened(homes, "out"), LANDLORD, "out") is None


def test_hours_are_those_of_the_sites_clock(homes: House) -> None:
    hours = hourly(opened(homes, "one"), LANDLORD, "one", 3, "Africa/Johannesburg")
    assert {use.hour.date() for use in hours} == {date(2026, 11, day) for day in (18, 19, 20)}
    noon = sum(use.wh for use in hours if use.hour.isoformat() == "2026-11-19T12:00:00")
    rows = homes.of(tables.segment, account_id="one", local_day="2026-11-19")
    assert noon == sum(int(str(row["wh"])) for row in rows if 48 <= int(str(row["local_slot"])) < 52)


def test_the_answer_is_two_clicks_away(open_page: Open, homes: House) -> None:
    """The first page links to the unit; the unit's page says where the credit went."""
    assert "?unit=out" in shown(open_page(homes.folder))
    text = shown(open_page(homes.folder, "unit", unit="out"))
    assert text.index("Where the credit went") < text.index("Balance, ZAR")
    assert "received, less" in text


def test_the_page_tells_how_long_it_lasts(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "unit", unit="one")
    assert "four times out of five" in shown(app)
    app.segmented_control(key="energy by").set_value("Hour").run()
    assert "most from" in shown(app)
    app.segmented_control(key="credit gone").set_value("30 days").run()
    assert not app.exception


def test_only_used_up_credit_is_said_to_be_used_up(homes: House) -> None:
    (unit,) = [each for each in units(opened(homes, "one"), LANDLORD) if each.id == "one"]
    inside = Depletion(at=NOW_MS + DAY_MS // 2, earliest=None, latest=None)
    told = {
        days: depletion_text(UnitStatus(unit, CreditDuration(days, ends)), NOW_MS)
        for days, ends in ((0.5, inside), (0.0, None), (-1.0, None), (BEYOND_FORECAST, None))
    }
    assert told.pop(0.5).startswith("until")
    assert list(told.values()) == ["nothing is left", "nothing is left", "no end in sight yet"]


def test_a_tenant_learns_where_the_own_credit_went(open_page: Open, homes: House) -> None:
    token = "pmb_0123456789ab_secret"
    with bridge_at(homes.folder, StandIn({token: tenant("one")})):
        assert "Where the credit went" in shown(open_page(homes.folder, "home", token=token))
    with bridge_at(homes.folder, StandIn({token: caretaker("protea")})):
        assert "Where the credit went" not in shown(open_page(homes.folder, "unit", token=token, unit="one"))


def test_a_gap_of_a_month_is_left_open(open_page: Open, tmp_path: Path) -> None:
    made = build(tmp_path, (Unit(id="one", name="Flat 1", days=60),), write=False)
    begin, end = made.now - 40 * DAY_MS, made.now - 8 * DAY_MS
    rows = made.rows[tables.segment.name]
    made.rows[tables.segment.name] = [row for row in rows if not begin < int(str(row["start_ms"])) < end]
    made.write()
    for page in ("unit", "today", "units", "tariffs"):
        assert not open_page(tmp_path, page, unit="one").exception
