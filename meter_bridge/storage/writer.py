"""The one writer: a thread that commits changesets in groups, each one completely or not at all."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import queue
import tempfile
import threading
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage.changeset import Changeset, merged_statements
from meter_bridge.storage.database import on_sqlite
from meter_bridge.storage.errors import OutcomeUnknownError, StorageError, reason
from meter_bridge.storage.failures import is_outcome_known

NEEDED_BYTES: Final = 4 * 1024 * 1024
"""Size at which SQLite's write-ahead log is checkpointed: 1,000 pages of 4,096 bytes."""
LARGEST_GROUP: Final = 500
_REFUSALS: Final = (SQLAlchemyError, OSError, OverflowError)
_LOGGER: Final = logging.getLogger(__name__)


class Store(Protocol):
    """Where changesets are committed."""

    def commit(self, changeset: Changeset) -> asyncio.Future[None]:
        """Commit a changeset after those before it; the future fails with ``StorageError`` if that fails.

        It is an ``OutcomeUnknownError`` where the database did not answer whether it is stored.
        """

    def check_disk_space(self) -> None:
        """Raise ``StorageError`` if the disk is full; runs in a thread."""

    def recover(self) -> None:
        """Accept changesets again after one failed; none made from the state before it may be left."""

    def close(self) -> None:
        """Commit what is queued and stop."""


@dataclass(slots=True)
class _Queued:
    """A changeset and the future of its commit."""

    changeset: Changeset
    done: asyncio.Future[None]


def execute(connection: Connection, changesets: Sequence[Changeset]) -> None:
    """Execute changesets within a connection's transaction."""
    in_sqlite = on_sqlite(connection)
    for statement, rows in merged_statements(changesets):
        if statement.driver_sql:
            sql = statement.sqlite_text if in_sqlite else statement.postgresql_text
            connection.exec_driver_sql(sql, _newest(cast("list[tuple[str, ...]]", rows)))
        elif in_sqlite and statement.sqlite_named is not None:
            connection.exec_driver_sql(statement.sqlite_named, cast("list[dict[str, object]]", rows))
        else:
            executable = statement.sqlite if in_sqlite else statement.postgresql
            connection.execute(executable, cast("list[Mapping[str, object]]", rows))


def _commit(connection: Connection, changesets: Sequence[Changeset]) -> None:
    """Execute and commit changesets; raises ``OutcomeUnknownError`` where they may be stored all the same."""
    transaction = connection.begin()
    try:
        execute(connection, changesets)
    except BaseException:
        with suppress(*_REFUSALS):
            transaction.rollback()
        raise
    try:
        transaction.commit()
    except Exception as error:
        if is_outcome_known(error):
            raise
        raise OutcomeUnknownError(reason(error)) from error


def _newest(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the newest row of each key, in key order, which costs a b-tree half as much."""
    by_key = {row[0]: row for row in rows}
    return [by_key[key] for key in sorted(by_key)]


def check_disk_space(engine: Engine) -> None:
    """Raise ``StorageError`` if the disk of a SQLite file is full; a server watches its own disk.

    On a full disk a small changeset still fits into the space that a larger one, which failed, left in the
    write-ahead log. Resuming because of that would fail again at the next one, so that the bridge would keep
    alternating. The space is allocated briefly without being written, so as not to wear flash memory.
    """
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return
    try:
        with tempfile.TemporaryFile(dir=Path(path).absolute().parent, prefix="room-") as file:
            os.posix_fallocate(file.fileno(), 0, NEEDED_BYTES)
    except OSError as error:
        room = f"{NEEDED_BYTES // 1024**2} MiB"
        raise StorageError(f"the disk has no room for {room} ({error.strerror or error})") from error


class _Writer:
    """What the writers have in common."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._failure: StorageError | None = None

    def check_disk_space(self) -> None:
        """See ``Store.check_disk_space``."""
        check_disk_space(self._engine)

    def recover(self) -> None:
        """See ``Store.recover``."""
        self._failure = None


class ThreadWriter(_Writer):
    """Commits on its own thread: everything queued becomes one transaction and one sync to disk.

    After a failure every later changeset is refused until ``recover``, because it was made from a state that
    includes what was not stored.
    """

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(engine)
        self._loop = loop
        self._closed = False
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def commit(self, changeset: Changeset) -> asyncio.Future[None]:
        """Queue a changeset; the future is done once its transaction is on disk."""
        done = self._loop.create_future()
        if self._closed:
            _end(done, StorageError("the writer is closed"))
        else:
            self._queue.put(_Queued(changeset, done))
        return done

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            group, stop = self._next_group()
            if group:
                connection = self._commit_group(connection, group)
            if stop:
                break
        if connection is not None:
            connection.close()

    def _next_group(self) -> tuple[list[_Queued], bool]:
        group: list[_Queued] = []
        queued = self._queue.get()
        while queued is not None:
            group.append(queued)
            if len(group) >= LARGEST_GROUP or self._queue.empty():
                return group, False
            queued = self._queue.get()
        return group, True

    def _commit_group(self, connection: Connection | None, group: list[_Queued]) -> Connection | None:
        """Commit a group in one transaction; if that fails, every future fails."""
        if self._failure is not None:
            self._finish(group, self._failure)
            return connection
        try:
            connection = connection or self._engine.connect()
            _commit(connection, [queued.changeset for queued in group])
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever for a thread that ended
            _LOGGER.error("The database refused a commit: %s", reason(error))  # noqa: TRY400 - no statement in logs
            self._failure = StorageError(reason(error))
            self._finish(group, error if isinstance(error, OutcomeUnknownError) else self._failure)
            _drop(connection)
            return None
        self._finish(group, None)
        return connection

    def _finish(self, group: list[_Queued], failure: StorageError | None) -> None:
        """Complete the futures of a group on the event loop, unless that has ended."""
        try:
            self._loop.call_soon_threadsafe(_end_all, group, failure)
        except RuntimeError:
            _LOGGER.debug("The event loop ended before a commit was reported")


def _drop(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(*_REFUSALS):
            connection.close()


def _end_all(group: list[_Queued], failure: StorageError | None) -> None:
    for queued in group:
        _end(queued.done, failure)


def _end(done: asyncio.Future[None], failure: StorageError | None) -> None:
    """Complete a future unless it is done; a failure that nobody awaits is not reported by asyncio."""
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
        done.exception()


class InlineWriter(_Writer):
    """Commits immediately on the calling thread, for offline commands and simulations."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._connection: Connection | None = engine.connect()

    def commit(self, changeset: Changeset) -> asyncio.Future[None]:
        """Commit a changeset and return a future that is already done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        _end(done, self._execute(changeset) if self._failure is None else self._failure)
        return done

    def _execute(self, changeset: Changeset) -> StorageError | None:
        try:
            self._connection = self._connection or self._engine.connect()
            _commit(self._connection, [changeset])
        except Exception as error:  # noqa: BLE001 - as on the thread
            self._failure = StorageError(reason(error))
            _drop(self._connection)
            self._connection = None
            return error if isinstance(error, OutcomeUnknownError) else self._failure
        return None

    def close(self) -> None:
        """Close the connection."""
        _drop(self._connection)
