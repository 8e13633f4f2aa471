"""Copy an installation's database while it runs."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
import sqlite3
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.engine.maintenance.encryption import Recipient, encrypt
from meter_bridge.engine.maintenance.transfer import copy as copy_rows, differences, digests, to_one_file
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.atomic_file import publish, refuse_existing, temporary
from meter_bridge.storage.database import open_writer, reading, snapshot
from meter_bridge.storage.errors import BackupError, StorageError
from meter_bridge.storage.location import Location
from meter_bridge.storage.migrate import migrate

__all__ = ("BackupEncryption", "BackupError", "backup", "verify_copy")

PAGES_PER_STEP: Final = 1024
"""Pages copied at a time; between two steps the bridge may write."""


@dataclass(frozen=True, slots=True)
class BackupEncryption:
    """To whom a backup is encrypted, and the folder in which its plain copy may stand meanwhile."""

    recipients: Sequence[Recipient]
    workspace: Path


def backup(source: Location, destination: Path, sealing: BackupEncryption | None = None) -> int:
    """Copy a database to a file of SQLite, proven and durable; return its size in bytes.

    A sealed copy is encrypted, and its plain text never comes to the destination's folder. Raises
    ``BackupError`` where the destination exists, cannot be written, or the copy is not whole.
    """
    refuse_existing(destination)
    try:
        if sealing is None:
            with temporary(destination.parent, destination.name) as copy:
                _copy_and_verify(source, copy)
                return publish(copy, destination)
        return _encrypted_copy(source, destination, sealing)
    except (OSError, sqlite3.Error, SQLAlchemyError, StorageError) as error:
        raise BackupError(
            f"the backup to {destination} failed: {error}", "see whether there is room and it is writable"
        ) from error


def _encrypted_copy(source: Location, destination: Path, sealing: BackupEncryption) -> int:
    sealing.workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        temporary(sealing.workspace, destination.name) as copy,
        temporary(destination.parent, destination.name) as sealed,
    ):
        _copy_and_verify(source, copy)
        encrypt(copy, sealed, sealing.recipients)
        return publish(sealed, destination)


def _copy_and_verify(source: Location, copy: Path) -> None:
    if isinstance(source, Path):
        _copy(source, copy)
    else:
        _copy_from_server(source, copy)
    verify_copy(copy)


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
        differing = differences(digests(own), digests(copied))
    if differing:
        raise StorageError(f"the copy is not equal: {differing[0]}")
    to_one_file(copy)


def verify_copy(copy: Path) -> None:
    """Raise ``BackupError`` where a copy is damaged or its books are not right."""
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        answers = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    problems = [] if answers == ["ok"] else answers
    problems += verify(copy)
    if problems:
        raise BackupError(
            f"the copy is not right: {problems[0]} ({len(problems)} problems in all)",
            "see 'meter-bridge verify'; restore an older backup where the installation itself is damaged",
        )
