"""Wrong secrets in the database, so that no restart frees who guesses.

Who tried is kept as a keyed hash alone. Each count is stored before the answer goes out; rows expire by
themselves with the lock or the window that they are about, at most about an hour later.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import select

from meter_bridge.engine.access.lockout_rules import Attempts, Lockout
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops, tables

EVERYBODY: Final = "everybody"
type Everybody = list[tuple[int, int]]


class FailedAttempts:
    """Stores what guards count, and takes it up again at a start."""

    def __init__(self, session: Session, key: SecretKey, lockouts: Mapping[str, Lockout]) -> None:
        """Recall what was counted before; ``guards`` are named, each name once in an installation."""
        self._session = session
        self._key = key
        self._lockouts = lockouts
        self._restore()

    def hash_of(self, name: str) -> str:
        """Return the hash under which somebody is counted."""
        return self._key.digest("wrong secrets of", name).hex()[:32]

    def _restore(self) -> None:
        table, now = tables.wrong_secret, self._session.clock.now()
        query = select(table.c.id, table.c.document).where(table.c.expires_at > now)
        with self._session.reader.connect() as connection:
            rows = connection.execute(query.order_by(table.c.expires_at)).all()
        for row_id, document in rows:
            name, _, who = row_id.partition(" ")
            guard = self._lockouts.get(name)
            if guard is not None and who == EVERYBODY:
                guard.restore_totals(msgspec.json.decode(document, type=Everybody))
            elif guard is not None:
                guard.restore(who, msgspec.json.decode(document, type=Attempts))

    async def refresh(self, of: Iterable[tuple[str, str]]) -> None:
        """Take up what bridges of other shards have counted of some persons and places."""
        if self._session.shard.whole:
            return
        named = {f"{name} {who}": (self._lockouts[name], who) for name, who in of}
        for row_id, document in await asyncio.to_thread(self._rows, tuple(named)):
            guard, who = named[row_id]
            guard.merge(who, msgspec.json.decode(document, type=Attempts))

    def _rows(self, ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return what is stored under some ids."""
        table = tables.wrong_secret
        query = select(table.c.id, table.c.document).where(table.c.id.in_(ids))
        with self._session.reader.connect() as connection:
            return connection.execute(query).tuples().all()

    async def save(self, changed: Iterable[tuple[str, str]]) -> None:
        """Store what guards, by name, count of some persons and places; nothing where nothing can be."""
        session = self._session
        if not session.can_change:
            return
        tx, names = Transaction(session.clock.now()), set[str]()
        for name, who in changed:
            guard = self._lockouts[name]
            tries = guard.attempts_of(who)
            _add(tx, f"{name} {who}", tries, max(tries.expires_at(guard.limits), tx.at))
            names.add(name)
        for name in sorted(names):
            guard = self._lockouts[name]
            _add(tx, f"{name} {EVERYBODY}", guard.totals(), tx.at + guard.limits.lock_ms)
        tx.changeset.add(ops.EXPIRE_WRONG_SECRETS, {"before": tx.at})
        await session.commit(tx)


def _add(tx: Transaction, row_id: str, counted: Attempts | Everybody, expires_at: int) -> None:
    document = msgspec.json.encode(counted).decode()
    tx.changeset.add(ops.UPSERT_WRONG_SECRET, {"id": row_id, "document": document, "expires_at": expires_at})
