"""Each command against a running bridge: what it says, what it asks, and how it fails."""

from dataclasses import replace
import io
import json
from pathlib import Path
import sys
from typing import Final

import pytest

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.answers import ReadingOutcome
from meter_bridge.protocol.messages import ErrorCode, QuarantineView
from meter_bridge.protocol.requests import ReplacementRequest
from meter_bridge.protocol.vocabulary import AlertKind
from tests.api.factories import NOW, SECRET, alert
from tests.api.fake_bridge import StandIn
from tests.certificates import certificate
from tests.commands.conftest import Command


@pytest.fixture
def site_file(data: Path) -> Path:
    """Return a copy of the example of the documentation."""
    example = Path(__file__).parents[2] / "docs" / "examples" / "household.yaml"
    path = data / "site.yaml"
    path.write_text(example.read_text())
    return path


def test_accounts_are_shown_as_an_aligned_table(run: Command, bridge: StandIn) -> None:
    bridge.balances["flat-2"] = 1_234_567_890_000
    code, out, _ = run("accounts")
    assert code == 0
    assert out == (
        "ACCOUNT  NAME    SITE  SUPPLY            AVAILABLE           BALANCE    LASTS  ALERTS\n"
        "flat-1   Flat-1  rose  connected         ZAR 12.50         ZAR 12.50  2 d 4 h  none\n"
        "flat-2   Flat-2  rose  connected  ZAR 1,234,567.89  ZAR 1,234,567.89  2 d 4 h  none\n"
        "shop-1   Shop-1  oak   connected         ZAR 12.50         ZAR 12.50  2 d 4 h  none\n"
    )


def test_accounts_as_json_are_those_of_the_api(run: Command, bridge: StandIn) -> None:
    _, out, _ = run("accounts", "--json")
    assert [each["available"] for each in json.loads(out)["accounts"]] == [12_500_000] * 3


