"""Reading parts of a statement at the same time, each on a connection of its own.

A month of an account lies on thousands of pages of the file, and SQLite waits for each of them in turn. What
was booked never changes, so that a part that is read a moment later is the same.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Engine

from meter_bridge.storage.database import on_sqlite, snapshot

MAX_PARALLEL: Final = 4
_THREADS: Final = ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="statement")


class ReadInParallel(Protocol):
    """Begins to read a part; what it returns waits for that, and raises what the reading raised."""

    def __call__[T](self, part: Callable[[Connection], T], /) -> Callable[[], T]:
        """Begin to read a part of what was booked when the connection looked first."""


@contextmanager
def parallel_reader(reader: Engine, connection: Connection) -> Iterator[ReadInParallel]:
    """Offer to read beside a connection; all that was begun has ended afterwards.

    A server reads for many at once as it is, and its connections are few: there, all is read on the one.
    """
    begun: list[Future[object]] = []

    def apart[T](part: Callable[[Connection], T], /) -> Callable[[], T]:
        def read() -> T:
            with snapshot(reader) as own:
                return part(own)

        future = _THREADS.submit(read)
        begun.append(cast("Future[object]", future))
        return future.result

    def at_once[T](part: Callable[[Connection], T], /) -> Callable[[], T]:
        value = part(connection)
        return lambda: value

    try:
        yield apart if on_sqlite(connection) else at_once
    finally:
        wait(begun)
