"""The right to write to an installation."""

import asyncio
from contextlib import AbstractContextManager, nullcontext

from sqlalchemy import Engine

from meter_bridge.storage.database import open_writer
from meter_bridge.storage.location import Location


class Ownership:
    """Ownership of an installation; on SQLite it is never lost."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.lost = asyncio.Event()
        """Set once another bridge may own the installation."""

    def writer(self) -> Engine:
        """Return an engine that can write only while the ownership lasts."""
        return open_writer(self.location)

    def suspend_watchdog(self) -> AbstractContextManager[None]:
        """Return a context in which a long task may block the event loop."""
        return nullcontext()
