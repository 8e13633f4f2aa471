"""Owning an installation on PostgreSQL: a lease of a few seconds, and a token that fences off earlier owners.

All times are the server's own, so that clocks of bridges do not matter. Every commit of the owner locks the
key of the lease's row and finds its token there, or commits nothing. A takeover changes the token, which is
part of a key, so it waits for commits that are under way and is seen by all that come later. A renewal does
not, so that neither waits for the other.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import URL, Connection, Engine, TextClause, event, text
from sqlalchemy.exc import SQLAlchemyError

from meter_bridge.storage import postgresql
from meter_bridge.storage.errors import LeaseLostError, StorageError
from meter_bridge.storage.location import shown
from meter_bridge.storage.shards import INSTALLATION

TERM_MS: Final = 8_000
"""How long a lease lasts without being renewed: the longest time without a bridge after one dies."""
RENEW_S: Final = 2.0
STALL_MS: Final = postgresql.IDLE_MS
"""After this a transaction whose bridge stands still is ended where its lease has expired."""
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