def test_a_top_up_shows_where_the_money_went(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("top-up", "flat-1", "100.00", "--reference", "receipt 7")
    assert code == 0
    assert out == (
        "flat-1: ZAR 100.00 booked as top-up-1\n"
        "  to balance     ZAR 100.00\n"
        "  available now  ZAR 112.50\n"
        "  supply connected (in credit)\n"
    )
    assert bridge.touched == [("top_up", "local operator", "flat-1")]


@pytest.mark.invariant(4)
def test_a_top_up_with_the_same_key_counts_once_and_each_without_one_by_itself(
    run: Command, bridge: StandIn
) -> None:
    for _ in range(2):
        assert run("top-up", "flat-1", "1.00", "--key", "k")[0] == 0
    assert bridge.balances["flat-1"] == 13_500_000
    for _ in range(2):
        assert run("top-up", "flat-1", "1.00")[0] == 0
    assert bridge.balances["flat-1"] == 15_500_000


def test_what_the_bridge_refuses_is_one_line_and_a_remedy_with_exit_code_1(
    run: Command, bridge: StandIn
) -> None:
    code, out, err = run("top-up", "flat-9", "100.00")
    assert (code, out) == (1, "")
    assert err.startswith("error: there is no account 'flat-9'\n  ")
    code, _, err = run("top-up", "flat-1", "1e3")
    assert code == 1
    assert "amount: 1e3" in err


def test_a_bridge_that_cannot_store_is_exit_code_3(run: Command, bridge: StandIn) -> None:
    bridge.failure = RequestRefused(ErrorCode.STORAGE_UNAVAILABLE, "the disk is full", remedy="make room")
    code, _, err = run("top-up", "flat-1", "100.00")
    assert (code, err) == (3, "error: the disk is full\n  make room\n")


def test_a_supply_is_held_with_a_reason(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("supply", "flat-1", "off", "--reason", "inspection")
    assert code == 0
    assert out == "flat-1: disconnected (landlord off: inspection), relay confirmed\n"
    assert "set_supply off inspection" in bridge.calls


def test_a_supply_is_not_held_without_a_reason(run: Command, bridge: StandIn) -> None:
    code, _, err = run("supply", "flat-1", "off")
    assert (code, err) == (2, "error: 'off' requires a reason\n  add --reason TEXT\n")
    assert bridge.calls == []


def test_meters_are_shown_as_an_aligned_table(run: Command, bridge: StandIn) -> None:
    bridge.held["flat-2"] = {"quarantined": True, "power_mw": 1_234_500}
    bridge.held["shop-1"] = {"online": None, "register_wh": None, "energy_wh": None}
    code, out, _ = run("meters")
    assert code == 0
    assert out == (
        "METER         ADDRESS                 ACCOUNT      REGISTER    CHARGED    POWER  STATE\n"
        "flat-1-meter  tasmota:flat-1-meter/1  flat-1      1.000 kWh  0.500 kWh        –  online\n"
        "flat-2-meter  tasmota:flat-2-meter/1  flat-2      1.000 kWh  0.500 kWh  1,234 W  quarantined\n"
        "shop-1-meter  tasmota:shop-1-meter/1  shop-1              –          –        –  never seen\n"
        "found         tasmota:found/1         unassigned  1.000 kWh  0.500 kWh        –  online\n"
    )
    assert run("meters", "list") == (code, out, "")


def test_exposure_is_shown_with_its_bound_and_its_rate(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("exposure")
    assert code == 0
    head, first, *_ = out.splitlines()
    assert head.split("  ")[0] == "ACCOUNT"
    assert "hold, local cut-off" in first
    assert "1 of 2" in first
    for quantity in ("1.500 kWh, R 4.50", "10.000 kWh, R 30.00", "240.000 kWh, R 720.00"):
        assert quantity.split(",", maxsplit=1)[0] in first
    found = json.loads(run("exposure", "--json")[1])["accounts"]
    assert {each["once_wh"] for each in found} == {1_500}
    assert bridge.calls


@pytest.mark.parametrize("command", [("meters", "--json"), ("meters", "list", "--json")])
def test_meters_as_json_are_those_of_the_api(run: Command, bridge: StandIn, command: tuple[str, ...]) -> None:
    assert len(json.loads(run(*command)[1])["meters"]) == 4


@pytest.mark.parametrize(
    "outcome, told",
    [
        ("charged", "flat-1-meter: reading recorded\n  charged  0.250 kWh\n"),
        ("unchanged", "flat-1-meter: reading unchanged; nothing is charged\n"),
    ],
)
def test_a_reading_is_told(run: Command, bridge: StandIn, outcome: ReadingOutcome, told: str) -> None:
    bridge.outcome = outcome
    at = "2026-03-03T10:30:00+02:00"
    assert run("meters", "read", "flat-1-meter", "12345.6", "--at", at)[:2] == (0, told)
    assert run("meters", "read", "flat-1-meter", "12346", "--json")[0] == 0
    assert bridge.calls == [f"read_register 12345.6 {at}", "read_register 12346 None"]


REPLACE: Final = ("meters", "replace", "flat-1-meter", "--closing", "812.4", "--opening", "0.0")


@pytest.mark.invariant(4)
def test_a_meter_is_replaced_once_per_key(run: Command, bridge: StandIn) -> None:
    for _ in range(2):
        code, out, _ = run(*REPLACE, "--reason", "burnt", "--key", "k", "--confirmed")
        assert (code, out) == (
            0,
            "flat-1-meter: counting continues from 1.000 kWh, 0.500 kWh charged in total\n",
        )
    assert bridge.replaced == {
        ("flat-1-meter", "k"): ReplacementRequest("812.4", "0.0", "burnt", confirmed=True)
    }
    code, _, err = run(*REPLACE, "--reason", "other", "--key", "k")
    assert (code, "the key was used for another replacement" in err) == (1, True)
    for _ in range(2):
        assert run(*REPLACE, "--reason", "burnt", "--address", "tasmota:new/1")[0] == 0
    assert len(bridge.replaced) == 3


def test_a_replacement_wants_a_reason_and_both_readings(run: Command, bridge: StandIn) -> None:
    assert run(*REPLACE)[0] == 2
    assert run(*REPLACE[:-2], "--reason", "x")[0] == 2
    assert bridge.calls == []


def test_registers_that_wait_for_a_decision_are_listed(run: Command, bridge: StandIn) -> None:
    assert run("quarantine", "list")[1] == "No registers are quarantined.\n"
    view = QuarantineView(cause="fell", opened_at="2026-03-03T07:15:00.000Z", register_wh=120)
    bridge.held["flat-1"] = {"quarantined": True, "quarantine": view}
    assert run("quarantine", "list")[1] == (
        "METER         ACCOUNT  SINCE                 WHAT  CHARGED UP TO  SHOWS NOW\n"
        "flat-1-meter  flat-1   2026-03-03 07:15 UTC  fell      1.000 kWh  0.120 kWh\n"
    )
    assert [each["id"] for each in json.loads(run("quarantine", "list", "--json")[1])] == ["flat-1-meter"]


@pytest.mark.parametrize("decision", ["accept", "discard", "new-epoch"])
def test_a_register_is_decided_with_a_reason(run: Command, bridge: StandIn, decision: str) -> None:
    code, out, _ = run("quarantine", decision, "flat-1-meter", "--reason", "outage of 3 March")
    assert code == 0
    assert out.startswith("flat-1-meter: ")
    assert bridge.calls == [f"decide_quarantine {decision.replace('-', '_')} outage of 3 March"]


def test_a_register_is_not_decided_without_a_reason(run: Command, bridge: StandIn) -> None:
    assert run("quarantine", "accept", "flat-1-meter")[0] == 2
    assert bridge.calls == []


def test_a_new_token_alone_is_on_standard_output(run: Command, bridge: StandIn) -> None:
    code, out, err = run("token", "create", "--name", "HA", "--role", "landlord", "--all-sites")
    assert (code, out) == (0, f"pmb_t1_{SECRET}\n")
    assert "shown only once" in err


def test_tokens_are_listed_and_revoked(run: Command, bridge: StandIn) -> None:
    assert run("token", "list")[1].startswith("There are no tokens yet")
    run("token", "create", "--name", "HA", "--role", "landlord", "--all-sites")
    run("token", "create", "--name", "Flat", "--role", "tenant", "--account", "flat-1", "--days", "365")
    assert run("token", "revoke", "t1")[0] == 0
    assert run("token", "list")[1] == (
        "ID  NAME  ROLE      ACCESS     CREATED     EXPIRES     STATE\n"
        "t1  HA    landlord  all sites  2026-03-01  never       revoked 2026-03-01\n"
        "t2  Flat  tenant    flat-1     2026-03-01  2027-03-01  active\n"
    )
    assert run("token", "revoke", "t9")[0] == 1


def test_apply_shows_the_difference_and_applies_it(run: Command, bridge: StandIn, site_file: Path) -> None:
    code, out, _ = run("apply", str(site_file), "--yes")
    assert (code, out) == (0, "  add site rose\nApplied.\n")
    assert [each.rsplit(" ", 1)[1] for each in bridge.calls] == ["True", "False"]


def test_apply_dry_run_only_shows(run: Command, bridge: StandIn, site_file: Path) -> None:
    code, out, _ = run("apply", str(site_file), "--dry-run", "--json")
    assert (code, json.loads(out)) == (0, {"changes": ["add site rose"], "applied": False, "pending": []})
    assert len(bridge.calls) == 1


def test_apply_does_nothing_where_nothing_changes(run: Command, bridge: StandIn, site_file: Path) -> None:
    bridge.changes = ()
    code, out, _ = run("apply", str(site_file))
    assert (code, out) == (0, "No changes: the installation matches the file.\n")
    assert len(bridge.calls) == 1


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer,code", [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_apply_asks_a_person(
    run: Command,
    bridge: StandIn,
    site_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert run("apply", str(site_file))[0] == code
    assert len(bridge.calls) == (2 if code == 0 else 1)


@pytest.mark.parametrize(
    "typed, more, code", [("", (), 1), ("n\n", (), 1), ("y\n", (), 0), ("", ("--yes",), 0)]
)
def test_vouchers_of_an_unusual_amount_are_made_once_that_is_confirmed(
    run: Command,
    bridge: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    more: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed) if typed else io.StringIO())
    ended, out, err = run("voucher", "create", "--count", "1", "--amount", "1000000", *more)
    assert ended == code
    assert bool(out) is (code == 0)
    assert ("a voucher of 1000000 is unusual" in err) is (not more)


def test_apply_without_a_person_wants_yes(
    run: Command, bridge: StandIn, site_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = run("apply", str(site_file))
    assert code == 2
    assert "--yes" in err
    assert len(bridge.calls) == 1


def test_check_says_what_is_in_a_site_file(run: Command, site_file: Path) -> None:
    code, out, _ = run("check", str(site_file))
    assert code == 0
    assert out == f"{site_file} is valid: 1 site, 1 tariff, 1 account, 1 meter\n"


@pytest.mark.parametrize(
    "name,text,place",
    [
        ("payments.yaml", "providers:\n  card: {kind: cash}\n", "providers.card.kind"),
        ("notify.yaml", "people:\n  anna: {channels: []}\n", "people.anna"),
    ],
)
def test_check_says_what_is_wrong_in_the_files_beside_the_database(
    run: Command, site_file: Path, data: Path, name: str, text: str, place: str
) -> None:
    (data / name).write_text(text)
    (data / name).chmod(0o600)
    own = ("notify" if name == "notify.yaml" else "payments", "check")
    for command in (("check", str(site_file)), own):
        code, _, err = run(*command)
        assert (code, err.startswith(f"error: {data}: 1 problem\n")) == (1, True)
        assert f"{name}, line 2, {place}: " in err
        code, out, _ = run(*command, "--json")
        (problem,) = json.loads(out)["problems"]
        assert (code, problem["file"], problem["line"], problem["field"]) == (1, name, 2, place)
    (data / name).unlink()
    assert run("check", str(site_file))[0] == 0
    assert json.loads(run(*own, "--json")[1])["problems"] == []


@pytest.mark.parametrize("text", [None, "nonsense"], ids=["missing", "unusable"])
def test_check_says_what_is_wrong_with_the_brokers_authority(
    run: Command, site_file: Path, data: Path, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = data / "ca.pem"
    monkeypatch.setenv("PREPAID_METER_BROKER", "mqtts://broker.lan")
    monkeypatch.setenv("PREPAID_METER_BROKER_CA", str(authority))
    if text is not None:
        authority.write_text(text)
    message = "holds no certificate" if text else "cannot be read: No such file or directory"
    code, _, err = run("check", str(site_file))
    assert (code, f"{authority}: {message}; provide it in PEM format" in err) == (1, True)
    code, out, _ = run("check", str(site_file), "--json")
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["file"], problem["message"]) == (1, str(authority), message)
    certificate(data)[0].rename(authority)
    assert run("check", str(site_file))[0] == 0


@pytest.mark.parametrize("command", [("check",), ("apply", "--yes")])
def test_a_wrong_site_file_is_listed_with_lines_and_reaches_no_bridge(
    run: Command, bridge: StandIn, data: Path, command: tuple[str, ...]
) -> None:
    path = data / "wrong.yaml"
    path.write_text("name: Rose\nsites: 7\n")
    code, _, err = run(*command, str(path))
    assert code == 1
    assert err.startswith(f"error: {path}: ")
    assert "line 2" in err
    assert bridge.calls == []


def test_a_site_file_that_cannot_be_read_is_a_usage_error(run: Command, data: Path) -> None:
    assert run("check", str(data / "none.yaml"))[0] == 2
    (data / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    code, _, err = run("check", str(data / "latin.yaml"))
    assert code == 2
    assert "UTF-8" in err


@pytest.mark.parametrize(
    "command",
    [
        ("refund", "flat-1", "50.00", "--reason", "r"),
        ("reverse", "flat-1", "entry-12", "--reason", "r"),
        ("correct", "flat-1", "-12.50", "--reason", "r"),
        ("reprice", "flat-1", "2026-06-20", "home@2026-07-01", "--reason", "r"),
        ("transfer", "flat-1", "flat-2", "20.00", "--reason", "r"),
        ("write-off", "flat-1", "--reason", "r"),
        ("write-off", "flat-1", "5.00", "--debt", "old", "--reason", "r"),
        ("debt", "open", "flat-1", "old", "350.00", "--rate", "3.50", "--reason", "r"),
        ("debt", "change", "flat-1", "old", "--percent", "10", "--cap", "none", "--reason", "r"),
        ("debt", "close", "flat-1", "old", "--reason", "r"),
        ("emergency-credit", "select", "flat-1"),
        ("move-out", "flat-1", "--remainder", "refund", "--reason", "r"),
        ("move-in", "flat-1", "N. Dlamini", "--opening-credit", "20.00"),
    ],
    ids=" ".join,
)
def test_an_operation_on_the_books_says_what_they_are_then(
    run: Command, bridge: StandIn, command: tuple[str, ...]
) -> None:
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert out.startswith("flat-1: ")
    assert "balance" in out
    assert "ZAR 62.50" in out
    assert [place[0] for place in bridge.operated] == ["flat-1"]


def test_an_operation_counts_once_per_key_and_is_told_as_json(run: Command, bridge: StandIn) -> None:
    for _ in range(2):
        code, out, _ = run("refund", "flat-1", "5.00", "--reason", "r", "--key", "k", "--json")
        assert code == 0
        assert json.loads(out)["balance"] == 62_500_000
    assert len(bridge.operated) == 1


def test_an_operation_on_money_wants_a_reason(run: Command, bridge: StandIn) -> None:
    assert run("refund", "flat-1", "5.00")[0] == 2
    assert bridge.operated == {}


def test_vouchers_are_written_once_to_files_of_their_owner(run: Command, bridge: StandIn, data: Path) -> None:
    table, paper = data / "vouchers.csv", data / "vouchers.pdf"
    order = (
        "voucher",
        "create",
        "--count",
        "1",
        "--amount",
        "50.00",
        "--csv",
        str(table),
        "--pdf",
        str(paper),
    )
    code, out, err = run(*order)
    assert (code, out) == (0, "")
    assert err == "Batch 7KQ2MX: 1 vouchers of ZAR 50.00\n"
    assert table.read_text().splitlines()[1] == "7KQ2MX,7KQ2MX-0001,1234 5678 9012 3456 7890,ZAR 50.00,"
    assert paper.read_bytes().startswith(b"%PDF-")
    assert {each.stat().st_mode & 0o777 for each in (table, paper)} == {0o600}
    calls = len(bridge.calls)
    assert run(*order)[0] == 1
    assert len(bridge.calls) == calls


def test_vouchers_are_listed_sold_blocked_and_redeemed(run: Command, bridge: StandIn) -> None:
    assert run("voucher", "list")[1].splitlines()[1].split() == [
        *("7KQ2MX", "ZAR", "50.00", "rose", "2026-03-01", "never", "1", "0", "0", "0", "Spaza", "shop")
    ]
    assert run("voucher", "list", "7KQ2MX")[1].splitlines()[1].split() == ["7KQ2MX-0001", "good"]
    assert run("voucher", "sell", "7KQ2MX-0001", "--to", "shop")[1] == "Sold: 7KQ2MX-0001\n"
    assert run("voucher", "block", "7KQ2MX-0001", "--reason", "torn")[1] == "Voided: 7KQ2MX-0001\n"
    assert run("voucher", "block", "--reason", "torn")[0] == 1
    assert "booked as top-up-1" in run("voucher", "redeem", "flat-1", "1234 5678 9012 3456 7890")[1]
    code, _, err = run("voucher", "redeem", "flat-1", "0" * 20)
    assert (code, err.splitlines()[0]) == (1, "error: this voucher is not valid")


def test_move_out_show_what_is_left_with_whom(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("tenancies", "flat-1", "--outstanding")
    assert code == 0
    assert out == (
        "ACCOUNT  N  CUSTOMER    FROM        UNTIL       OUTSTANDING\n"
        "flat-1   1  N. Dlamini  2026-03-01  2026-03-01   ZAR -25.00\n"
    )
    assert run("tenancies")[1].count("N. Dlamini") == 3


def test_debts_show_what_customers_owe_with_the_sum(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("debts")
    assert code == 0
    assert out.splitlines()[1].split() == [
        *("flat-1", "N.", "Dlamini", "tenancy", "1,", "moved", "out", "ZAR", "25.00")
    ]
    assert out.splitlines()[-1] == "ZAR 75.00 in total"
    assert json.loads(run("debts", "--json")[1])["debts"][0]["owed"] == 25_000_000


def test_a_settlement_with_a_former_customer_is_passed_on(run: Command, bridge: StandIn) -> None:
    code, out, _ = run("settle", "flat-1", "1", "25.00", "--how", "paid", "--reason", "late", "--key", "k")
    assert code == 0
    assert out.startswith("flat-1: 25.00 of tenancy 1 paid, booked as entry-17\n")
    asked = bridge.operated["flat-1", "Settlement", "k"]
    assert (asked.tenancy, asked.how, asked.amount, asked.reason) == (1, "paid", "25.00", "late")  # type: ignore[union-attr]


def test_a_statement_may_be_of_one_tenancy(run: Command, bridge: StandIn) -> None:
    run("statement", "flat-1", "--tenancy", "1")
    assert "statement None None line 1" in bridge.calls


def test_a_cash_top_up_comes_with_a_receipt(run: Command, bridge: StandIn, tmp_path: Path) -> None:
    paper = tmp_path / "receipt.pdf"
    code, _, _ = run("top-up", "flat-1", "50.00", "--receipt", str(paper), "--language", "sw")
    assert code == 0
    assert paper.read_bytes().startswith(b"%PDF-")
    code, _, err = run("top-up", "flat-1", "50.00", "--receipt", str(paper))
    assert (code, "already exists" in err) == (1, True)
    assert len(bridge.booked) == 1


def test_a_statement_is_held_against_the_journal(run: Command, bridge: StandIn, tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    file.write_bytes("id,amount,Empf\u00e4nger\nQK1,50.00,M\u00fcller\n".encode("cp1252"))
    code, out, _ = run("payments", "reconcile", "till", str(file), "--currency", "ZAR")
    assert (code, out) == (0, "2 payments match, 0 do not.\n")
    code, _, err = run("payments", "reconcile", "till", str(file), "--column", "sum=amount")
    assert "WHAT must be one of" in err


def test_what_waits_is_listed_and_decided(run: Command, bridge: StandIn) -> None:
    assert "what was paid is not what was ordered" in run("payments", "waiting")[1]
    done = run("payments", "credit", "till", "QK1", "--account", "flat-1", "--reason", "typed wrong")
    assert done[1] == "QK1: booked as entry-9\n"
    assert "open" in run("payments", "list", "flat-1")[1]


def test_cards_and_labels_are_printed_once(run: Command, bridge: StandIn, tmp_path: Path) -> None:
    cards, labels = tmp_path / "cards.pdf", tmp_path / "labels.pdf"
    assert run("access", "create", "flat-1", "--pdf", str(cards))[0] == 0
    assert cards.stat().st_mode & 0o777 == 0o600
    assert run("access", "create", "flat-1", "--pdf", str(cards))[0] == 1
    page = ("--page", "https://pay.example.org")
    assert run("access", "labels", *page, "--pdf", str(labels))[0] == 0
    assert labels.read_bytes().startswith(b"%PDF-")
    assert "K7QM-2XRP" in run("access", "create", "flat-1")[1]
    assert run("access", "revoke", "flat-1")[1] == "Revoked: flat-1\n"


def test_open_alerts_are_listed_with_who_and_what(run: Command, bridge: StandIn) -> None:
    bridge.alert_list = [alert("alert-2", "flat-1", "flat-1/main"), alert("alert-1", None)]
    assert run("alerts") == (
        0,
        (
            "ALERT    SINCE                    UNTIL  ACCOUNT  METER        SEEN  WHAT\n"
            "alert-2  2026-03-01 10:00:00 UTC  –      flat-1   flat-1/main  no    something to look at\n"
            "alert-1  2026-03-01 10:00:00 UTC  –      –        –            no    something to look at\n"
        ),
        "",
    )
    assert bridge.calls == ["alerts True 1000"]
    assert [each["id"] for each in json.loads(run("alerts", "--json")[1])["alerts"]] == ["alert-2", "alert-1"]


def test_closed_alerts_are_listed_where_asked_for(run: Command, bridge: StandIn) -> None:
    bridge.alert_list = [replace(alert("alert-1", None), acknowledged_at=NOW, closed_at=NOW)]
    listed = run("alerts", "list", "--all")[1]
    assert "2026-03-01 10:00:00 UTC  2026-03-01 10:00:00 UTC  –        –      yes" in listed
    assert bridge.calls == ["alerts False 1000"]
    bridge.alert_list = []
    assert run("alerts", "list", "--all")[1] == "There have been no alerts.\n"
    assert run("alerts")[1] == "There are no open alerts.\n"


def test_an_alert_is_acknowledged(run: Command, bridge: StandIn) -> None:
    assert run("alerts", "acknowledge", "broker") == (
        0,
        "broker: acknowledged; it closes automatically when its cause is resolved\n",
        "",
    )
    code, _, err = run("alerts", "acknowledge", "alert-9")
    assert (code, "there is no alert 'alert-9'" in err) == (1, True)


def test_a_clock_in_doubt_is_shown_and_confirmed(run: Command, bridge: StandIn) -> None:
    assert run("clock") == (0, "The bridge trusts its clock.\n", "")
    bridge.alert_list.append(replace(alert("alert-1", None), kind=AlertKind.CLOCK_WRONG, message="it jumped"))
    assert run("clock")[1].startswith("it jumped\n  check 'date'")
    shown = json.loads(run("clock", "--json")[1])
    assert (shown["believed"], [each["id"] for each in shown["alerts"]]) == (False, ["alert-1"])
    assert "confirm_clock" not in bridge.calls
    assert run("clock", "confirm")[1] == f"Clock confirmed; the bridge continues at {NOW}.\n"
    assert bridge.calls[-1] == "confirm_clock"


def test_a_million_typed_by_mistake_is_asked_about(
    run: Command, bridge: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run("top-up", "flat-1", "1000000")
    assert code == 1
    assert "1000000 is more than 10 times the usual" in err
    assert "repeat the command with --yes" in err
    for answer, expected in (("n", 1), ("", 1), ("y", 0)):
        monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
        code, _, err = run("top-up", "flat-1", "1000000")
        assert (code, "Is it right? [y/N]" in err) == (expected, True)
    assert run("top-up", "flat-1", "1000000", "--yes")[0] == 0
    assert run("refund", "flat-1", "1.00", "--reason", "r", "--yes")[0] == 0
