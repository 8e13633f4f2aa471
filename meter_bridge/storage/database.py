"""Opening the database: SQLite with full durability, one writer, and readers beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import sqlite3
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

DATABASE_NAME: Final = "bridge.db"
LOCK_NAME: Final = "bridge.lock"
BUSY_MS: Final = 5_000


class StorageError(Exception):
    """The database did not take or give what was asked; nothing of the unit was stored."""


class LockedError(StorageError):
    """Another bridge owns this installation."""


def open_writer(path: Path) -> Engine:
    """Return an engine whose connections write with ``synchronous=FULL`` and take the write lock at once."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def open_reader(path: Path) -> Engine:
    """Return an engine that only reads, beside a running writer."""
    engine = create_engine("sqlite://", creator=lambda: connect_read_only(path), poolclass=NullPool)
    event.listen(engine, "connect", _configure_reader)
    return engine


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Connect to a database without the right to change it, whatever marks its name has."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


@contextmanager
def snapshot(reader: Engine) -> Iterator[Connection]:
    """Offer a connection that sees the database as of one instant, whatever the writer commits meanwhile."""
    with reader.connect() as connection:
        # Python's driver begins a transaction for changes alone; without one each query sees another instant.
        connection.exec_driver_sql("BEGIN")
        yield connection


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    """Set the durability and safety of a writing connection."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MS}",
        "journal_size_limit=67108864",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _configure_reader(connection: sqlite3.Connection, _record: object) -> None:
    """Let a reader wait rather than fail."""
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA query_only=ON")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock when a transaction begins, not in its middle."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class InstallationLock:
    """Exclusive lock of a data directory; held as long as the process lives or until released."""

    def __init__(self, data: Path) -> None:
        """Name the directory; nothing is locked yet."""
        self._path = data / LOCK_NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock or raise ``LockedError`` naming who holds it."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            msg = f"the installation in {self._path.parent} is in use by process {holder}; stop it first"
            raise LockedError(msg) from error
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
        self._file = file

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
