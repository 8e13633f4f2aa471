"""What storage can refuse."""


class StorageError(Exception):
    """The database did not take or give what was asked; nothing of the unit was stored."""


class LockedError(StorageError):
    """Another bridge owns this installation."""


class ServerError(StorageError):
    """A database server that cannot hold an installation; the message says why and what to do."""


class UnreachableError(ServerError):
    """A database server that does not answer now."""


class LeaseLostError(StorageError):
    """The lease of an installation expired or was taken over; its bridge commits nothing any more."""


class NotOwnedError(StorageError):
    """A standby that was told to stop before the installation became free."""


class BackupError(Exception):
    """A backup that was not made or not restored; nothing is left behind."""

    def __init__(self, message: str, remedy: str) -> None:
        """Keep what is wrong and what to do."""
        super().__init__(message)
        self.remedy = remedy
