"""Every page in every state."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.settings import NUMBERS_VARIABLE
from dashboard.text.formatting import change
from meter_bridge.storage import tables
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, Unit, build

PAGES = [
    "today",
    "units",
    "unit",
    "tariffs",
    "top_ups",
    "debt",
    "energy_balance",
    "alerts",
    "reports",
    "system",
]

type Open = Callable[..., AppTest]


def shown(app: AppTest) -> str:
    """Return every text on a page."""
    assert not app.exception, app.exception
    texts = [element.proto.body for element in app.get("html")]
    texts += [str(element.value) for kind in (app.markdown, app.subheader, app.caption) for element in kind]
    texts += [str(element.value) for kind in (app.warning, app.error, app.info) for element in kind]
    texts += [f"{metric.label} {metric.value} {metric.proto.delta_description}" for metric in app.metric]
    return "\n".join(texts).replace("\N{NO-BREAK SPACE}", " ")


def table_of(app: AppTest) -> str:
    """Return the markup of the page's table."""
    return next(str(each.proto.body) for each in app.get("html") if "<table" in each.proto.body)


@pytest.mark.parametrize("page", PAGES)
def test_without_a_database_every_page_says_how_to_begin(open_page: Open, tmp_path: Path, page: str) -> None:
    text = shown(open_page(tmp_path, page))
    assert "No bridge has run here yet" in text
    assert "meter-bridge run" in text


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_is_no_database_is_told(open_page: Open, tmp_path: Path, page: str) -> None:
    (tmp_path / "bridge.db").write_bytes(b"junk" * 200)
    assert "cannot be read" in shown(open_page(tmp_path, page))


@pytest.mark.parametrize("page", ["today", "unit"])
def test_an_empty_installation_says_how_units_are_added(open_page: Open, tmp_path: Path, page: str) -> None:
    build(tmp_path, ())
    text = shown(open_page(tmp_path, page))
    assert "No units yet" in text
    assert "meter-bridge apply" in text


def test_one_unit_without_readings(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="only", name="Only flat", days=0, end_balance=20_000_000),))
    assert "not yet known" in shown(open_page(tmp_path, "units"))
    text = shown(open_page(tmp_path, "unit", unit="only"))
    assert "Only flat" in text
    assert "No charges in this period yet" in text
    assert "no reading yet" in text


def test_one_unit_before_any_export(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="only", name="Only flat", days=1),))
    assert "not yet known" in shown(open_page(tmp_path, "units"))
    assert "Block 1 is" in shown(open_page(tmp_path, "unit", unit="only"))


def test_today_puts_attention_first(open_page: Open, house: House) -> None:
    text = shown(open_page(house.folder))
    assert text.index("Out of credit") < text.index("Latest payments")
    assert "ZAR \N{MINUS SIGN}6.23" in text
    assert "Flat 1" in text
    assert "?unit=one" in text


def test_a_meter_that_reports_everything_but_its_register_is_never_well(
    open_page: Open, tmp_path: Path
) -> None:
    text = "Flat 1: meter reports, but not its register"
    build(tmp_path, (Unit(id="one", name="Flat 1", days=4, alerts=(("meter_offline", text),)),))
    since = "20 Nov, 13:40"
    for page in ("today", "unit", "system"):
        found = shown(open_page(tmp_path, page, unit="one"))
        assert "All well" not in found
        assert since in found, page
        assert "just now" not in found, page


def test_a_change_that_rounds_to_none_has_no_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NUMBERS_VARIABLE, "1.234,5")
    assert [change(now, 100_000) for now in (99_600, 100_000, 100_400)] == [None, None, None]
    assert change(94_000, 100_000) == "\N{MINUS SIGN}6\N{NO-BREAK SPACE}%"
    assert change(1_334_500, 100_000) == "+1.234\N{NO-BREAK SPACE}%"
    assert change(5, 0) is None


def test_weeks_alike_are_said_to_be_so(open_page: Open, tmp_path: Path) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", days=16, top_ups=False),), write=False)
    for segment in house.of(tables.segment):
        segment["wh"] = 100
    house.write()
    (energy,) = [each for each in open_page(tmp_path).metric if each.label == "Energy, 7 days"]
    assert energy.delta == ""
    assert energy.proto.delta_description == "about the same as the 7 before"


def test_a_relay_that_was_never_asked_for_anything_does_not_wait(open_page: Open, tmp_path: Path) -> None:
    units = (
        Unit(id="one", name="Flat 1", days=2, relay="pending"),
        Unit(id="two", name="Flat 2", days=2, relay="pending"),
        Unit(id="three", name="Flat 3", days=2, relay="confirmed"),
    )
    house = build(tmp_path, units, write=False)
    house.of(tables.relay_status)[0] |= {"requested": None, "requested_at": None}
    house.write()
    app = open_page(tmp_path, "alerts")
    assert "1 of 2 are proven to be in the requested position" in shown(app)
    (relays,) = [each.proto.body for each in app.get("html") if 'aria-label="Relays"' in each.proto.body]
    order = ("Flat 2", "Pending", "Flat 3", "Proven", "Flat 1", "Not switched yet")
    assert [relays.index(each) for each in order] == sorted(relays.index(each) for each in order)


def test_nothing_to_attend_to_is_said(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="well", name="Flat 1", days=4, end_balance=900_000_000),))
    assert "Nothing needs your attention" in shown(open_page(tmp_path))


