"""Copy an installation's database while it runs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
import os
from pathlib import Path
import sqlite3
import tempfile
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage.copying import copy as copy_rows, differences, digests
from meter_bridge.storage.database import open_writer, reading, snapshot
from meter_bridge.storage.errors import StorageError
from meter_bridge.storage.location import Location
from meter_bridge.storage.migrate import migrate
from meter_bridge.storage.verify import verify

PAGES_PER_STEP: Final = 1024
"""Pages copied at a time; between two steps the bridge may write."""


class BackupError(Exception):
    """A backup that was not made; nothing is left behind."""

    def __init__(self, message: str, remedy: str) -> None:
        """Keep what is wrong and what to do."""
        super().__init__(message)
        self.remedy = remedy


def backup(source: Location, destination: Path) -> int:
    """Copy a database to a file of SQLite, proven and durable; return its size in bytes.

    Raises ``BackupError`` where the destination exists, cannot be written, or the copy is not whole.
    """
    _refuse_existing(destination)
    try:
        with _temporary(destination) as copy:
            if isinstance(source, Path):
                _copy(source, copy)
            else:
                _copy_from_server(source, copy)
            _prove(copy)
            _sync(copy)
            _name(copy, destination)
            _sync(destination.parent)
            return destination.stat().st_size
    except (OSError, sqlite3.Error, SQLAlchemyError, StorageError) as error:
        raise BackupError(
            f"the backup to {destination} failed: {error}", "see whether there is room and it is writable"
        ) from error


def _refuse_existing(destination: Path) -> None:
    if destination.exists() or destination.is_symlink():
        raise BackupError(f"{destination} exists already", "choose a name that does not exist yet")
    if not destination.parent.is_dir():
        raise BackupError(f"{destination.parent} is not a folder", "make it first")


@contextmanager
def _temporary(destination: Path) -> Iterator[Path]:
    """Offer a new file beside the destination, which only its owner may read, and remove it afterwards."""
    number, name = tempfile.mkstemp(prefix=f".{destination.name}.", suffix=".part", dir=destination.parent)
    os.close(number)
    try:
        yield Path(name)
    finally:
        for left in (name, f"{name}-journal", f"{name}-wal", f"{name}-shm"):
            with suppress(FileNotFoundError):
                os.unlink(left)  # noqa: PTH108 - a name, not a path


def _copy(path: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target, pages=PAGES_PER_STEP)
        # The copy is one file: without a write-ahead log that could be left behind when it is moved.
        target.execute("PRAGMA journal_mode=DELETE")


def _copy_from_server(source: Location, copy: Path) -> None:
    """Copy the rows of a server's database as of one instant; raises ``StorageError`` unless all arrive."""
    migrate(copy)
    with reading(source) as reader, snapshot(reader) as own, open_writer(copy).begin() as copied:
        copy_rows(own, copied)
        found = differences(digests(own), digests(copied))
    if found:
        msg = f"the copy is not equal: {found[0]}"
        raise StorageError(msg)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _prove(copy: Path) -> None:
    """Raise where the copy is damaged or its books are not right."""
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        answers = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    problems = [] if answers == ["ok"] else answers
    problems += verify(copy)
    if problems:
        raise BackupError(
            f"the copy is not right: {problems[0]} ({len(problems)} problems in all)",
            "see 'meter-bridge verify'; restore an older backup where the installation itself is damaged",
        )


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _name(copy: Path, destination: Path) -> None:
    """Give the copy its name; a file that appeared meanwhile is not overwritten."""
    try:
        os.link(copy, destination)
    except FileExistsError as error:
        raise BackupError(f"{destination} exists already", "choose a name that does not exist yet") from error
    except OSError:
        # File systems of memory sticks have no links.
        _refuse_existing(destination)
        copy.rename(destination)
