"""The one writer: a thread that commits units of work in groups, each unit whole or not at all."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
import logging
import queue
import threading
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage.changeset import Work, in_order
from meter_bridge.storage.database import StorageError, on_sqlite
from meter_bridge.storage.disk_space import see_room

LARGEST_GROUP: Final = 500
_REFUSALS: Final = (SQLAlchemyError, OSError, OverflowError)
_LOGGER: Final = logging.getLogger(__name__)


class Store(Protocol):
    """Where units of work are committed."""

    def commit(self, work: Work) -> asyncio.Future[None]:
        """Commit a unit after those before it; the future fails with ``StorageError`` if it was not."""

    def see_room(self) -> None:
        """Raise ``StorageError`` where there is no room to go on; runs in a thread."""

    def recover(self) -> None:
        """Take units again after one failed; those made from the state before it must be gone."""

    def close(self) -> None:
        """Commit what waits and stop."""


@dataclass(slots=True)
class _Waiting:
    """A unit with the future that tells its end."""

    work: Work
    done: asyncio.Future[None]


def execute(connection: Connection, works: Sequence[Work]) -> None:
    """Execute units of work on a connection within its transaction."""
    in_sqlite = on_sqlite(connection)
    for op, rows in in_order(works):
        if op.driver_sql:
            words = op.sqlite_text if in_sqlite else op.postgresql_text
            connection.exec_driver_sql(words, _newest(cast("list[tuple[str, ...]]", rows)))
        elif in_sqlite and op.sqlite_named is not None:
            connection.exec_driver_sql(op.sqlite_named, cast("list[dict[str, object]]", rows))
        else:
            statement = op.sqlite if in_sqlite else op.postgresql
            connection.execute(statement, cast("list[Mapping[str, object]]", rows))


def _newest(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the newest row of each key, in the order of the keys, which a b-tree takes at half the cost."""
    by_key = {row[0]: row for row in rows}
    return [by_key[key] for key in sorted(by_key)]


class ThreadWriter:
    """Commit on a thread of its own: what waits together is one transaction and one sync to disk.

    After a failure every further unit is refused until ``recover``: later units were made from a state that
    holds what was not stored.
    """

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        """Start the thread."""
        self._engine = engine
        self._loop = loop
        self._closed = False
        self._failure: StorageError | None = None
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    def commit(self, work: Work) -> asyncio.Future[None]:
        """Queue a unit; the future ends after its transaction is on disk."""
        done = self._loop.create_future()
        if self._closed:
            _end(done, StorageError("the writer is closed"))
        else:
            self._queue.put(_Waiting(work, done))
        return done

    def see_room(self) -> None:
        """Look at the disk of the database."""
        see_room(self._engine)

    def recover(self) -> None:
        """Take units again; nothing made before may still be waiting."""
        self._failure = None

    def close(self) -> None:
        """Commit what waits and end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        """Commit groups until told to stop."""
        connection: Connection | None = None
        while True:
            group, stop = self._next_group()
            if group:
                connection = self._commit_group(connection, group)
            if stop:
                break
        if connection is not None:
            connection.close()

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """Return everything that waits, at least one unit, and whether to stop after it."""
        group: list[_Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            group.append(waiting)
            if len(group) >= LARGEST_GROUP or self._queue.empty():
                return group, False
            waiting = self._queue.get()
        return group, True

    def _commit_group(self, connection: Connection | None, group: list[_Waiting]) -> Connection | None:
        """Commit a group at once; if that fails, nothing of it is stored and every unit is told."""
        if self._failure is not None:
            self._tell(group, self._failure)
            return connection
        try:
            connection = connection or self._engine.connect()
            with connection.begin():
                execute(connection, [waiting.work for waiting in group])
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever on a thread that ended
            _LOGGER.error("The database refused a commit: %s", reason(error))  # noqa: TRY400 - no statement in logs
            self._failure = StorageError(reason(error))
            self._tell(group, self._failure)
            _drop(connection)
            return None
        self._tell(group, None)
        return connection

    def _tell(self, group: list[_Waiting], failure: StorageError | None) -> None:
        """End the futures of a group on the event loop, unless it is gone."""
        try:
            self._loop.call_soon_threadsafe(_end_all, group, failure)
        except RuntimeError:
            _LOGGER.debug("The event loop ended before a commit was reported")


def _drop(connection: Connection | None) -> None:
    """Close a connection that failed; the next group opens a new one."""
    if connection is not None:
        with suppress(*_REFUSALS):
            connection.close()


def reason(error: BaseException) -> str:
    """Return the database's own words, without the statement and its values."""
    return (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]


def _end_all(group: list[_Waiting], failure: StorageError | None) -> None:
    """End the futures of a group."""
    for waiting in group:
        _end(waiting.done, failure)


def _end(done: asyncio.Future[None], failure: StorageError | None) -> None:
    """End a future that still waits; a failure that nobody awaits makes no noise."""
    if done.done():
        return
    if failure is None:
        done.set_result(None)
    else:
        done.set_exception(failure)
        done.exception()


class InlineWriter:
    """Commit at once on the calling thread; for offline commands and simulations under a virtual clock."""

    def __init__(self, engine: Engine) -> None:
        """Open the connection."""
        self._engine = engine
        self._connection: Connection | None = engine.connect()
        self._failure: StorageError | None = None

    def commit(self, work: Work) -> asyncio.Future[None]:
        """Commit a unit and return a future that is already done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._failure is None:
            self._execute(work)
        _end(done, self._failure)
        return done

    def _execute(self, work: Work) -> None:
        """Execute a unit; remember a failure."""
        try:
            self._connection = self._connection or self._engine.connect()
            with self._connection.begin():
                execute(self._connection, [work])
        except Exception as error:  # noqa: BLE001 - as on the thread
            self._failure = StorageError(reason(error))
            _drop(self._connection)
            self._connection = None

    def see_room(self) -> None:
        """Look at the disk of the database."""
        see_room(self._engine)

    def recover(self) -> None:
        """Take units again."""
        self._failure = None

    def close(self) -> None:
        """Close the connection."""
        _drop(self._connection)
