"""What the owner of an installation holds."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import Engine

from meter_bridge.storage.database import open_writer
from meter_bridge.storage.location import Location


class Ownership:
    """The right to write to an installation; on SQLite it is never lost."""

    def __init__(self, location: Location) -> None:
        """Start as the owner of a location."""
        self.location = location
        self.lost = asyncio.Event()
        """Set once another bridge may own the installation."""

    def writer(self) -> Engine:
        """Return an engine that writes as the owner and never after that."""
        return open_writer(self.location)

    def patient(self) -> AbstractContextManager[None]:
        """Return a context in which the owner may be busy for longer than a moment."""
        return nullcontext()
