"""The bridge's disk: real SQLite files, with faults and crashes in the calls that write them.

A crash copies the files as they are at that instant to the folder of the bridge's next life, so nothing that
a clean shutdown would do happens. A torn crash keeps only some bytes of what the commit under way had changed
in the write-ahead log.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
import random
import shutil
import sqlite3
from typing import Final, override

from sqlalchemy import Connection, Engine as SqlEngine, event

from meter_bridge.storage.changeset import Changeset
from meter_bridge.storage.database import DATABASE_NAME, StorageError
from meter_bridge.storage.writer import LARGEST_GROUP, ThreadWriter, _drop, _end, _end_all, _Queued

COMMIT_S: Final = 0.02
"""Most that a commit takes while the disk is not slow."""
LOG_NAME: Final = f"{DATABASE_NAME}-wal"
DEAD: Final = "the bridge is dead"
PAGE: Final = 4096
NO_LIMIT: Final = 2**30


class Crash(StrEnum):
    """The point of a commit at which the bridge dies."""

    STATEMENT = "statement"
    """At one of its statements: nothing of it is there."""
    TORN = "torn"
    """While the log is written: some bytes of it are there."""
    UNTOLD = "untold"
    """After it, before anybody was notified: all of it is stored."""


class CrashError(BaseException):
    """The process dies here; nothing in it may catch this."""


class Disk:
    """The bridge's data folder, and its present faults."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self._root = root
        self._chance = chance
        self._life = 0
        self.folder = root / "life-0"
        self.folder.mkdir(parents=True)
        self.dead = False
        self.full = False
        self.read_only = False
        self.errors = 0.0
        """Share of statements and commits that fail with an I/O error."""
        self.slow_s = 0.0
        """How much longer commits take."""
        self.planned: Crash | None = None
        """How the bridge dies at its next commit."""
        self.on_crash: Callable[[], None] = lambda: None
        self.stores: list[SimulatedStore] = []
        self.commits = 0

    @property
    def failing(self) -> bool:
        """Return whether a commit may fail now."""
        return self.full or self.read_only or self.errors > 0

    @property
    def database(self) -> Path:
        return self.folder / DATABASE_NAME

    def commit_s(self) -> float:
        """Return how long a commit takes."""
        return self._chance.random() * (COMMIT_S + self.slow_s)

    def heal(self) -> None:
        """End all faults, including the lack of space."""
        self.full = self.read_only = False
        self.errors = self.slow_s = 0.0
        self.planned = None

    def crash(self, files: dict[str, bytes] | None = None) -> None:
        """Die now; ``files`` are the content of the disk instead of that of the folder."""
        if self.dead:
            return
        self.dead = True
        self._life += 1
        heir = self._root / f"life-{self._life}"
        shutil.copytree(self.folder, heir, ignore=shutil.ignore_patterns("*-shm", "*.sock"))
        for name, content in (files or {}).items():
            (heir / name).write_bytes(content)
        for store in self.stores:
            store.die()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = heir
        self.on_crash()

    def revive(self) -> None:
        """Allow the next life of the bridge to write."""
        self.dead = False
        self.stores.clear()

    def before_statement(self) -> None:
        """Fail like the disk, or die."""
        if self.dead:
            raise sqlite3.OperationalError(DEAD)
        if self.planned is Crash.STATEMENT and self._chance.random() < 0.3:
            self.planned = None
            raise CrashError
        if self.errors and self._chance.random() < self.errors:
            raise sqlite3.OperationalError("disk I/O error")

    def read(self) -> dict[str, bytes]:
        """Return the bytes of database and log."""
        return {
            name: (self.folder / name).read_bytes() if (self.folder / name).exists() else b""
            for name in (DATABASE_NAME, LOG_NAME)
        }

    def torn(self, before: dict[str, bytes], after: dict[str, bytes]) -> dict[str, bytes]:
        """Return the content of the disk if power is lost in the middle of a commit.

        The log is synced before any of it is copied to the database: so either the log is torn and the
        database unchanged, or the log is complete and the database torn.
        """
        old, new = before[LOG_NAME], after[LOG_NAME]
        checkpointed = before[DATABASE_NAME] != after[DATABASE_NAME]
        if checkpointed and self._chance.random() < 0.5:
            whole, base = before[DATABASE_NAME], after[DATABASE_NAME]
            return {DATABASE_NAME: _cut(whole, base, self._chance), LOG_NAME: new}
        return {DATABASE_NAME: before[DATABASE_NAME], LOG_NAME: _cut(old, new, self._chance)}


