"""Databases of another version, and damaged ones, are named for what they are."""

from contextlib import closing
from pathlib import Path
import shutil
import sqlite3

import pytest

from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.migrate import HEAD, schema_of
from tests.commands.conftest import Command
from tests.storage.test_upgrade import DUMPS

pytestmark = pytest.mark.sqlite("files; tests/storage/test_postgresql.py has a server's")

COMMANDS = [("accounts",), ("ledger", "flat-1"), ("top-up", "flat-1", "10.00"), ("verify",), ("run",)]
"""The last one does not end by itself where it can start."""


TABLES = ["installation", "journal_entry", "alert", "site", "tenant_access", "posting"]


@pytest.fixture(autouse=True)
def own_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a bridge listen where nobody else does."""
    monkeypatch.setenv("PREPAID_METER_EMBEDDED_PORT", "0")
    monkeypatch.setenv("PREPAID_METER_LISTEN", "127.0.0.1:0")


@pytest.fixture
def older(data: Path) -> Path:
    """Return the database of the first release in the data folder."""
    with closing(sqlite3.connect(data / DATABASE_NAME)) as connection:
        connection.executescript(DUMPS[0].read_text(encoding="utf-8"))
    return data / DATABASE_NAME


@pytest.fixture
def newer(installed: Path) -> Path:
    """Return the database of a release that does not exist yet."""
    with closing(sqlite3.connect(installed / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    return installed / DATABASE_NAME


def copies(database: Path) -> list[str]:
    return sorted(path.name for path in database.parent.glob("*schema*"))


def test_a_database_that_is_not_migrated_yet_is_not_called_damaged(run: Command, older: Path) -> None:
    code, _, err = run("verify")
    assert code == 3
    assert f"is not migrated yet: it has schema 0014, version 0.1.0 uses {HEAD}" in err
    assert "start this version's bridge, which migrates it" in err
    assert "damaged" not in err
    assert schema_of(older) == "0014"


def test_a_database_that_is_not_migrated_yet_is_backed_up_as_it_is(
    run: Command, older: Path, tmp_path: Path
) -> None:
    code, _, err = run("backup", str(tmp_path / "copy.db"))
    assert code == 0
    assert err == f"The database is not migrated yet: it and the backup have schema 0014, not {HEAD}.\n"
    assert (schema_of(older), schema_of(tmp_path / "copy.db")) == ("0014", "0014")
    assert run("restore", str(tmp_path / "copy.db"), "--check")[0] == 0


@pytest.mark.invariant(2)
def test_wrong_books_of_an_older_database_are_found_by_its_backup(
    run: Command, older: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("UPDATE balance SET amount = amount + 1 WHERE bucket = 'balance'")
    code, _, err = run("backup", str(tmp_path / "copy.db"))
    assert (code, "invariant 2" in err, list(tmp_path.iterdir())) == (1, True, [])


def test_a_migration_leaves_a_copy_beside_the_database_and_says_so(
    run: Command, older: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert run("accounts")[0] == 0
    assert copies(older) == ["bridge-schema-0014.db"]
    copy = older.with_name("bridge-schema-0014.db")
    assert (schema_of(older), schema_of(copy), copy.stat().st_mode & 0o777) == (HEAD, "0014", 0o600)
    assert [record.message for record in caplog.records if record.name.endswith(".migrate")] == [
        f"Migrated {older} from schema 0014 to {HEAD}; {copy} is the database as it was before"
    ]
    assert verify(older) == []


def test_a_migration_that_is_repeated_keeps_every_different_copy(
    run: Command, older: Path, tmp_path: Path
) -> None:
    saved = shutil.copyfile(older, tmp_path / "saved.db")
    for change, expected in ((False, 1), (False, 1), (True, 2)):
        shutil.copyfile(saved, older)
        if change:
            with closing(sqlite3.connect(older)) as connection, connection:
                connection.execute("UPDATE installation SET name = 'other'")
        assert run("accounts")[0] == 0
        assert len(copies(older)) == expected


def test_a_migration_that_fails_changes_nothing_and_leaves_no_copy(
    run: Command, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(older)) as connection, connection:
        connection.execute("ALTER TABLE alert RENAME COLUMN message TO facts")
    for _ in range(2):
        code, _, err = run("accounts")
        assert (code, "could not be brought to schema" in err) == (3, True)
    assert (copies(older), schema_of(older)) == ([], "0014")


def test_without_room_for_the_copy_nothing_is_migrated(
    run: Command, older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meter_bridge.storage.migrate.publish", full)
    code, _, err = run("accounts")
    assert code == 3
    assert "was not migrated, because it could not be copied before" in err
    assert (copies(older), schema_of(older)) == ([], "0014")


@pytest.mark.parametrize("command", [*COMMANDS, ("backup", "COPY")])
def test_an_older_program_says_that_the_database_is_of_a_newer_one(
    run: Command, newer: Path, command: tuple[str, ...], tmp_path: Path
) -> None:
    code, _, err = run(*(str(tmp_path / "copy.db") if word == "COPY" else word for word in command))
    assert code in {1, 3}
    assert f"was written by a newer version: it has schema 9999, version 0.1.0 knows {HEAD}" in err
    assert "install the newer version" in err
    assert schema_of(newer) == "9999"


@pytest.mark.parametrize(
    "table", ["installation", "journal_entry", "alert", "site", "tenant_access", "posting"]
)
@pytest.mark.parametrize("command", [*COMMANDS[:-1], ("backup", "COPY"), ("alerts",)])
def test_a_damaged_page_is_an_error_of_two_lines(
    run: Command, installed: Path, command: tuple[str, ...], table: str, tmp_path: Path
) -> None:
    assert run("top-up", "flat-1", "10.00")[0] == 0
    damage(installed / DATABASE_NAME, table)
    code, out, err = run(*(str(tmp_path / "copy.db") if word == "COPY" else word for word in command))
    if command == ("verify",):
        problem, result = out.splitlines()
        assert (code, "is damaged" in problem, result.endswith(": 1 problem")) == (1, True, True)
    elif code != 0:
        what, _ = err.splitlines()
        assert what.startswith("error: ")


def test_a_bridge_that_cannot_read_its_database_says_so_in_two_lines(run: Command, installed: Path) -> None:
    damage(installed / DATABASE_NAME, "installation")
    code, _, err = run("run")
    what, remedy = [line for line in err.splitlines() if line.startswith(("error: ", "  "))]
    assert (code, "cannot be read" in what, "restore" in remedy) == (3, True, True)


def damage(database: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    query = "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute(query, (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
