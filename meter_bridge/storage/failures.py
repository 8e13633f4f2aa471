"""What counts as a failure of the database, whoever asked it and however it was asked."""

import sqlite3
from typing import Final

from sqlalchemy import exc

from meter_bridge.storage.errors import StorageError

_DOUBTFUL_STATES: Final = ("08", "57P", "40003")
"""Of the connection, of a server that stops, and completion unknown: a commit may be done all the same."""
_REFUSED_BY_SQLITE: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY})
_UNAVAILABLE: Final = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


def is_storage_failure(error: BaseException) -> bool:
    """Return whether the database failed, rather than the program that asked it."""
    if isinstance(error, (StorageError, *_UNAVAILABLE)):
        return True
    # A damaged file is a plain ``DatabaseError``; its other subclasses are mistakes in what was asked.
    damaged = type(error) is exc.DatabaseError
    return damaged or (isinstance(error, exc.DBAPIError) and error.connection_invalidated)


def is_outcome_known(error: BaseException) -> bool:
    """Return whether a commit that ended in an error surely stored nothing."""
    cause = getattr(error, "orig", None)
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return not state.startswith(_DOUBTFUL_STATES)
    # The low byte is the primary code; a sync that failed may have written everything.
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _REFUSED_BY_SQLITE
