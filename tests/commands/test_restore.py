"""Backups are encrypted to a key, and brought back with it: proven, for their owner alone, or not at all."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
import json
from pathlib import Path
import resource
import signal
import sqlite3

import pyrage
import pytest

from meter_bridge.engine.maintenance import backup as backing_up, encryption
from meter_bridge.engine.maintenance.backup_record import read_record
from meter_bridge.storage.database import DATABASE_NAME, InstallationLock
from tests.commands.conftest import Command

SQLITE = b"SQLite format 3"
pytestmark = pytest.mark.sqlite(
    "what is restored is a file; tests/engine/maintenance/test_backup_of_server.py has a server's"
)


@pytest.fixture
def installed(run: Command, installed: Path) -> Path:
    """Return the folder of an installation in which money was paid."""
    assert run("top-up", "flat-1", "100.00", "--key", "k")[0] == 0
    return installed


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Return an empty folder to which backups go."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, str]:
    """Return a public key and the file of its secret key, as age-keygen writes it."""
    return key_pair(tmp_path / "key.txt")


def key_pair(file: Path) -> tuple[str, str]:
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    file.write_text(f"# created: 2026-03-01T10:00:00Z\n# public key: {public}\n{identity}\n")
    return public, str(file)


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def names(folder: Path) -> list[str]:
    """Return what is in a folder, but for what SQLite lays beside a database that is read."""
    return sorted(each.name for each in folder.iterdir() if not each.name.endswith(("-wal", "-shm")))


def balance(run: Command, data: Path) -> int:
    found = json.loads(run("accounts", "--json", "--data", str(data))[1])["accounts"]
    return int({each["id"]: each["balance"] for each in found}["flat-1"])


def test_an_encrypted_backup_is_read_by_its_key_alone_and_comes_back(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str], tmp_path: Path
) -> None:
    public, secret = keys
    file = stick / "copy.age"
    before = names(installed)
    code, out, _ = run("backup", str(file), "--encrypt-to", public)
    assert (code, out.endswith("verified, encrypted\n")) == (0, True)
    assert SQLITE not in file.read_bytes()
    assert b"flat-1" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (names(stick), names(installed)) == (["copy.age"], before)
    assert run("restore", str(file), "--identity", secret, "--check")[0] == 0
    fresh = tmp_path / "fresh"
    code, out, _ = run("restore", str(file), "--identity", secret, "--data", str(fresh))
    assert (code, "the books are correct" in out) == (0, True)
    assert names(fresh) == [DATABASE_NAME, "bridge.lock"]
    assert (fresh / DATABASE_NAME).stat().st_mode & 0o777 == 0o600
    assert fresh.stat().st_mode & 0o777 == 0o700
    assert balance(run, fresh) == 100_000_000


def test_each_of_several_keys_reads_it(run: Command, installed: Path, stick: Path, tmp_path: Path) -> None:
    pairs = [key_pair(tmp_path / name) for name in ("one.txt", "two.txt")]
    to = [word for public, _ in pairs for word in ("--encrypt-to", public)]
    assert run("backup", str(stick / "copy.age"), *to)[0] == 0
    for _, secret in pairs:
        assert run("restore", str(stick / "copy.age"), "--identity", secret, "--check")[0] == 0


def test_a_plain_backup_is_restored_without_a_key(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str], tmp_path: Path
) -> None:
    assert run("backup", str(stick / "copy.db"))[0] == 0
    code, _, err = run("restore", str(stick / "copy.db"), "--identity", keys[1], "--check")
    assert (code, "not encrypted" in err, "leave --identity out" in err) == (1, True, True)
    assert run("restore", str(stick / "copy.db"), "--to", str(tmp_path / "there.db"))[0] == 0
    assert balance(run, installed) == 100_000_000


def test_the_plain_text_never_comes_to_the_folder_of_an_encrypted_backup(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Path, int]] = []
    proving = backing_up.verify_copy

    def watching(copy: Path) -> None:
        proving(copy)
        seen.append((copy.parent, copy.stat().st_mode & 0o777))
        assert not any(SQLITE in each.read_bytes() for each in stick.iterdir())

    monkeypatch.setattr(backing_up, "verify_copy", watching)
    assert run("backup", str(stick / "copy.age"), "--encrypt-to", keys[0])[0] == 0
    assert seen == [(installed, 0o600)]


def test_nothing_is_left_of_a_backup_that_could_not_be_encrypted(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backing_up, "encrypt", full)
    before = names(installed)
    code, _, err = run("backup", str(stick / "copy.age"), "--encrypt-to", keys[0])
    assert (code, "No space left" in err) == (1, True)
    assert (names(stick), names(installed)) == ([], sorted([*before, "backup.json"]))
    record = read_record(installed)
    assert (record.failures, "No space left" in record.reason) == (1, True)
    monkeypatch.undo()
    monkeypatch.setenv("PREPAID_METER_DATA", str(installed))
    assert run("backup", str(stick / "copy.db"))[0] == 0
    assert read_record(installed).failures == 0


@pytest.mark.parametrize("room", [100, 66_000, 200_000, 250_000])
def test_a_disk_that_fills_up_is_told_wherever_it_does(
    room: int, keys: tuple[str, str], tmp_path: Path
) -> None:
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"x" * 250_000)
    sealed.touch()
    recipient = encryption.parse_recipient(keys[0])
    with limited_files(room), pytest.raises(OSError, match="File too large"):
        encryption.encrypt(plain, sealed, [recipient])
    encryption.encrypt(plain, sealed, [recipient])
    with limited_files(room - 100), pytest.raises(OSError, match="File too large"):
        encryption.decrypt(sealed, plain, encryption.read_identities(Path(keys[1])))


def test_the_secret_key_as_recipient_is_refused_without_showing_it(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str]
) -> None:
    secret = Path(keys[1]).read_text().splitlines()[-1]
    code, _, err = run("backup", str(stick / "copy.age"), "--encrypt-to", secret)
    assert (code, "secret key" in err, secret in err) == (1, True, False)
    code, _, err = run("backup", str(stick / "copy.age"), "--encrypt-to", "age1short")
    assert (code, "'age1short' is no public key" in err, "age-keygen" in err) == (1, True, True)
    assert names(stick) == []


def test_what_cannot_be_decrypted_is_refused_and_leaves_nothing(
    run: Command, installed: Path, stick: Path, keys: tuple[str, str], tmp_path: Path
) -> None:
    file, to = stick / "copy.age", tmp_path / "restored"
    to.mkdir()
    assert run("backup", str(file), "--encrypt-to", keys[0])[0] == 0
    _, other = key_pair(tmp_path / "other.txt")
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for content, key in (
        (whole, other),
        (whole[:-20], keys[1]),
        (bytes(changed), keys[1]),
        (whole[:90], keys[1]),
    ):
        file.write_bytes(content)
        code, _, err = run("restore", str(file), "--identity", key, "--to", str(to / "x.db"))
        assert (code, "cannot be decrypted" in err, names(to)) == (1, True, [])
    file.write_bytes(whole)
    code, _, err = run("restore", str(file), "--to", str(to / "x.db"))
    assert (code, "is encrypted" in err, "--identity" in err) == (1, True, True)


@pytest.mark.parametrize(
    "content,what",
    [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        ("\nage1x\n", "line 2"),
        (None, "cannot be read"),
    ],
)
def test_a_file_without_a_key_is_named(run: Command, stick: Path, content: str | None, what: str) -> None:
    key = stick / "key.txt"
    if content is not None:
        key.write_text(content)
    code, _, err = run("restore", "copy.age", "--identity", str(key), "--check")
    assert (code, str(key) in err, what in err) == (1, True, True)


def test_restoring_overwrites_nothing_and_touches_no_running_bridge(
    run: Command, installed: Path, stick: Path
) -> None:
    assert run("backup", str(stick / "copy.db"))[0] == 0
    code, _, err = run("restore", str(stick / "copy.db"))
    assert (code, f"{DATABASE_NAME} exists already" in err) == (1, True)
    (installed / DATABASE_NAME).rename(stick / "away.db")
    (installed / f"{DATABASE_NAME}-shm").unlink(missing_ok=True)
    (installed / f"{DATABASE_NAME}-wal").touch()
    code, _, err = run("restore", str(stick / "copy.db"))
    assert (code, f"{DATABASE_NAME}-wal exists already" in err) == (1, True)
    (installed / f"{DATABASE_NAME}-wal").unlink()
    lock = InstallationLock(installed)
    lock.acquire()
    code, _, err = run("restore", str(stick / "copy.db"))
    assert (code, "in use" in err) == (3, True)
    lock.release()
    assert run("restore", str(stick / "copy.db"))[0] == 0
    assert balance(run, installed) == 100_000_000


def test_what_is_no_backup_of_a_bridge_or_of_a_newer_one_is_refused(
    run: Command, installed: Path, stick: Path
) -> None:
    other = stick / "other.db"
    for statement, what in (
        ("CREATE TABLE alembic_version (version_num TEXT)", "no backup of a bridge"),
        ("INSERT INTO alembic_version VALUES ('9999')", "newer version"),
    ):
        with closing(sqlite3.connect(other)) as connection, connection:
            connection.execute(statement)
        code, _, err = run("restore", str(other), "--check")
        assert (code, what in err) == (1, True)
    other.write_text("hello")
    assert run("restore", str(other), "--check")[0] == 1
    assert run("restore", str(stick / "none.db"), "--check")[0] == 1


@pytest.mark.invariant(2)
def test_a_backup_with_wrong_books_is_not_restored(run: Command, installed: Path, stick: Path) -> None:
    file = stick / "copy.db"
    assert run("backup", str(file))[0] == 0
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE balance SET amount = amount + 1 WHERE bucket = 'balance'")
    code, _, err = run("restore", str(file), "--to", str(stick / "x.db"))
    assert (code, "invariant 2" in err, names(stick)) == (1, True, ["copy.db"])


def test_an_installation_on_a_server_is_restored_to_a_file(
    run: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREPAID_METER_DATABASE", "postgresql://127.0.0.1:9/x")
    code, _, err = run("restore", "x.db")
    assert (code, "to a file with --to" in err) == (1, True)


def test_a_program_reads_what_was_restored(run: Command, installed: Path, stick: Path) -> None:
    made = json.loads(run("backup", str(stick / "copy.db"), "--json")[1])
    answer = json.loads(run("restore", str(stick / "copy.db"), "--check", "--json")[1])
    assert (answer["file"], answer["bytes"], answer["tokens"]) == (None, made["bytes"], [])
