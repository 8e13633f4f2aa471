"""Copy an installation's database while it runs."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
import shutil
import sqlite3

from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.engine.maintenance.encryption import Recipient, encrypt
from meter_bridge.engine.maintenance.transfer import copy as copy_rows, differences, digests, to_one_file
from meter_bridge.engine.maintenance.verify import verify
from meter_bridge.storage.atomic_file import publish, refuse_existing, temporary
from meter_bridge.storage.database import open_writer, reading, snapshot
from meter_bridge.storage.errors import BackupError, SchemaError, StorageError
from meter_bridge.storage.location import Location
from meter_bridge.storage.migrate import HEAD, check_schema, migrate, schema_of
from meter_bridge.storage.sqlite import copy_file

__all__ = ("BackupEncryption", "BackupError", "backup", "verify_copy")


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
    except SchemaError as error:
        raise BackupError(str(error), error.remedy) from error
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
    if not isinstance(source, Path):
        check_schema(source)
        _copy_from_server(source, copy)
        verify_copy(copy)
        return
    copy_file(source, copy)
    if schema_of(copy) == HEAD:
        verify_copy(copy)
        return
    # The books of an older schema are checked as after a restore, which migrates them.
    with temporary(copy.parent, copy.name) as migrated:
        shutil.copyfile(copy, migrated)
        migrate(migrated)
        to_one_file(migrated)
        verify_copy(migrated)


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
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    problems = [*verify(copy)] if answer == "ok" else [str(answer).splitlines()[-1]]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BackupError(
            f"the copy is not right: {problems[0]}{more}",
            "see 'meter-bridge verify'; restore an older backup where the installation itself is damaged",
        )
