"""What counts as a failure of the database, whoever asked it and however it was asked."""

from typing import Final

from sqlalchemy import exc

from meter_bridge.storage.errors import StorageError

_UNAVAILABLE: Final = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


def is_storage_failure(error: BaseException) -> bool:
    """Return whether the database failed, rather than the program that asked it."""
    if isinstance(error, (StorageError, *_UNAVAILABLE)):
        return True
    # A damaged file is a plain ``DatabaseError``; its other subclasses are mistakes in what was asked.
    damaged = type(error) is exc.DatabaseError
    return damaged or (isinstance(error, exc.DBAPIError) and error.connection_invalidated)
