"""Commands on a real installation without a running bridge: the engine, its database and its lock."""

import json
from pathlib import Path
import re

import pytest

from meter_bridge.storage.database import DATABASE_NAME
from tests.commands.conftest import EXAMPLE, Command


@pytest.mark.both_databases
@pytest.mark.invariant(8)
def test_a_top_up_outlives_the_command_and_counts_once(run: Command, installed: Path) -> None:
    for _ in range(2):
        assert run("top-up", "flat-1", "100.00", "--key", "k")[0] == 0
    found = json.loads(run("accounts", "--json")[1])["accounts"]
    assert {each["id"]: each["balance"] for each in found}["flat-1"] == 100_000_000


def test_applying_the_same_file_again_changes_nothing(run: Command, installed: Path) -> None:
    code, out, _ = run("apply", str(EXAMPLE))
    assert (code, out) == (0, "No changes: the installation matches the file.\n")


@pytest.mark.sqlite("the backup is looked at as the file of another installation")
@pytest.mark.invariant(2)
def test_the_books_of_an_installation_and_of_its_backup_are_right(run: Command, installed: Path) -> None:
    run("top-up", "flat-1", "100.00")
    code, out, _ = run("verify")
    assert (code, out) == (0, f"{installed / DATABASE_NAME}: the books are correct\n")
    copied = installed / "copy"
    copied.mkdir()
    assert run("backup", str(copied / DATABASE_NAME))[0] == 0
    assert run("verify", "--data", str(copied))[0] == 0
    restored = json.loads(run("accounts", "--json", "--data", str(copied))[1])["accounts"]
    assert {each["id"]: each["balance"] for each in restored}["flat-1"] == 100_000_000


def test_a_decision_finds_its_meter_and_is_refused_where_there_is_none_to_take(
    run: Command, installed: Path
) -> None:
    code, _, err = run("quarantine", "accept", "flat-1/main", "--reason", "x")
    assert code == 1
    assert "flat-1/main has not been read yet" in err
    code, _, err = run("quarantine", "accept", "flat-1/none", "--reason", "x")
    assert (code, "there is no meter 'flat-1/none'" in err) == (1, True)
    assert "flat-2/stove" in run("meters")[1]


def test_a_token_of_an_unknown_account_is_refused(run: Command, installed: Path) -> None:
    code, _, err = run("token", "create", "--name", "x", "--role", "tenant", "--account", "flat-99")
    assert code == 1
    assert "flat-99" in err


@pytest.mark.sqlite("a damaged file; a server looks after its own")
def test_a_damaged_database_is_told_and_not_copied(run: Command, installed: Path) -> None:
    database = installed / DATABASE_NAME
    raw = bytearray(database.read_bytes())
    raw[8192:40_960] = b"\xff" * 32_768
    database.write_bytes(raw)
    assert run("verify")[0] == 1
    code, _, _ = run("backup", str(installed / "copy.db"))
    assert code == 1
    assert not (installed / "copy.db").exists()
    assert not list(installed.glob(".copy.db*"))


def test_a_backup_never_overwrites(run: Command, installed: Path) -> None:
    (installed / "copy.db").write_text("mine")
    code, _, err = run("backup", str(installed / "copy.db"))
    assert code == 1
    assert "exists already" in err
    assert (installed / "copy.db").read_text() == "mine"


@pytest.mark.both_databases
def test_a_backup_is_for_its_owner_alone_and_one_file(run: Command, installed: Path) -> None:
    folder = installed / "backups"
    folder.mkdir()
    assert run("backup", str(folder / "copy.db"))[0] == 0
    assert [each.name for each in folder.iterdir()] == ["copy.db"]
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_into_no_folder_is_refused(run: Command, installed: Path) -> None:
    code, _, err = run("backup", str(installed / "none" / "copy.db"))
    assert code == 1
    assert "is not a folder" in err


