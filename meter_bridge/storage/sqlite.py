"""SQLite: full durability, one writer, concurrent readers."""

from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from meter_bridge.storage.reader_pool import ReaderPool

BUSY_MS: Final = 5_000
READERS: Final = 4
PAGES_PER_STEP: Final = 1024
"""Pages copied at a time; between two steps others may write."""


def open_writer(path: Path) -> Engine:
    """Return an engine whose connections write with ``synchronous=FULL`` and take the write lock at once."""
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def open_reader(path: Path, *, kept: bool = False) -> Engine:
    """Return a read-only engine for use beside a running writer.

    Opening a connection and reading the schema takes some thirty times as long as a small query. ``kept``
    connections are pooled, most recently used first; more than ``READERS`` at once are opened and closed
    each time. The caller must dispose of a pooled engine before the writer ends: the writer has to close the
    file last, so that its write-ahead log is checkpointed and removed.
    """
    if kept:
        engine = create_engine(
            "sqlite://",
            creator=lambda: connect_read_only(path),
            poolclass=ReaderPool,
            pool_size=READERS,
            max_overflow=-1,
            pool_use_lifo=True,
        )
    else:
        engine = create_engine("sqlite://", creator=lambda: connect_read_only(path), poolclass=NullPool)
    event.listen(engine, "connect", _configure_reader)
    return engine


def copy_file(source: Path, copy: Path) -> None:
    """Copy a database into an existing empty file, as of one instant, while others may write to it."""
    with closing(connect_read_only(source)) as connection, closing(sqlite3.connect(copy)) as target:
        connection.backup(target, pages=PAGES_PER_STEP)
        # The copy is one file: without a write-ahead log that could be left behind when it is moved.
        target.execute("PRAGMA journal_mode=DELETE")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Connect read-only; the file name may contain any character."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _configure(connection: sqlite3.Connection, _record: object) -> None:
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
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA query_only=ON")


def _begin_immediate(connection: Connection) -> None:
    """Take the write lock when a transaction begins, not at its first change."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