def _cut(old: bytes, new: bytes, chance: random.Random) -> bytes:
    """Return the content when writing ``new`` over ``old`` stopped at some byte."""
    first = _first_difference(old, new)
    at = chance.randint(first, max(first, len(new)))
    return new[:at] + old[at:]


def _first_difference(old: bytes, new: bytes) -> int:
    """Return where two files first differ, by whole pages first."""
    at = 0
    while old[at : at + PAGE] == new[at : at + PAGE] and at < len(new):
        at += PAGE
    while at < min(len(old), len(new)) and old[at] == new[at]:
        at += 1
    return min(at, len(new))


class SimulatedStore(ThreadWriter):
    """The bridge's writer in virtual time: its groups, its refusals, and a disk that fails."""

    def __init__(self, engine: SqlEngine, loop: asyncio.AbstractEventLoop, disk: Disk) -> None:
        self._engine = engine
        self._loop = loop
        self._disk = disk
        self._closed = False
        self._failure: StorageError | None = None
        self._pending: list[_Queued] = []
        self._connection: Connection | None = None
        self._writing = False
        self._set_to: tuple[sqlite3.Connection, int, bool] | None = None
        """The connection that was given faults last, and which."""
        disk.stores.append(self)
        event.listen(engine, "connect", self._configure)
        event.listen(engine, "before_cursor_execute", lambda *_: disk.before_statement())
        event.listen(engine, "commit", lambda _connection: disk.before_statement())

    @override
    def commit(self, work: Changeset) -> asyncio.Future[None]:
        done = self._loop.create_future()
        if self._closed or self._disk.dead:
            _end(done, StorageError(DEAD))
            return done
        self._pending.append(_Queued(work, done))
        self._plan()
        return done

    def _plan(self) -> None:
        """Write pending transactions after a while, as the thread would."""
        if not self._writing:
            self._writing = True
            self._loop.call_later(self._disk.commit_s(), self._write)

    def _write(self) -> None:
        """Commit a group; the bridge may die in it."""
        self._writing = False
        group, self._pending = self._pending[:LARGEST_GROUP], self._pending[LARGEST_GROUP:]
        if not group or self._disk.dead:
            return
        planned = self._disk.planned
        before = self._disk.read() if planned is Crash.TORN else None
        self._limit_pages()
        try:
            self._connection = self._commit_group(self._connection, group)
        except CrashError:
            self._disk.crash()
            _end_all(group, StorageError(DEAD))
            return
        self._disk.commits += 1
        if self._pending:
            self._plan()
        if planned in (Crash.TORN, Crash.UNTOLD) and self._failure is None:
            self._disk.planned = None
            self._disk.crash(None if before is None else self._disk.torn(before, self._disk.read()))

    @override
    def check_disk_space(self) -> None:
        """Resume at once: the little space that suffices for a while is what the simulation tests."""

    @override
    def _finish(self, group: list[_Queued], failure: StorageError | None) -> None:
        self._loop.call_soon(self._report_result, group, failure)

    def _report_result(self, group: Sequence[_Queued], failure: StorageError | None) -> None:
        _end_all(list(group), StorageError(DEAD) if self._disk.dead else failure)

    def _configure(self, connection: sqlite3.Connection, _record: object) -> None:
        """Apply the active faults to a new connection."""
        self._set(connection)

    def _limit_pages(self) -> None:
        """Apply the active faults to the open connection."""
        if self._connection is not None:
            driver = self._connection.connection.driver_connection
            assert driver is not None
            self._set(driver)

    def _set(self, connection: sqlite3.Connection) -> None:
        """Set the faults of a connection if they differ: SQLite then prepares all statements again."""
        (pages,) = connection.execute("PRAGMA page_count").fetchone() if self._disk.full else (NO_LIMIT,)
        wanted = (connection, pages, self._disk.read_only)
        if wanted != self._set_to:
            connection.execute(f"PRAGMA max_page_count={pages}")
            connection.execute(f"PRAGMA query_only={int(self._disk.read_only)}")
            self._set_to = wanted

    def die(self) -> None:
        """Write nothing any more."""
        pending, self._pending = self._pending, []
        _end_all(pending, StorageError(DEAD))
        with suppress(Exception):
            _drop(self._connection)
        self._connection = None

    @override
    def close(self) -> None:
        """Close like the bridge; a dead one has nothing left to write."""
        self._closed = True
        self.die()
