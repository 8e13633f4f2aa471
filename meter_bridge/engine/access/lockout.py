"""Lock-out: how many wrong secrets may be tried, and for how long further tries are refused.

As prepayment meters in Great Britain have it for their 20-digit codes: five wrong ones within ten minutes
lock entry for an hour. Here each person or place has its own count. Where many guess at once, every count
becomes strict, so that an attack spread over many accounts gains nothing, while who makes no mistake is never
locked.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import select

from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops, tables

WRONG_WEIGHT: Final = 6
"""Weight of a secret that is well formed and wrong."""
MISTYPED_WEIGHT: Final = 1
"""Weight of one whose check digits do not fit: it was never going to be right, so it is hardly a guess."""
MINUTE_MS: Final = 60_000
MAX_REMEMBERED: Final = 4096
"""Persons and places whose tries are remembered; who is locked is forgotten last."""
MAX_STORED: Final = 8192
"""Rows of them on disk; beyond that further ones are remembered in memory alone, until some expire."""


class Verdict(StrEnum):
    """What became of a wrong secret."""

    KNOWN = "known"
    """It was tried before: no further guess."""
    COUNTED = "counted"
    LOCKED = "locked"
    """It was one too many."""


@dataclass(frozen=True, slots=True)
class LockoutLimits:
    """How much is borne; weights add up within a window."""

    per_person: int = 5 * WRONG_WEIGHT
    window_ms: int = 600_000
    lock_ms: int = 3_600_000
    strict_from_total: int = 100 * WRONG_WEIGHT
    """Weight over everybody, within the time of a lock, from which on counts are strict."""
    strict_per_person: int = WRONG_WEIGHT


@dataclass(slots=True)
class Attempts:
    """What one person or place tried."""

    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Instant and weight of each secret that was tried: the same one again is no further guess."""
    locked_until: int = 0
    turned_away: int = 0
    """Tries while locked."""

    def expires_at(self, limits: LockoutLimits) -> int:
        """Return from when on nothing of it matters."""
        newest = max((at for at, _ in self.marks.values()), default=-limits.window_ms)
        return max(newest + limits.window_ms, self.locked_until)


class Lockout:
    """Counts wrong secrets by who tried them, within bounded memory."""

    def __init__(self, limits: LockoutLimits | None = None) -> None:
        """Start with nobody known."""
        self.limits = limits or LockoutLimits()
        self._attempts: OrderedDict[str, Attempts] = OrderedDict()
        self._totals: deque[tuple[int, int]] = deque()
        self._weight = 0
        self._newest = 0
        """Newest instant at which somebody tried."""

    def locked_until(self, subject: str, at: int) -> int | None:
        """Return until when somebody is not heard, or None; a try while locked is counted and no more."""
        tries = self._attempts.get(subject)
        if tries is None or tries.locked_until <= at:
            return None
        tries.turned_away += 1
        return tries.locked_until

    def rejected_since_lock(self, who: str) -> int:
        """Return how many tries of somebody were not heard since the lock began."""
        tries = self._attempts.get(who)
        return 0 if tries is None else tries.turned_away

    def record_wrong(self, who: str, mark: str, weight: int, at: int) -> Verdict:
        """Count a wrong secret; ``mark`` tells one secret from another."""
        self._newest = max(self._newest, at)
        tries, since = self._attempts_of(who), at - self.limits.window_ms
        tries.marks = {other_mark: tried for other_mark, tried in tries.marks.items() if tried[0] > since}
        if mark in tries.marks:
            return Verdict.KNOWN
        tries.marks[mark] = (at, weight)
        self._add_to_totals(at, weight)
        limit = self.limits.strict_per_person if self.is_under_attack(at) else self.limits.per_person
        if sum(heavy for _, heavy in tries.marks.values()) < limit:
            return Verdict.COUNTED
        self.lock(who, at)
        return Verdict.LOCKED

    def _add_to_totals(self, at: int, weight: int) -> None:
        """Count a weight over everybody, by the minute, so that an attack takes no memory."""
        self._weight += weight
        if self._totals and self._totals[-1][0] // MINUTE_MS == at // MINUTE_MS:
            weight += self._totals.pop()[1]
        self._totals.append((at, weight))

    def attempts_of(self, who: str) -> Attempts:
        """Return what somebody tried, to be stored."""
        return self._attempts.get(who) or Attempts()

    def totals(self) -> list[tuple[int, int]]:
        """Return instants and weights over everybody, to be stored."""
        return list(self._totals)

    def restore(self, who: str, attempts: Attempts) -> None:
        """Take up what somebody had tried before a restart."""
        self._attempts[who] = attempts

    def merge(self, who: str, attempts: Attempts) -> None:
        """Add what was counted of somebody elsewhere to what is known here."""
        mine = self._attempts_of(who)
        mine.marks = attempts.marks | mine.marks
        mine.locked_until = max(mine.locked_until, attempts.locked_until)

    def restore_totals(self, found: Iterable[tuple[int, int]]) -> None:
        """Take up what was tried over everybody before a restart."""
        for at, weight in found:
            self._add_to_totals(at, weight)

    def lock(self, who: str, at: int) -> None:
        """Lock somebody out from an instant on."""
        tries = self._attempts_of(who)
        tries.marks, tries.turned_away = {}, 0
        tries.locked_until = at + self.limits.lock_ms

    def is_under_attack(self, at: int) -> bool:
        """Return whether so many guess at present that counts are strict."""
        while self._totals and at - self._totals[0][0] >= self.limits.lock_ms:
            self._weight -= self._totals.popleft()[1]
        return self._weight >= self.limits.strict_from_total

    def clear(self, who: str) -> bool:
        """Forget what somebody tried who has shown a right secret; say whether there was anything."""
        tries = self._attempts.get(who)
        if tries is None or not tries.marks:
            return False
        tries.marks = {}
        return True

    def _attempts_of(self, who: str) -> Attempts:
        """Return what somebody tried, as the newest of all."""
        tries = self._attempts.setdefault(who, Attempts())
        self._attempts.move_to_end(who)
        if len(self._attempts) > MAX_REMEMBERED:
            del self._attempts[self._least_important(who)]
        return tries

    def _least_important(self, newest: str) -> str:
        """Return who is forgotten first: who tried longest ago and is not locked, or who is soon free."""
        others = {who: tries.locked_until for who, tries in self._attempts.items() if who != newest}
        unlocked = (who for who, until in others.items() if until <= self._newest)
        return next(unlocked, None) or min(others, key=others.__getitem__)


