"""What storage can refuse."""


class StorageError(Exception):
    """The database did not take or give what was asked; nothing of the unit was stored."""


class LockedError(StorageError):
    """Another bridge owns this installation."""


class ServerError(StorageError):
    """A database server that cannot hold an installation; the message says why and what to do."""