@pytest.mark.parametrize(
    "command,what,remedy",
    [
        ("top-up flat-1 ten", "amount: ten", "a plain decimal number, such as 12.50"),
        ("top-up flat-1 10.123", "2 decimal places of ZAR", "at most 2 decimal places"),
        ("top-up flat-9 10.00", "no account 'flat-9'", "'meter-bridge accounts'"),
        ("refund flat-1 5.00 --reason=", "reason", "at least 1 character"),
        ("refund flat-1 5.00 --reason r", "not possible now (amount: ZAR 5.00)", "holds no credit"),
        ("write-off flat-1 --reason r", "flat-1 owes nothing of its arrears", "nothing to write off"),
        ("reverse flat-1 entry-99 --reason r", "entry entry-99", "'meter-bridge ledger'"),
        ("debt open flat-1 Old 5.00 --rate 1 --reason r", "debt: Old", "lower-case letters"),
        ("debt open flat-1 old 5.00 --percent 120 --reason r", "percent: 120", "100 or less"),
        ("debt open flat-1 old 5.00 --rate -1 --reason r", "rate: ZAR -1.00", "leave out the sign"),
        ("debt open flat-1 old 5.00 --rate 1 --cap 4 --reason r", "cap: ZAR 4.00", "leave the cap out"),
        ("debt open flat-1 old 5.00 --rate 1 --priority 0 --reason r", "priority: 0", "at least 1"),
        ("meters read flat-1/main 1,5", "register: 1,5", "such as 12345.6"),
        ("meters read flat-9/main 1.5", "no meter 'flat-9/main'", "'meter-bridge meters'"),
        ("ledger flat-1 --limit 0", "limit: 0", "at least 1"),
    ],
)
def test_a_refusal_names_the_value_and_the_remedy(
    run: Command, installed: Path, command: str, what: str, remedy: str
) -> None:
    code, _, err = run(*command.split())
    told, mended = err.strip().splitlines()
    assert code == 1
    assert what in told
    assert remedy in mended


def test_the_smallest_possible_amount_is_a_coin(run: Command, installed: Path) -> None:
    assert run("top-up", "flat-1", "100.00")[0] == 0
    code, _, err = run("refund", "flat-1", "0", "--reason", "r")
    assert (code, "from ZAR 0.01 to ZAR 100.00 (amount: ZAR 0.00)" in err) == (1, True)


def test_the_ledger_lists_every_entry_newest_first(run: Command, installed: Path) -> None:
    for amount in ("100.00", "50.00"):
        assert run("top-up", "flat-1", amount)[0] == 0
    lines = run("ledger", "flat-1")[1].splitlines()
    assert [line.split()[-1] for line in lines[1:]] == ["150.00", "100.00"]
    _, out, err = run("ledger", "flat-1", "--limit", "1", "--json")
    page = json.loads(out)
    assert [entry["amount"] for entry in page["entries"]] == [50_000_000]
    assert err == ""
    before = str(page["next_before"])
    assert f"--before {before}" in run("ledger", "flat-1", "--limit", "1")[2]
    assert run("ledger", "flat-1", "--before", before)[1].splitlines()[1:] == lines[2:]


def test_moving_out_tells_the_final_settlement(run: Command, installed: Path) -> None:
    assert run("top-up", "flat-1", "100.00")[0] == 0
    assert run("debt", "open", "flat-1", "old", "30.00", "--rate", "1", "--reason", "r")[0] == 0
    code, out, _ = run("move-out", "flat-1", "--remainder", "refund", "--reason", "r")
    assert code == 0
    told = dict(re.split(r" +ZAR +", line.strip()) for line in out.splitlines() if " ZAR" in line)
    assert told["balance at the end"] == "100.00"
    assert told["debt old at the end"] == "-30.00"
    assert told["to be paid out"] == "70.00"


def test_a_term_that_nothing_changes_is_refused(run: Command, installed: Path) -> None:
    assert run("debt", "open", "flat-1", "old", "30.00", "--rate", "1", "--reason", "r")[0] == 0
    for rest, what in (
        (("change", "flat-1", "old"), "requires something to change"),
        (("change", "flat-1", "old", "10.00", "--rate", "2"), "takes no AMOUNT (10.00)"),
        (("close", "flat-1", "old", "--rate", "2"), "takes no --rate"),
        (("open", "flat-1", "new", "--rate", "2"), "requires the amount owed"),
    ):
        code, _, err = run("debt", *rest, "--reason", "r")
        assert (code, what in err) == (2, True)


def test_only_a_running_bridge_has_a_clock_to_confirm(run: Command, installed: Path) -> None:
    code, out, err = run("clock", "confirm")
    assert (code, out) == (3, "")
    assert "no bridge is running in" in err
    assert "'meter-bridge run'" in err


def test_alerts_are_listed_without_a_running_bridge(run: Command, installed: Path) -> None:
    code, out, _ = run("alerts")
    assert code == 0
    assert "flat-1" in out
