"""Commands on a real installation without a running bridge: the engine, its database and its lock."""

import json
from pathlib import Path

import pytest

from meter_bridge.storage.database import DATABASE_NAME
from tests.commands.conftest import Command

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "house-with-flats.yaml"


@pytest.fixture
def installed(run: Command, data: Path) -> Path:
    """Return the folder of an installation made from the example of the documentation."""
    assert run("apply", str(EXAMPLE), "--yes")[0] == 0
    return data


@pytest.mark.invariant(8)
def test_a_top_up_outlives_the_command_and_counts_once(run: Command, installed: Path) -> None:
    for _ in range(2):
        assert run("top-up", "flat-1", "100.00", "--key", "k")[0] == 0
    found = json.loads(run("accounts", "--json")[1])["accounts"]
    assert {each["id"]: each["balance"] for each in found}["flat-1"] == 100_000_000


def test_applying_the_same_file_again_changes_nothing(run: Command, installed: Path) -> None:
    code, out, _ = run("apply", str(EXAMPLE))
    assert (code, out) == (0, "The installation is as the file says; nothing changes.\n")


@pytest.mark.invariant(2)
def test_the_books_of_an_installation_and_of_its_backup_are_right(run: Command, installed: Path) -> None:
    run("top-up", "flat-1", "100.00")
    code, out, _ = run("verify")
    assert (code, out) == (0, f"{installed / DATABASE_NAME}: the books are right\n")
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
