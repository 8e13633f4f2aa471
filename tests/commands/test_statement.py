"""``meter-bridge statement`` and ``explain``: on a terminal, into a file, and how they fail."""

import json
from pathlib import Path

import pytest

from tests.api.fake_bridge import StandIn
from tests.commands.conftest import Command


def test_a_statement_is_shown_as_tables(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("statement", "flat-1")
    assert code == 0
    assert out == (
        "flat-1: Flat-1, Rose\n"
        "1 March 2026 – 31 March 2026 (in progress)\n"
        "\n"
        "Opening total              ZAR -5.00\n"
        "Credits                    ZAR 25.00\n"
        "Charges                   ZAR -14.38\n"
        "Closing total               ZAR 5.62\n"
        "  Balance                   ZAR 5.62\n"
        "  Debt boiler               ZAR 0.00\n"
        "Consumed, not yet posted   ZAR -0.02\n"
        "\n"
        "SINCE       CHARGE                  QUANTITY  PRICE  AMOUNT\n"
        "2026-03-01  Energy, block 1, peak  5.000 kWh   2.50   12.50\n"
        "2026-03-01  VAT                                        1.88\n"
        "\n"
        "BOOKED                  ENTRY    WHAT                                            AMOUNT  BALANCE\n"
        "2026-03-01 12:00+02:00  entry-1  Top-up, cash (debt boiler 5.00, balance 20.00)   25.00    20.00\n"
    )


def test_period_and_detail_are_passed_on(run: Command, bridge: StandIn) -> None:
    run("statement", "flat-1", "--from", "2026-01", "--to", "2026-02", "--detail", "day")
    assert "statement 2026-01 2026-02 day" in bridge.calls


def test_the_name_of_the_file_tells_the_format(run: Command, bridge: StandIn, data: Path) -> None:
    path = data / "march.csv"
    path.write_text("old")
    code, out, err = run("statement", "flat-1", "--output", str(path))
    assert (code, out, err) == (0, "", f"wrote {path}\n")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfaccount,")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in data.glob("*march*")] == ["march.csv"]


def test_the_format_may_be_named(run: Command, bridge: StandIn, data: Path) -> None:
    assert json.loads(run("statement", "flat-1", "--format", "json")[1])["closing"] == 5_625_000
    assert run("statement", "flat-1", "--format", "text", "--output", str(data / "march"))[0] == 0
    assert (data / "march").read_text().startswith("flat-1: Flat-1")


def test_a_document_goes_into_a_file_and_not_to_a_terminal(
    run: Command, bridge: StandIn, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("statement", "flat-1", "--output", str(data / "march.pdf"))[0] == 0
    assert (data / "march.pdf").read_bytes().startswith(b"%PDF-")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, _, err = run("statement", "flat-1", "--format", "pdf")
    assert code == 2
    assert "--output FILE.pdf" in err


@pytest.mark.parametrize(
    "arguments,message",
    [
        (("--output", "march.doc"), "unknown format of"),
        (("--output", "/nowhere/march.csv"), "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_is_a_usage_error(
    run: Command, bridge: StandIn, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run("statement", "flat-1", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_foreign_account_is_refused(run: Command, bridge: StandIn) -> None:
    code, _, err = run("statement", "flat-9")
    assert code == 1
    assert err.startswith("error: there is no account 'flat-9'")


def test_an_entry_is_explained_down_to_the_readings(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("explain", "flat-1", "entry-1")
    assert code == 0
    assert out == (
        "entry-1: Electricity used, 2026-03-01 12:00:00+02:00\n"
        "  balance ZAR -14.38, ZAR 5.62 after it\n"
        "\n"
        "CHARGE                 TARIFF         QUANTITY  PRICE  AMOUNT\n"
        "Energy, block 1, peak  t@2026-01-01  5.000 kWh   2.50   12.50\n"
        "VAT                    t@2026-01-01                     1.875\n"
        "\n"
        "METER         READ BEFORE  REGISTER  READ AFTER                      REGISTER\n"
        "flat-1-meter  –                   –  2026-03-01 12:00:00+02:00  1,209.511 kWh\n"
        "\n"
        "FROM                       TO        METER         REGISTER FROM    REGISTER TO     ENERGY  CHARGE"
        "                 BEFORE TAX    TAX\n"
        "2026-03-01 11:45:00+02:00  12:00:00  flat-1-meter  1,204.510 kWh  1,209.510 kWh  5.000 kWh"
        "  Energy, block 1, peak       12.50  1.875\n"
    )
    assert json.loads(run("explain", "flat-1", "entry-1", "--json")[1])["segments"][0]["wh"] == 5000


def test_an_entry_that_is_not_there_is_refused(run: Command, bridge: StandIn) -> None:
    code, _, err = run("explain", "flat-1", "entry-2")
    assert code == 1
    assert err.startswith("error: there is no entry 'entry-2'")
