"""Errors of storage."""

from pathlib import Path


class StorageError(Exception):
    """The database could not read or write; nothing of the changeset was stored."""


class OutcomeUnknownError(StorageError):
    """A commit ended without the database's answer: its changesets may or may not be stored."""


class LockedError(StorageError):
    """Another bridge owns this installation."""


class ServerError(StorageError):
    """A database server is unsuitable or unavailable; the message says why and what to do."""


class UnreachableError(ServerError):
    """A database server does not answer."""


class LeaseLostError(StorageError):
    """The lease of an installation expired or was taken over; its former owner can no longer commit."""


class SchemaError(StorageError):
    """A database has a schema that this version cannot use; the message says why, ``remedy`` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class NotOwnedError(StorageError):
    """A standby was stopped before it could take ownership."""


class BackupError(Exception):
    """A backup could not be made or restored; nothing is left behind."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class DestinationExistsError(BackupError):
    """The file to write exists already, which is left as it is."""

    def __init__(self, destination: Path) -> None:
        super().__init__(f"{destination} exists already", "choose a name that does not exist yet")


def reason(error: BaseException) -> str:
    """Return the database's error message, without the statement and its values."""
    return (str(getattr(error, "orig", None) or error) or type(error).__name__).splitlines()[0]