def test_two_currencies_are_never_added(open_page: Open, tmp_path: Path) -> None:
    here = Unit(id="here", name="Flat 1", days=3, end_balance=90_000_000)
    there = Unit(id="there", name="Rés-do-chão", site="flores", days=3, end_balance=70_000_000)
    build(tmp_path, (here, there))
    text = shown(open_page(tmp_path, "units"))
    assert "ZAR 88.77" in text
    assert "EUR 68.77" in text
    assert "Rua das Flores 12" in text
    app = open_page(tmp_path)
    charged = [metric.value for metric in app.metric if metric.label == "Charged, 7 days"]
    assert [value[:3] for value in charged] == ["EUR", "ZAR"]


@pytest.mark.parametrize("page", ["today", "unit"])
def test_a_silent_bridge_dates_its_data(open_page: Open, house: House, page: str) -> None:
    fresh = shown(open_page(house.folder, page, unit="one"))
    assert "not running" not in fresh
    text = shown(open_page(house.folder, page, now=NOW_MS + 2 * DAY_MS, unit="one"))
    assert "The bridge is not running" in text
    assert "20 Nov 2026, 18:40 (2 d ago)" in text  # by the site's clock


def test_what_a_silent_bridge_heard_last_is_not_just_now(open_page: Open, house: House) -> None:
    later = NOW_MS + 2 * DAY_MS
    assert "read just now" in shown(open_page(house.folder, "unit", unit="one"))
    assert "read 20 Nov 2026, 18:40" in shown(open_page(house.folder, "unit", now=later, unit="one"))
    text = shown(open_page(house.folder, "system", now=later))
    assert "just now" not in text
    assert "2 d ago" in text


def test_a_unit_shows_balance_cost_energy_payments_and_history(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "unit", unit="one")
    text = shown(app)
    assert len(app.get("plotly_chart")) == 6
    for heading in (
        "Balance, ZAR",
        "Cost per day, ZAR",
        "Energy, kWh",
        "Where the credit went",
        "Top-ups",
        "Alerts",
        "Supply",
    ):
        assert heading in text
    assert "all to balance" in text


def test_cost_can_be_stacked_by_band(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "unit", unit="one")
    app.segmented_control(key="by").set_value("Band").run()
    assert "Standard is" in shown(app)


@pytest.mark.parametrize("days", [7, 90, 365])
def test_every_range_of_time_is_shown(open_page: Open, house: House, days: int) -> None:
    app = open_page(house.folder, "unit", unit="one")
    app.segmented_control(key="days").set_value(days).run()
    assert len(app.get("plotly_chart")) == 6
    assert not app.exception


def test_a_negative_balance_is_shown_with_its_sign(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "unit", unit="two")
    assert app.metric[0].value.replace("\N{NO-BREAK SPACE}", " ") == "ZAR \N{MINUS SIGN}6.23"


@pytest.mark.parametrize(
    "hostile", ["' OR 1=1 --", "<script>alert(1)</script>", "../../etc/passwd", "x" * 10_000]
)
def test_a_hostile_unit_in_the_url_is_an_unknown_unit(open_page: Open, house: House, hostile: str) -> None:
    text = shown(open_page(house.folder, "unit", unit=hostile))
    assert "No such unit" in text
    assert hostile not in text


def test_names_are_text_and_never_markup(open_page: Open, tmp_path: Path) -> None:
    name = '<img src=x onerror="alert(1)">'
    build(tmp_path, (Unit(id='a"&<b', name=name, customer="**bold** <i>", days=3),))
    for page in ("today", "unit"):
        text = shown(open_page(tmp_path, page, unit='a"&<b'))
        assert "<img" not in text
        assert "&lt;img" in text
        assert "<i>" not in text


def test_search_finds_by_every_word(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "units")
    app.text_input(key="search").set_value("dlamini flat").run()
    table = table_of(app)
    assert "Flat 1" in table
    assert "Flat 2" not in table


def test_a_search_without_result_says_so(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "units")
    app.text_input(key="search").set_value("'; DROP TABLE account; --").run()
    assert "No unit matches" in shown(app)


def test_a_cause_filters_the_table(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "units")
    app.pills[0].set_value("out").run()
    table = table_of(app)
    assert "Flat 2" in table
    assert "Flat 1" not in table


def test_thousands_of_units_are_paged_and_stay_small(open_page: Open, tmp_path: Path) -> None:
    crowd = tuple(Unit(id=f"u{n:04}", name=f"Flat {n:04}", days=0) for n in range(2_000))
    build(tmp_path, crowd)
    app = open_page(tmp_path, "units")
    assert "1 to 50 of 2,000 units" in shown(app)
    assert max(len(element.proto.body) for element in app.get("html")) < 100_000


def test_the_system_page_says_where_the_data_is(open_page: Open, house: House) -> None:
    text = shown(open_page(house.folder, "system"))
    assert str(house.folder) in text
    assert "20 Nov 2026, 18:40" in text


def test_a_units_seven_days_are_those_of_today(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="only", name="Only flat", days=9),))
    charged = {
        page: next(
            metric.value
            for metric in open_page(tmp_path, page, unit="only").metric
            if metric.label.startswith("Charged")
        )
        for page in ("today", "unit")
    }
    assert charged["today"] == charged["unit"]
