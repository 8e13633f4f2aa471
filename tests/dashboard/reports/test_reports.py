"""Statements of many units and the portfolio's report: on the page, and from the command line."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
import zipfile

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.bridge import BridgeClient
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.units import unit_names
from dashboard.reports.command import main
from dashboard.reports.months import MonthError, last_day, parse_month
from dashboard.reports.portfolio import build_portfolio, portfolio_pdf
from dashboard.reports.statements import FailedStatement, StatementPdf, file_name, statements
from dashboard.text.formatting import money
from meter_bridge.storage import tables
from tests.dashboard.fake_bridge import Asked, Said, StandIn, bridge_at, landlord
from tests.dashboard.sample_house import House, Unit, build
from tests.dashboard.views.test_pages import shown
from tests.engine.statement.invented import day, statement

type Open = Callable[..., AppTest]
TOKEN = "pmb_0123456789ab_secret"
LANDLORD = Viewer(every_site=True)
OCTOBER = date(2026, 10, 1)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(
        tmp_path_factory.mktemp("reported"),
        (
            Unit(id="one", name="Flat 1", customer="N. Dlamini", days=60, kwh_per_day=20, debt=640_000_000),
            Unit(id="two", name="Flat 2", customer="J. van Wyk", days=60, closed_alerts=3),
            Unit(id="there", name="Rés-do-chão", site="flores", days=60),
        ),
    )


@pytest.fixture(scope="module")
def opened(homes: House) -> Warehouse:
    return Warehouse(read_snapshot(homes.folder, Scope(kind="report")))


def stated(asked: Asked) -> Said:
    """Answer with a statement, unless the unit is one that cannot be stated."""
    if "/two/" in asked.path:
        return 409, {"code": "books_wrong", "message": "the books do not agree", "remedy": "run verify"}
    charges = tuple(day(1_000_000, 150_000, f"2026-10-{number:02}") for number in range(1, 32))
    return 200, {"raw": msgspec.json.encode(replace(statement(), days=charges))}


def answering(folder: Path) -> StandIn:
    routes = {f"GET /api/v1/accounts/{unit}/statement": stated for unit in ("one", "two", "there")}
    del folder
    return StandIn({TOKEN: landlord()}, dict(routes))


def test_each_unit_gets_a_statement_or_a_reason(homes: House, opened: Warehouse) -> None:
    told: list[tuple[int, int]] = []
    with bridge_at(homes.folder, answering(homes.folder)) as said:
        bridge = BridgeClient(homes.folder)
        found = list(
            statements(bridge, TOKEN, unit_names(opened, LANDLORD), OCTOBER, lambda *done: told.append(done))
        )
    assert [type(each) for each in found] == [StatementPdf, FailedStatement, StatementPdf]
    made = found[0]
    assert isinstance(made, StatementPdf)
    assert made.content.startswith(b"%PDF-")
    assert made.name == "protea/statement-one-2026-10.pdf"
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert said.asked[0].path.endswith("?from=2026-10&to=2026-10&detail=day")


@pytest.mark.parametrize("text", ["../../etc/passwd", "a/b", "..", "ü ber"])
def test_no_id_leads_out_of_the_folder(text: str) -> None:
    name = file_name(text)
    assert "/" not in name
    assert not name.startswith(".")


def test_the_portfolios_sums_are_the_ledgers(homes: House, opened: Warehouse) -> None:
    report = build_portfolio(opened, LANDLORD, OCTOBER)
    rows = [
        row
        for row in homes.of(tables.segment)
        if str(row["local_day"]).startswith("2026-10") and row["account_id"] in {"one", "two"}
    ]
    charged = sum(int(str(row["amount"])) + int(str(row["tax"])) for row in rows)
    assert [each.figures[1].text for each in report.currencies][1] == money(charged, "ZAR")
    assert [each.figures[0].text[:3] for each in report.currencies] == ["EUR", "ZAR"]
    lines = next(part for part in report.parts if part.name == "Revenue by tariff")
    assert any("block 2 · peak" in row.cells[0] for row in lines.rows)
    assert {len(row.cells) for part in report.parts for row in part.rows if part is lines} == {5}


def test_the_portfolios_pictures_have_a_bar_for_each_day_of_the_month(opened: Warehouse) -> None:
    money_chart, energy = build_portfolio(opened, LANDLORD, OCTOBER).currencies[1].pictures
    assert [bar.label for bar in energy.bars] == [str(number) for number in range(1, 32)]
    assert all(bar.pieces[0].height > 0 for bar in energy.bars)
    assert [each.name for each in money_chart.colours] == ["Paid in", "Charged"]


def test_on_a_terminal_a_bar_shows_how_far_it_is(
    homes: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with bridge_at(homes.folder, answering(homes.folder)):
        main(["--data", str(homes.folder), "--to", str(tmp_path), "--month", "2026-10"])
    drawn = capsys.readouterr().err
    states = [line.split("]") for line in drawn.split("\r[")[1:]]
    assert [round(3 * bar.count("=") / len(bar)) for bar, _ in states] == [1, 2, 3]
    assert [told.split("\n")[0].strip() for _, told in states] == ["1 of 3", "2 of 3", "3 of 3"]
    assert "\nreport: Flat 2: " in drawn


def test_the_portfolio_is_a_pdf(opened: Warehouse) -> None:
    assert portfolio_pdf(opened, LANDLORD, OCTOBER).startswith(b"%PDF-")
    assert portfolio_pdf(opened, Viewer(), OCTOBER).startswith(b"%PDF-")


def test_an_empty_month_is_a_report_all_the_same(opened: Warehouse) -> None:
    report = build_portfolio(opened, LANDLORD, date(2026, 1, 1))
    assert all(each.pictures == () for each in report.currencies)
    assert "Nothing was charged." in {part.note for part in report.parts}
    assert portfolio_pdf(opened, LANDLORD, date(2026, 1, 1)).startswith(b"%PDF-")


def test_the_page_makes_an_archive_and_tells_what_failed(open_page: Open, homes: House) -> None:
    with bridge_at(homes.folder, answering(homes.folder)):
        app = open_page(homes.folder, "reports", token=TOKEN)
        assert "3 units" in shown(app)
        next(each for each in app.button if each.label == "Create statements").click().run()
        assert "The books do not agree" in app.error[0].value.replace("\\", "")
        (_, many, content) = app.session_state["statements of a month"]
    assert many == 2
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert archive.namelist() == [
            "protea/statement-one-2026-10.pdf",
            "flores/statement-there-2026-10.pdf",
        ]
    assert [each.proto.label for each in app.get("download_button")] == ["Report as PDF", "Save 2 statements"]


def test_the_page_says_when_the_bridge_is_down(open_page: Open, homes: House) -> None:
    with bridge_at(homes.folder, answering(homes.folder)) as said:
        app = open_page(homes.folder, "reports", token=TOKEN)

        def lost(asked: Asked) -> Said:
            raise ConnectionResetError

        said.answers["GET /api/v1/accounts/one/statement"] = lost
        app.text_input(key="report units").set_value("dlamini").run()
        next(each for each in app.button if each.label == "Create statements").click().run()
    assert "The bridge does not respond" in app.warning[0].value


def test_without_a_token_there_is_the_portfolio_alone(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "reports")
    assert "Sign in with a token" in shown(app)
    assert [each.proto.label for each in app.get("download_button")] == ["Report as PDF"]


def test_the_command_writes_files(homes: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with bridge_at(homes.folder, StandIn()) as said:
        said.people[""] = landlord()  # as the local operator asks: without a token
        said.answers = answering(homes.folder).answers
        arguments = ["--data", str(homes.folder), "--month", "2026-10", "--to", str(tmp_path)]
        assert main([*arguments, "--unit", "one", "--unit", "there"]) == 0
        assert main(arguments) == 1
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "flores/statement-there-2026-10.pdf",
        "portfolio-2026-10.pdf",
        "protea/statement-one-2026-10.pdf",
    ]
    assert "Flat 2: The books do not agree. Run verify." in capsys.readouterr().err


def test_the_command_without_a_bridge_writes_the_portfolio(homes: House, tmp_path: Path) -> None:
    arguments = [
        "--data",
        str(homes.folder),
        "--month",
        "2026-10",
        "--to",
        str(tmp_path),
        "--only",
        "portfolio",
    ]
    assert main(arguments) == 0
    assert (tmp_path / "portfolio-2026-10.pdf").is_file()


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["--month", "2026-13"], "is no month"),
        (["--month", "2027-10"], "not a month on record"),
        (["--unit", "nobody"], "there is no unit 'nobody'"),
        (["--site", "nowhere"], "there is no unit to report on"),
        ([], "does not answer"),
    ],
)
def test_the_command_says_what_is_wrong(
    homes: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["--data", str(homes.folder), "--to", str(tmp_path), *arguments]) == 1
    assert told in capsys.readouterr().err


def test_months_are_named() -> None:
    today = date(2026, 1, 15)
    assert parse_month("last", today) == date(2025, 12, 1)
    assert parse_month("this", today) == date(2026, 1, 1)
    assert last_day(date(2028, 2, 1)) == date(2028, 2, 29)
    with pytest.raises(MonthError):
        parse_month("October", today)
