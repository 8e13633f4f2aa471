"""An installation's database, SQLite or PostgreSQL: one writer, concurrent readers, snapshots, its owner."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
import fcntl
import os
from pathlib import Path
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage import sqlite
from meter_bridge.storage.errors import LockedError, StorageError, reason
from meter_bridge.storage.location import DATABASE_NAME, Location, shown
from meter_bridge.storage.private_folder import make_private

__all__ = (
    "DATABASE_NAME",
    "InstallationLock",
    "LockedError",
    "StorageError",
    "errors_named",
    "on_sqlite",
    "open_reader",
    "open_writer",
    "reading",
    "snapshot",
)

LOCK_NAME: Final = "bridge.lock"


def open_writer(location: Location) -> Engine:
    """Return an engine whose connections write durably."""
    if isinstance(location, Path):
        return sqlite.open_writer(location)
    with _driver_required():
        from meter_bridge.storage import postgresql  # noqa: PLC0415 - its driver is not needed for SQLite
    return postgresql.open_writer(location)


def open_reader(location: Location, *, kept: bool = False) -> Engine:
    """Return a read-only engine for use beside a running writer; ``kept`` connections are pooled.

    Those to a server are always pooled. See ``sqlite.open_reader`` for what pooling requires.
    """
    if isinstance(location, Path):
        return sqlite.open_reader(location, kept=kept)
    with _driver_required():
        from meter_bridge.storage import postgresql  # noqa: PLC0415 - as above
    return postgresql.open_reader(location)


@contextmanager
def _driver_required() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        msg = f"the driver of PostgreSQL is missing ({error}); install prepaid-meter[postgresql]"
        raise StorageError(msg) from error


@contextmanager
def reading(location: Location) -> Iterator[Engine]:
    """Provide a read-only engine and close its connections afterwards."""
    engine = open_reader(location)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def errors_named(location: Location) -> Iterator[None]:
    """Turn the driver's errors into a ``StorageError`` that names the database."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StorageError(f"the database {shown(location)} cannot be read: {reason(error)}") from error


def on_sqlite(connection: Connection) -> bool:
    """Return whether a connection is to SQLite."""
    return connection.dialect.name == "sqlite"


@contextmanager
def snapshot(reader: Engine) -> Iterator[Connection]:
    """Provide a connection that sees the database as of one instant, whatever is committed meanwhile."""
    if reader.dialect.name != "sqlite":
        with reader.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection
        return
    with reader.connect() as connection:
        # Python's driver begins a transaction only for changes; without one each query sees a later instant.
        connection.exec_driver_sql("BEGIN")
        yield connection


class InstallationLock:
    """Exclusive lock of a data directory, held until released or until the process ends."""

    def __init__(self, data: Path) -> None:
        self._path = data / LOCK_NAME
        self._file: int | None = None

    def acquire(self) -> None:
        """Acquire the lock, creating the folder if needed; raises ``LockedError`` naming the holder."""
        make_private(self._path.parent)
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
        """Release the lock; does nothing if it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Ownership:
    """Ownership of an installation; on SQLite it is never lost."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.lost = asyncio.Event()
        """Set once another bridge may own the installation."""

    def writer(self) -> Engine:
        """Return an engine that can write only while the ownership lasts."""
        return open_writer(self.location)

    def server_clock_ahead_ms(self) -> int:
        """Return by how much the clock of the database's server is ahead of this machine's; 0 for a file."""
        return 0

    def suspend_watchdog(self) -> AbstractContextManager[None]:
        """Return a context in which a long task may block the event loop."""
        return nullcontext()
