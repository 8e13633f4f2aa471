"""Taking ownership of an installation: a lock on its folder, on PostgreSQL also a lease of its database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from meter_bridge.storage.database import InstallationLock, Ownership
from meter_bridge.storage.location import Location


@asynccontextmanager
async def owned(
    data: Path, location: Location, *, wait: bool = False, stop: asyncio.Event | None = None
) -> AsyncIterator[Ownership]:
    """Own an installation; raises ``LockedError`` where another bridge does, unless asked to wait.

    Raises ``NotOwnedError`` if ``stop`` ends the wait.
    """
    lock = InstallationLock(data)
    await asyncio.to_thread(lock.acquire)
    try:
        if isinstance(location, Path):
            yield Ownership(location)
            return
        from meter_bridge.storage.lease import leased  # noqa: PLC0415 - its driver is not needed for SQLite

        async with leased(location, wait=wait, stop=stop or asyncio.Event()) as ownership:
            yield ownership
    finally:
        lock.release()
