"""Owning an installation on PostgreSQL: a lease of a few seconds, and a token that fences off earlier owners.

All times are the server's own, so that clocks of bridges do not matter. Every commit of the owner locks the
key of the lease's row and finds its token there, or commits nothing. A takeover changes the token, which is
part of a key, so it waits for commits that are under way and is seen by all that come later. A renewal does
not, so that neither waits for the other.
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
from meter_bridge.storage.database import open_writer
from meter_bridge.storage.errors import (
    LeaseLostError,
    LockedError,
    NotOwnedError,
    StorageError,
    UnreachableError,
)
from meter_bridge.storage.location import shown
from meter_bridge.storage.migrate import migrate, schema_of
from meter_bridge.storage.ownership import Ownership
from meter_bridge.storage.shards import INSTALLATION

TERM_MS: Final = 8_000
"""How long a lease lasts without being renewed: the longest time without a bridge after one dies."""
RENEW_S: Final = 2.0
STALL_MS: Final = postgresql.IDLE_MS
"""After this a transaction whose bridge stands still is ended where its lease has expired."""
ASK_S: Final = 1.0
"""Pause of a standby between two looks at the lease."""
WATCH_S: Final = 0.25
STALL_S: Final = 4.0
"""While the event loop stands still for longer nothing is renewed: it may never move again."""
PATIENCE_S: Final = 60.0
"""The same while it is known why it stands still: the state of a large installation is read."""
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
    RETURNING token""")
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
    """A lease that was taken: valid as long as it is renewed and nobody took it over."""

    name: str
    token: int

    @property
    def row(self) -> _Values:
        """Return what names it in the table."""
        return {"name": self.name, "token": self.token}

    def check(self, connection: Connection) -> None:
        """Raise ``LeaseLostError`` unless it is valid until the end of the connection's transaction."""
        if connection.execute(_CHECK, self.row).first() is None:
            msg = f"another bridge took {self.name} over; nothing was stored"
            raise LeaseLostError(msg)


def fenced(writer: Engine, grant: Grant) -> Engine:
    """Let every transaction of a writer begin with the proof that its lease is valid."""
    event.listen(writer, "begin", grant.check)
    return writer


class Leases:
    """The table of leases, through a connection of its own."""

    def __init__(self, url: URL) -> None:
        """Keep the address; nothing connects before it is used."""
        self._engine = postgresql.open_coordinator(url)
        self._where = shown(url)

    def take(self, name: str, holder: str, term_ms: int = TERM_MS) -> Grant | None:
        """Take a lease that is free or expired; None where another holds it.

        A bridge that is frozen while it sends a batch holds its lock for ever: the server waits for the rest
        of the batch, and counts that neither as idle nor as a statement (until ``transaction_timeout`` of
        PostgreSQL 17). So the connection of whoever lost a lease in the midst of a transaction is ended.
        """
        if self._scalar(_IS_FREE, {"name": name}) is False:
            return None  # whoever asks does not wait for a commit of the owner
        self._scalar(_END_STALLED, {"name": name, "stall": STALL_MS})
        given: _Values = {"name": name, "holder": holder, "term": term_ms}
        token = self._scalar(_TAKE, given)
        return None if token is None else Grant(name, token)

    def renew(self, grant: Grant, term_ms: int = TERM_MS) -> bool:
        """Prolong a lease; False where it has expired or was taken over."""
        return self._scalar(_RENEW, {**grant.row, "term": term_ms}) is not None

    def release(self, grant: Grant) -> None:
        """Give a lease back, so that nobody has to wait until it expires."""
        self._scalar(_RELEASE, grant.row)

    def holder(self, name: str) -> str:
        """Return who holds a lease, for people."""
        with self._engine.connect() as connection:
            row = connection.execute(_HOLDER, {"name": name}).first()
        return str(row[0]) if row is not None and row[1] else "nobody"

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()

    def _scalar(self, statement: TextClause, given: _Values) -> int | None:
        """Execute a statement in a transaction of its own; raises ``StorageError`` where that fails."""
        try:
            with self._engine.begin() as connection:
                found = connection.execute(statement, given)
                return found.scalar() if found.returns_rows else None
        except SQLAlchemyError as error:
            msg = f"{self._where} does not answer: {postgresql.first_line(error)}"
            raise StorageError(msg) from error


def claim(url: URL, why: str) -> bool:
    """Seal a database that nobody owns, or that was sealed for the same reason; say whether it is."""
    with postgresql.open_writer(url).begin() as connection:
        row = connection.execute(_HOLDER, {"name": INSTALLATION}).first()
        if row is not None and row[1] and row[0] != why:
            return False
        connection.execute(_SEAL, {"name": INSTALLATION, "why": why})
    return True


def seal(url: URL, why: str) -> None:
    """Let nobody own a database until it is unsealed, because it is half a copy or was moved away."""
    with postgresql.open_writer(url).begin() as connection:
        connection.execute(_SEAL, {"name": INSTALLATION, "why": why})


def unseal(url: URL, why: str) -> None:
    """Let a database be owned again that was sealed for a reason."""
    with postgresql.open_writer(url).begin() as connection:
        connection.execute(_UNSEAL, {"name": INSTALLATION, "why": why})


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
    """Own a database of a server by lease; see ``owning.owned``."""
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
            await asyncio.to_thread(postgresql.reach, url)
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
