"""The pool of the connections that read."""

from typing import override

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool


class ReaderPool(QueuePool):
    """A pool that closes the connections which come back after it was disposed of.

    A pool is disposed of when storage recovers and at the end, while threads may still read. ``QueuePool``
    keeps what they give back, an open file or a process of the server, until it is collected as garbage.
    """

    _disposed = False

    @override
    def dispose(self) -> None:
        """Close every connection that is not in use, now and whenever one comes back."""
        self._disposed = True
        super().dispose()

    @override
    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        if self._disposed:
            super().dispose()