EVERYBODY: Final = "everybody"
type Everybody = list[tuple[int, int]]


class FailedAttempts:
    """Stores what guards count, and takes it up again at a start."""

    def __init__(self, session: Session, key: SecretKey, lockouts: Mapping[str, Lockout]) -> None:
        """Recall what was counted before; ``guards`` are named, each name once in an installation."""
        self._session = session
        self._key = key
        self._lockouts = lockouts
        self._stored: dict[str, int] = {}
        """Rows that are on disk, with when each expires."""
        self._restore()

    def hash_of(self, name: str) -> str:
        """Return the hash under which somebody is counted."""
        return self._key.digest("wrong secrets of", name).hex()[:32]

    def _restore(self) -> None:
        table, now = tables.wrong_secret, self._session.clock.now()
        query = select(table.c.id, table.c.document, table.c.expires_at).where(table.c.expires_at > now)
        with self._session.reader.connect() as connection:
            rows = connection.execute(query.order_by(table.c.expires_at)).all()
        for row_id, document, expires_at in rows:
            name, _, who = row_id.partition(" ")
            guard = self._lockouts.get(name)
            if guard is not None:
                self._stored[row_id] = expires_at
            if guard is not None and who == EVERYBODY:
                guard.restore_totals(msgspec.json.decode(document, type=Everybody))
            elif guard is not None:
                guard.restore(who, msgspec.json.decode(document, type=Attempts))

    async def refresh(self, of: Iterable[tuple[str, str]]) -> None:
        """Take up what bridges of other shards have counted of some persons and places."""
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
            guard, row_id = self._lockouts[name], f"{name} {who}"
            tries = guard.attempts_of(who)
            expires_at = max(tries.expires_at(guard.limits), tx.at)
            if self._has_room_for(row_id, expires_at, tx.at):
                _add(tx, row_id, tries, expires_at)
                names.add(name)
        if not names:
            return
        for name in sorted(names):
            guard = self._lockouts[name]
            _add(tx, f"{name} {EVERYBODY}", guard.totals(), tx.at + guard.limits.lock_ms)
        tx.changeset.add(ops.EXPIRE_WRONG_SECRETS, {"before": tx.at})
        await session.commit(tx)

    def _has_room_for(self, row_id: str, expires_at: int, now: int) -> bool:
        """Return whether a row may be stored; one that is there already always may."""
        if row_id not in self._stored and len(self._stored) >= MAX_STORED:
            self._stored = {each: until for each, until in self._stored.items() if until > now}
            if len(self._stored) >= MAX_STORED:
                return False
        self._stored[row_id] = expires_at
        return True


def _add(tx: Transaction, row_id: str, counted: Attempts | Everybody, expires_at: int) -> None:
    document = msgspec.json.encode(counted).decode()
    tx.changeset.add(ops.UPSERT_WRONG_SECRET, {"id": row_id, "document": document, "expires_at": expires_at})
