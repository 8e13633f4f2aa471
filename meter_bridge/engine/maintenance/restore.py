"""Bring a backup back: decrypted where it is encrypted, at the newest schema, and proven."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
import shutil
import sqlite3
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.engine.access.tokens import StoredToken, load_tokens
from meter_bridge.engine.maintenance.backup import verify_copy
from meter_bridge.engine.maintenance.encryption import Identity, decrypt, is_encrypted
from meter_bridge.engine.maintenance.transfer import to_one_file
from meter_bridge.storage.atomic_file import publish, refuse_existing, temporary
from meter_bridge.storage.database import reading
from meter_bridge.storage.errors import BackupError, StorageError, reason
from meter_bridge.storage.migrate import HEAD, migrate, schema_of

LEFTOVER_SUFFIXES: Final = ("-wal", "-shm", "-journal")


def restore(source: Path, destination: Path, identities: Sequence[Identity] = ()) -> int:
    """Make the database of a backup, proven and durable; return its size in bytes.

    Raises ``BackupError`` where the destination exists, or the backup cannot be read or is not right.
    """
    for suffix in ("", *LEFTOVER_SUFFIXES):
        refuse_existing(destination.with_name(destination.name + suffix))
    try:
        with temporary(destination.parent, destination.name) as copy:
            _fetch(source, copy, identities)
            _upgrade(source, copy)
            verify_copy(copy)
            return publish(copy, destination)
    except (OSError, sqlite3.Error, SQLAlchemyError, StorageError, UnicodeDecodeError) as error:
        message = f"{source} cannot be restored: {reason(error)}"
        raise BackupError(
            message, "see whether there is room and it is a backup; else take another"
        ) from error


def valid_tokens(database: Path) -> Sequence[StoredToken]:
    """Return the tokens that were not revoked: the books prove themselves, rights do not."""
    with reading(database) as reader, reader.connect() as connection:
        return [token for token in load_tokens(connection).values() if token.revoked_at is None]


def _fetch(source: Path, copy: Path, identities: Sequence[Identity]) -> None:
    encrypted = is_encrypted(source)
    if encrypted and not identities:
        raise BackupError(f"{source} is encrypted", "name the file of its secret key with --identity")
    if identities and not encrypted:
        raise BackupError(f"{source} is not encrypted, at least not with age", "leave --identity out")
    if encrypted:
        decrypt(source, copy, identities)
    else:
        shutil.copyfile(source, copy)


def _upgrade(source: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA schema_version")
    schema = schema_of(copy)
    if schema is None:
        raise BackupError(
            f"{source} is no backup of a bridge", "name a file that 'meter-bridge backup' wrote"
        )
    if schema > HEAD:
        message = f"{source} was made by a newer version: its schema is {schema}, this version knows {HEAD}"
        raise BackupError(message, "install that version, or take an older backup")
    migrate(copy)
    to_one_file(copy)
