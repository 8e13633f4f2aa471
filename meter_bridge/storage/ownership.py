"""Owning an installation: its folder by a file lock, and on PostgreSQL its database by a lease as well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Engine

from meter_bridge.storage.database import InstallationLock, open_writer
from meter_bridge.storage.location import Location


class Ownership:
    """What the owner of an installation holds; on SQLite it is never lost."""

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


@asynccontextmanager
async def owned(
    data: Path, location: Location, *, wait: bool = False, stop: asyncio.Event | None = None
) -> AsyncIterator[Ownership]:
    """Own an installation; raises ``LockedError`` where another bridge does, unless it is to be waited for.

    Raises ``NotOwnedError`` where ``stop`` ends the wait.
    """
    lock = InstallationLock(data)
    await asyncio.to_thread(lock.acquire)
    try:
        if isinstance(location, Path):
            yield Ownership(location)
            return
        from meter_bridge.storage.leased import leased  # noqa: PLC0415 - its driver is not needed for SQLite

        async with leased(location, wait=wait, stop=stop or asyncio.Event()) as ownership:
            yield ownership
    finally:
        lock.release()
