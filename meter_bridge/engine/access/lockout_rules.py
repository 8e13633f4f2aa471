"""Guessing: how many wrong secrets somebody may try, and for how long nobody is heard after too many.

As prepayment meters in Great Britain have it for their 20-digit codes: five wrong ones within ten minutes
lock entry for an hour. Here each person or place has its own count. Where many guess at once, every count
becomes strict, so that an attack spread over many accounts gains nothing, while who makes no mistake is never
locked.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

WRONG: Final = 6
"""Weight of a secret that is well formed and wrong."""
MISTYPED: Final = 1
"""Weight of one whose check digits do not fit: it was never going to be right, so it is hardly a guess."""
MINUTE_MS: Final = 60_000
MOST_REMEMBERED: Final = 4096
"""Persons and places whose tries are remembered; the one that tried longest ago is forgotten first."""


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

    each: int = 5 * WRONG
    window_ms: int = 600_000
    lock_ms: int = 3_600_000
    everybody: int = 100 * WRONG
    """Weight over everybody, within the time of a lock, from which on counts are strict."""
    strict: int = WRONG


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
        self._tries: OrderedDict[str, Attempts] = OrderedDict()
        self._all: deque[tuple[int, int]] = deque()
        self._weight = 0

    def locked_until(self, who: str, at: int) -> int | None:
        """Return until when somebody is not heard, or None; a try while locked is counted and no more."""
        tries = self._tries.get(who)
        if tries is None or tries.locked_until <= at:
            return None
        tries.turned_away += 1
        return tries.locked_until

    def turned_away(self, who: str) -> int:
        """Return how many tries of somebody were not heard since the lock began."""
        tries = self._tries.get(who)
        return 0 if tries is None else tries.turned_away

    def wrong(self, who: str, mark: str, weight: int, at: int) -> Verdict:
        """Count a wrong secret; ``mark`` tells one secret from another."""
        tries, since = self._of(who), at - self.limits.window_ms
        tries.marks = {each: tried for each, tried in tries.marks.items() if tried[0] > since}
        if mark in tries.marks:
            return Verdict.KNOWN
        tries.marks[mark] = (at, weight)
        self._add(at, weight)
        limit = self.limits.strict if self.attacked(at) else self.limits.each
        if sum(heavy for _, heavy in tries.marks.values()) < limit:
            return Verdict.COUNTED
        self.lock(who, at)
        return Verdict.LOCKED

    def _add(self, at: int, weight: int) -> None:
        """Count a weight over everybody, by the minute, so that an attack takes no memory."""
        self._weight += weight
        if self._all and self._all[-1][0] // MINUTE_MS == at // MINUTE_MS:
            weight += self._all.pop()[1]
        self._all.append((at, weight))

    def tries(self, who: str) -> Attempts:
        """Return what somebody tried, to be stored."""
        return self._tries.get(who) or Attempts()

    def everybody(self) -> list[tuple[int, int]]:
        """Return instants and weights over everybody, to be stored."""
        return list(self._all)

    def recall(self, who: str, tries: Attempts) -> None:
        """Take up what somebody had tried before a restart."""
        self._tries[who] = tries

    def heed(self, who: str, tries: Attempts) -> None:
        """Add what was counted of somebody elsewhere to what is known here."""
        mine = self._of(who)
        mine.marks = tries.marks | mine.marks
        mine.locked_until = max(mine.locked_until, tries.locked_until)

    def recall_everybody(self, found: Iterable[tuple[int, int]]) -> None:
        """Take up what was tried over everybody before a restart."""
        for at, weight in found:
            self._add(at, weight)

    def lock(self, who: str, at: int) -> None:
        """Lock somebody out from an instant on."""
        tries = self._of(who)
        tries.marks, tries.turned_away = {}, 0
        tries.locked_until = at + self.limits.lock_ms

    def attacked(self, at: int) -> bool:
        """Say whether so many guess at present that counts are strict."""
        while self._all and at - self._all[0][0] >= self.limits.lock_ms:
            self._weight -= self._all.popleft()[1]
        return self._weight >= self.limits.everybody

    def forgive(self, who: str) -> bool:
        """Forget what somebody tried who has shown a right secret; say whether there was anything."""
        tries = self._tries.get(who)
        if tries is None or not tries.marks:
            return False
        tries.marks = {}
        return True

    def _of(self, who: str) -> Attempts:
        """Return what somebody tried, as the newest of all."""
        tries = self._tries.setdefault(who, Attempts())
        self._tries.move_to_end(who)
        if len(self._tries) > MOST_REMEMBERED:
            self._tries.popitem(last=False)
        return tries
