"""Owning a database of a PostgreSQL server: taking its lease, renewing it, and noticing when it is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
import logging
import os
import socket
import threading
import time
from typing import ClassVar, Final, override

from sqlalchemy import URL, Engine

from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import LockedError, NotOwnedError, StorageError, UnreachableError
from meter_bridge.storage.lease import RENEW_S, TERM_MS, Grant, Leases, fenced
from meter_bridge.storage.location import shown
from meter_bridge.storage.migrate import migrate, schema_of
from meter_bridge.storage.ownership import Ownership
from meter_bridge.storage.postgresql import reach
from meter_bridge.storage.shards import INSTALLATION

ASK_S: Final = 1.0
"""Pause of a standby between two looks at the lease."""
WATCH_S: Final = 0.25
STALL_S: Final = 4.0
"""While the event loop stands still for longer nothing is renewed: it may never move again."""
PATIENCE_S: Final = 60.0
"""The same while it is known why it stands still: the state of a large installation is read."""
_ENDED: Final = "the wait for the installation was ended"
_LOGGER: Final = logging.getLogger(__name__)


class LeasedOwnership(Ownership):
    """An ownership that a thread renews, and that the event loop watches."""

    busy: ClassVar[int] = 0
    """Long works under way on the one event loop: they keep every lease of this process waiting."""

    def __init__(self, location: URL, leases: Leases, grant: Grant) -> None:
        """Begin to renew."""
        super().__init__(location)
        self._url = location
        self._leases = leases
        self.grant = grant
        self._deadline = time.monotonic() + TERM_MS / 1000
        self._beat = time.monotonic()
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watching = asyncio.create_task(self._watch(), name="lease")
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    @override
    def writer(self) -> Engine:
        """Return an engine of which each transaction proves the lease first."""
        return fenced(open_writer(self._url), self.grant)

    @override
    @contextmanager
    def patient(self) -> Iterator[None]:
        """Keep the lease while the event loop has long work to do."""
        LeasedOwnership.busy += 1
        try:
            yield
        finally:
            self._beat = time.monotonic()
            LeasedOwnership.busy -= 1

    def _stands_still(self) -> bool:
        """Say whether the event loop has not moved for longer than it should need."""
        return time.monotonic() - self._beat > (PATIENCE_S if self.busy else STALL_S)

    async def end(self) -> None:
        """Stop renewing, and give the lease back where it is still held."""
        self._stop.set()
        self._watching.cancel()
        await asyncio.to_thread(self._thread.join)
        with suppress(StorageError):
            await asyncio.to_thread(self._leases.release, self.grant)

    def _renew(self) -> None:
        """Renew until told to stop or until the lease is gone, and not while the event loop stands still."""
        while not self._stop.wait(RENEW_S):
            if self._stands_still():
                _LOGGER.error("The bridge stands still; its lease is not renewed until it moves again")
                continue
            asked = time.monotonic()
            try:
                if not self._leases.renew(self.grant, TERM_MS):
                    self._deadline = 0.0
                    return
                self._deadline = asked + TERM_MS / 1000
            except StorageError as error:
                _LOGGER.warning("The lease could not be renewed: %s", error)

    async def _watch(self) -> None:
        """Tell at once when the lease may be another's; the deadline counts from before it was asked for."""
        while time.monotonic() < self._deadline:
            self._beat = time.monotonic()
            await asyncio.sleep(WATCH_S)
        _LOGGER.error("The lease of %s is lost; nothing more is charged or switched", shown(self.location))
        self.lost.set()


@asynccontextmanager
async def leased(url: URL, *, wait: bool, stop: asyncio.Event) -> AsyncIterator[Ownership]:
    """Own a database of a server by lease; see ``ownership.owned``."""
    await ready(url, wait=wait, stop=stop)
    leases = Leases(url)
    try:
        grant = await _take(leases, url, stop) if wait else await _take_now(leases, url)
        ownership = LeasedOwnership(url, leases, grant)
        try:
            yield ownership
        finally:
            await ownership.end()
    finally:
        leases.close()


async def ready(url: URL, *, wait: bool, stop: asyncio.Event) -> None:
    """See that the server suits and has the table of leases; a standby waits for a server that is away."""
    while True:
        try:
            await asyncio.to_thread(reach, url)
            if await asyncio.to_thread(schema_of, url) is None:
                await asyncio.to_thread(migrate, url)  # the table of leases is part of it
        except UnreachableError as error:
            if not wait:
                raise
            _LOGGER.warning("Standing by: %s", error)
        else:
            return
        if await _stopped(stop):
            raise NotOwnedError(_ENDED)


async def _stopped(stop: asyncio.Event) -> bool:
    """Wait for a moment; say whether the wait was ended."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), ASK_S)
    return stop.is_set()


async def _take_now(leases: Leases, url: URL) -> Grant:
    """Take the lease or raise ``LockedError`` naming who holds it."""
    grant = await asyncio.to_thread(leases.take, INSTALLATION, name_of_process(), TERM_MS)
    if grant is None:
        holder = await asyncio.to_thread(leases.holder, INSTALLATION)
        msg = f"the installation in {shown(url)} is in use by {holder}; stop it first"
        raise LockedError(msg)
    return grant


async def _take(leases: Leases, url: URL, stop: asyncio.Event) -> Grant:
    """Take the lease as soon as it is free."""
    told = False
    while not stop.is_set():
        try:
            grant = await asyncio.to_thread(leases.take, INSTALLATION, name_of_process(), TERM_MS)
            if grant is not None:
                return grant
            if not told:
                holder = await asyncio.to_thread(leases.holder, INSTALLATION)
                _LOGGER.info("Standing by: %s is in use by %s", shown(url), holder)
                told = True
        except StorageError as error:
            _LOGGER.warning("Standing by: %s", error)
        await _stopped(stop)
    raise NotOwnedError(_ENDED)


def name_of_process() -> str:
    """Return what names this process to people."""
    return f"process {os.getpid()} on {socket.gethostname()}"
