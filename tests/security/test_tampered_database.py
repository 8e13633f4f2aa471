"""What somebody adds to a database or a backup beside its rows is found; a damaged backup is a refusal."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
import random
import sqlite3

import pytest
from sqlalchemy import text

from meter_bridge.cli import main
from meter_bridge.engine.maintenance.restore import restore
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import BackupError
from meter_bridge.storage.location import Location
from tests.storage.template import ON_POSTGRESQL, new_database, new_location

DISARMED = (
    "DROP TRIGGER posting_no_update;"
    "CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting WHEN NEW.amount < 0"
    " BEGIN SELECT RAISE(ABORT, 'rows of posting are never changed'); END"
)
NOTHING = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
GIFT = (
    f"CREATE FUNCTION gift() {NOTHING};"
    "CREATE TRIGGER gift BEFORE INSERT ON posting FOR EACH ROW EXECUTE FUNCTION gift()"
)
ON_SQLITE = (
    (
        "CREATE TRIGGER gift AFTER INSERT ON posting BEGIN UPDATE balance SET amount = amount * 2; END",
        "the trigger gift of posting was not made by the bridge",
    ),
    (
        "CREATE VIEW shown AS SELECT * FROM token",
        "the view shown of shown was not made by the bridge",
    ),
    (
        "CREATE TABLE more (id TEXT)",
        "the table more of more was not made by the bridge",
    ),
    (
        "CREATE UNIQUE INDEX one_top_up ON posting (asset)",
        "the index one_top_up of posting was not made by the bridge",
    ),
    ("DROP TRIGGER posting_no_update", "invariant 3: the guard posting_no_update is missing"),
    (
        DISARMED,
        "invariant 3: the guard posting_no_update was changed",
    ),
    ("ALTER TABLE token ADD COLUMN more TEXT", "the table token was changed"),
)
ON_SERVER = (
    (
        GIFT,
        "the trigger gift of posting was not made by the bridge",
    ),
    (
        "CREATE RULE gone AS ON DELETE TO token DO INSTEAD NOTHING",
        "the rule gone of token was not made by the bridge",
    ),
    (
        "ALTER TABLE token ENABLE ROW LEVEL SECURITY",
        "the row security token of token was not made by the bridge",
    ),
    (
        "ALTER TABLE posting DISABLE TRIGGER posting_no_update",
        "invariant 3: the guard posting_no_update is missing",
    ),
    (
        f"CREATE OR REPLACE FUNCTION posting_no_update() {NOTHING}",
        "invariant 3: the guard posting_no_update was changed",
    ),
)


def change(location: Location, statements: str) -> None:
    with open_writer(location).begin() as connection:
        for statement in statements.split(";CREATE"):
            whole = statement if statement.startswith(("CREATE", "DROP", "ALTER")) else f"CREATE{statement}"
            connection.execute(text(whole))


@pytest.mark.both_databases
@pytest.mark.parametrize("statements, told", ON_SERVER if ON_POSTGRESQL else ON_SQLITE)
def test_verify_tells_what_somebody_added_or_changed(tmp_path: Path, statements: str, told: str) -> None:
    location = new_location(tmp_path)
    assert verify(location) == []
    change(location, statements)
    assert list(verify(location)) == [told]


@pytest.mark.sqlite("what is restored is a file")
@pytest.mark.parametrize("statements, told", ON_SQLITE)
def test_a_backup_with_something_added_is_not_restored(tmp_path: Path, statements: str, told: str) -> None:
    backup = new_database(tmp_path)
    change(backup, statements)
    with pytest.raises(BackupError, match=told):
        restore(backup, tmp_path / "restored.db")
    assert not (tmp_path / "restored.db").exists()


def damaged(whole: bytes, chance: random.Random) -> Iterator[bytes]:
    """Yield copies that were cut off, with flipped bits, foreign pages, or another header."""
    page = 4_096
    while True:
        yield whole[: chance.randrange(len(whole))]
        flipped = bytearray(whole)
        for _ in range(chance.choice((1, 5, 50, 2_000))):
            flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        yield bytes(flipped)
        at = chance.randrange(len(whole) // page) * page
        yield whole[:at] + chance.randbytes(page) + whole[at + page :]
        yield chance.randbytes(100) + whole[100:]


@pytest.mark.sqlite("what is restored is a file")
def test_a_damaged_backup_is_refused_and_never_an_error_of_the_program(tmp_path: Path) -> None:
    file, chance = new_database(tmp_path), random.Random(20)
    copies = damaged(file.read_bytes(), chance)
    remedies = []
    for number in range(200):
        (tmp_path / "damaged.db").write_bytes(next(copies))
        try:
            restore(tmp_path / "damaged.db", tmp_path / f"restored-{number}.db")
        except BackupError as error:
            remedies.append(error.remedy)
    assert remedies
    assert all(remedies)


@pytest.mark.sqlite("what is restored is a file")
@pytest.mark.parametrize(
    "name",
    [b"cut_off\xff", b"sqlite_autoindex\xdfwrong", b"\x80\x81\x82"],
)
def test_a_schema_that_is_no_text_is_refused(tmp_path: Path, name: bytes) -> None:
    file = new_database(tmp_path)
    content = file.read_bytes()
    at = content.index(b"CREATE TABLE token")
    file.write_bytes(content[: at + 7] + name + content[at + 7 + len(name) :])
    with pytest.raises(BackupError):
        restore(file, tmp_path / "restored.db")


@pytest.mark.sqlite("what is restored is a file")
@pytest.mark.parametrize("document", ["x", b"\xff\xfe", 5, "{}"])
def test_a_state_that_cannot_be_read_is_a_problem_of_the_database(tmp_path: Path, document: object) -> None:
    file = new_database(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(supply_status)")]
        connection.execute(
            f"INSERT INTO supply_status ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})",
            [document if each == "document" else 1 for each in columns],
        )
    assert "the stored state of the supply of account 1 cannot be read" in "\n".join(verify(file))


@pytest.mark.sqlite("what is restored is a file")
def test_a_restored_backup_names_every_token_that_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing in a backup proves a token that somebody put there, so its owner is shown all of them."""
    backup = new_database(tmp_path)
    rows = (
        ("aaaaaaaaaaaa", "Home Assistant", "landlord", '["*"]', "[]", None),
        ("bbbbbbbbbbbb", "Anna", "tenant", "[]", '["flat-1"]', None),
        ("cccccccccccc", "old", "landlord", '["rose-street"]', "[]", 1),
    )
    with closing(sqlite3.connect(backup)) as connection, connection:
        connection.executemany(
            "INSERT INTO token (id, secret_hash, name, role, sites, accounts, created_at, revoked_at)"
            " VALUES (?, x'00', ?, ?, ?, ?, 1, ?)",
            rows,
        )
    monkeypatch.setenv("PREPAID_METER_DATA", str(tmp_path / "empty"))
    assert main(("restore", str(backup), "--check")) == 0
    out = capsys.readouterr().out
    assert "aaaaaaaaaaaa 'Home Assistant': landlord of all sites" in out
    assert "bbbbbbbbbbbb 'Anna': tenant of flat-1" in out
    assert "cccccccccccc" not in out
    assert "revoke what you did not make" in out


@pytest.mark.sqlite("what is restored is a file")
@pytest.mark.parametrize("sites", ["[", "5", b"\xff"])
def test_a_token_that_cannot_be_read_is_a_problem_of_the_database(tmp_path: Path, sites: object) -> None:
    file = new_database(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO token (id, secret_hash, name, role, sites, accounts, created_at)"
            " VALUES ('x', x'00', 'x', 'landlord', ?, '[]', 1)",
            (sites,),
        )
    assert "a token cannot be read" in "\n".join(verify(file))
