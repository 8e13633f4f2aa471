"""Owning an installation on PostgreSQL: a lease of a few seconds, and a token that fences off earlier owners.

All times are the server's, so the clocks of bridges do not matter; a renewal compares them. Every transaction
of the owner locks the key of the lease's row and checks its token, or commits nothing. A takeover changes the
token, which is part of a unique key, so it waits for commits in progress and is seen by all later ones. A
renewal changes no key, so commits and renewals never wait for each other.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
import logging
import os
import socket
import threading
import time
from typing import ClassVar, Final, override

from sqlalchemy import URL, Connection, Engine, TextClause, event, text
from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage import postgresql
from meter_bridge.storage.database import Ownership, open_writer
from meter_bridge.storage.errors import (
    LeaseLostError,
    LockedError,
    NotOwnedError,
    StorageError,
    UnreachableError,
    reason,
)
from meter_bridge.storage.location import shown
from meter_bridge.storage.migrate import check_upgradable, migrate, schema_of
from meter_bridge.storage.shards import INSTALLATION

TERM_MS: Final = 8_000
"""How long a lease lasts without renewal: the longest time without an owner after a bridge dies."""
RENEW_S: Final = 2.0
STALL_MS: Final = postgresql.IDLE_MS
"""After this a transaction of a stalled bridge is terminated once its lease has expired."""
ASK_S: Final = 1.0
"""Pause of a standby between two attempts to take the lease."""
WATCH_S: Final = 0.25
STALL_S: Final = 4.0
"""If the event loop is blocked for longer, the lease is not renewed: it may never run again."""
PATIENCE_S: Final = 60.0
"""The same while a long task is known to block it, such as loading a large installation."""
_ENDED: Final = "the wait for the installation was ended"
_LOGGER: Final = logging.getLogger(__name__)
_TAKE: Final = text("""
    WITH clock AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now)
    INSERT INTO lease AS mine (name, holder, token, expires_at)
    SELECT :name, :holder, 1, now + :term FROM clock
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = mine.token + 1, expires_at = excluded.expires_at
    WHERE mine.expires_at <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    RETURNING token""")
_RENEW: Final = text("""
    UPDATE lease SET expires_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + :term
    WHERE name = :name AND token = :token
    AND expires_at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint""")
_RELEASE: Final = text("UPDATE lease SET expires_at = 0 WHERE name = :name AND token = :token")
_CHECK: Final = text("""
    SELECT token FROM lease WHERE name = :name AND token = :token
    AND expires_at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FOR KEY SHARE""")
_HOLDER: Final = text("""
    SELECT holder, expires_at > (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM lease WHERE name = :name""")

_IS_FREE: Final = text("""
    SELECT expires_at <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    FROM lease WHERE name = :name""")
_END_STALLED: Final = text("""
    SELECT pg_terminate_backend(session.pid) FROM pg_stat_activity session
    JOIN pg_locks held ON held.pid = session.pid AND held.relation = 'lease'::regclass
    WHERE held.mode = 'RowShareLock' AND held.database = session.datid
    AND session.wait_event = 'ClientRead' AND session.usename = current_user
    AND session.state_change < clock_timestamp() - :stall * interval '1 millisecond'
    AND EXISTS (SELECT FROM lease WHERE name = :name
    AND expires_at <= (extract(epoch FROM clock_timestamp()) * 1000)::bigint)""")

_SEAL: Final = text("""
    INSERT INTO lease AS mine (name, holder, token, expires_at) VALUES (:name, :why, 1, 9000000000000000)
    ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, token = mine.token + 1, expires_at = excluded.expires_at""")
_UNSEAL: Final = text("UPDATE lease SET expires_at = 0 WHERE name = :name AND holder = :why")

type _Values = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Grant:
    """A lease that was taken: valid as long as it is renewed and not taken over."""

    name: str
    token: int

    @property
    def row(self) -> _Values:
        """Return its key and token."""
        return {"name": self.name, "token": self.token}

    def check(self, connection: Connection) -> None:
        """Raise ``LeaseLostError`` unless it is valid; it then stays so until the transaction ends."""
        if connection.execute(_CHECK, self.row).first() is None:
            raise LeaseLostError(f"another bridge took {self.name} over; nothing was stored")


def fenced(writer: Engine, grant: Grant) -> Engine:
    """Make every transaction of a writer begin by checking its lease."""
    event.listen(writer, "begin", grant.check)
    return writer


class Leases:
    """The table of leases, through a separate connection."""

    def __init__(self, url: URL) -> None:
        self._engine = postgresql.open_coordinator(url)
        self._where = shown(url)

    def take(self, name: str, holder: str, term_ms: int = TERM_MS) -> Grant | None:
        """Take a lease that is free or expired; None if another process holds it.

        A bridge that is frozen while it sends a batch would hold its lock for ever: the server waits for the
        rest of the batch, which counts neither as idle nor as a statement (until ``transaction_timeout`` of
        PostgreSQL 17). So the connection of an owner whose lease expired within a transaction is terminated.
        """
        if self._scalar(_IS_FREE, {"name": name}) is False:
            return None  # does not wait for a commit of the owner
        self._scalar(_END_STALLED, {"name": name, "stall": STALL_MS})
        token = self._scalar(_TAKE, {"name": name, "holder": holder, "term": term_ms})
        return None if token is None else Grant(name, token)

    def renew(self, grant: Grant, term_ms: int = TERM_MS) -> int | None:
        """Renew a lease; return the server's time in milliseconds, None if it expired or was taken."""
        return self._scalar(_RENEW, {**grant.row, "term": term_ms})

    def release(self, grant: Grant) -> None:
        """Release a lease, so that nobody has to wait until it expires."""
        self._scalar(_RELEASE, grant.row)

    def holder(self, name: str) -> str:
        """Return who holds a lease, for messages."""
        with self._engine.connect() as connection:
            row = connection.execute(_HOLDER, {"name": name}).first()
        return str(row[0]) if row is not None and row[1] else "nobody"

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _scalar(self, statement: TextClause, values: _Values) -> int | None:
        """Execute a statement in a separate transaction; raises ``StorageError`` if that fails."""
        try:
            with self._engine.begin() as connection:
                result = connection.execute(statement, values)
                return result.scalar() if result.returns_rows else None
        except SQLAlchemyError as error:
            raise StorageError(f"{self._where} does not answer: {reason(error)}") from error


def seal_if_free(url: URL, why: str) -> bool:
    """Seal a database unless it has an owner or another seal; return whether it is sealed."""
    with postgresql.open_writer(url).begin() as connection:
        row = connection.execute(_HOLDER, {"name": INSTALLATION}).first()
        if row is not None and row[1] and row[0] != why:
            return False
        connection.execute(_SEAL, {"name": INSTALLATION, "why": why})
    return True


def seal(url: URL, why: str) -> None:
    """Prevent ownership of a database until it is unsealed: it is an incomplete copy, or was moved."""
    with postgresql.open_writer(url).begin() as connection:
        connection.execute(_SEAL, {"name": INSTALLATION, "why": why})


def unseal(url: URL, why: str) -> None:
    """Allow ownership again of a database that was sealed for a reason."""
    with postgresql.open_writer(url).begin() as connection:
        connection.execute(_UNSEAL, {"name": INSTALLATION, "why": why})


class LeasedOwnership(Ownership):
    """An ownership whose lease is renewed by a thread and watched by the event loop."""

    busy: ClassVar[int] = 0
    """Long tasks that block the event loop now; they concern every lease of this process."""

    def __init__(self, location: URL, leases: Leases, grant: Grant) -> None:
        super().__init__(location)
        self._url = location
        self._leases = leases
        self.grant = grant
        self._deadline = time.monotonic() + TERM_MS / 1000
        self._beat = time.monotonic()
        self._clock_ahead_ms = 0
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._watching = asyncio.create_task(self._watch(), name="lease")
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    @override
    def writer(self) -> Engine:
        """Return an engine whose transactions begin by checking the lease."""
        return fenced(open_writer(self._url), self.grant)

    @override
    @contextmanager
    def suspend_watchdog(self) -> Iterator[None]:
        """Keep the lease while a long task blocks the event loop."""
        LeasedOwnership.busy += 1
        try:
            yield
        finally:
            self._beat = time.monotonic()
            LeasedOwnership.busy -= 1

    @override
    def server_clock_ahead_ms(self) -> int:
        """Return what the last renewal showed, which took less than the lease lasts."""
        return self._clock_ahead_ms

    def _is_stalled(self) -> bool:
        return time.monotonic() - self._beat > (PATIENCE_S if self.busy else STALL_S)

    async def end(self) -> None:
        """Stop renewing, and release the lease if it is still held."""
        self._stop.set()
        self._watching.cancel()
        await asyncio.to_thread(self._thread.join)
        with suppress(StorageError):
            await asyncio.to_thread(self._leases.release, self.grant)

    def _renew(self) -> None:
        """Renew until stopped or until the lease is lost, but not while the event loop is blocked."""
        while not self._stop.wait(RENEW_S):
            if self._is_stalled():
                _LOGGER.error("The event loop is blocked; the lease is not renewed until it runs again")
                continue
            requested = time.monotonic()
            try:
                server = self._leases.renew(self.grant, TERM_MS)
                if server is None:
                    self._deadline = 0.0
                    return
                self._deadline = requested + TERM_MS / 1000
                self._clock_ahead_ms = server - time.time_ns() // 1_000_000
            except StorageError as error:
                _LOGGER.warning("The lease could not be renewed: %s", error)

    async def _watch(self) -> None:
        """Set ``lost`` once the lease may be another's; the deadline counts from before the request."""
        while time.monotonic() < self._deadline:
            self._beat = time.monotonic()
            await asyncio.sleep(WATCH_S)
        _LOGGER.error("The lease of %s is lost; nothing more is charged or switched", shown(self.location))
        self.lost.set()


@asynccontextmanager
async def leased(url: URL, *, wait: bool, stop: asyncio.Event) -> AsyncIterator[Ownership]:
    """Own a database of a server through a lease; see ``owning.owned``."""
    await prepare_server(url, wait=wait, stop=stop)
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


async def prepare_server(url: URL, *, wait: bool, stop: asyncio.Event) -> None:
    """Check the server and create the tables if needed; a standby waits for a server that is unavailable."""
    while True:
        try:
            await asyncio.to_thread(postgresql.check_reachable, url)
            present = await asyncio.to_thread(schema_of, url)
            check_upgradable(url, present)
            if present is None:
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
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), ASK_S)
    return stop.is_set()


async def _take_now(leases: Leases, url: URL) -> Grant:
    grant = await asyncio.to_thread(leases.take, INSTALLATION, process_name(), TERM_MS)
    if grant is None:
        holder = await asyncio.to_thread(leases.holder, INSTALLATION)
        raise LockedError(f"the installation in {shown(url)} is in use by {holder}; stop it first")
    return grant


async def _take(leases: Leases, url: URL, stop: asyncio.Event) -> Grant:
    logged = False
    while not stop.is_set():
        try:
            grant = await asyncio.to_thread(leases.take, INSTALLATION, process_name(), TERM_MS)
            if grant is not None:
                return grant
            if not logged:
                holder = await asyncio.to_thread(leases.holder, INSTALLATION)
                _LOGGER.info("Standing by: %s is in use by %s", shown(url), holder)
                logged = True
        except StorageError as error:
            _LOGGER.warning("Standing by: %s", error)
        await _stopped(stop)
    raise NotOwnedError(_ENDED)


def process_name() -> str:
    """Return the name of this process for messages."""
    return f"process {os.getpid()} on {socket.gethostname()}"
