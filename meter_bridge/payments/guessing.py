"""Guessing: how many wrong secrets somebody may try, and for how long nobody is heard after too many.

As prepayment meters in Great Britain have it for their 20-digit codes: five wrong ones within ten minutes
lock entry for an hour. Here each person or place has its own count. Where many guess at once, every count
becomes strict, so that an attack spread over many accounts gains nothing, while who makes no mistake is never
locked.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

WRONG: Final = 6
"""Weight of a secret that is well formed and wrong."""
MISTYPED: Final = 1
"""Weight of one whose check digits do not fit: it was never going to be right, so it is hardly a guess."""
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
class Limits:
    """How much is borne; weights add up within a window."""

    each: int = 5 * WRONG
    window_ms: int = 600_000
    lock_ms: int = 3_600_000
    everybody: int = 100 * WRONG
    """Weight over everybody, within the time of a lock, from which on counts are strict."""
    strict: int = WRONG


@dataclass(slots=True)
class _Tries:
    """What one person or place tried."""

    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Instant and weight of each secret that was tried: the same one again is no further guess."""
    locked_until: int = 0
    turned_away: int = 0
    """Tries while locked."""


class Guard:
    """Counts wrong secrets by who tried them, within bounded memory."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Start with nobody known."""
        self._limits = limits or Limits()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
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
        tries, since = self._of(who), at - self._limits.window_ms
        tries.marks = {each: tried for each, tried in tries.marks.items() if tried[0] > since}
        if mark in tries.marks:
            return Verdict.KNOWN
        tries.marks[mark] = (at, weight)
        self._all.append((at, weight))
        self._weight += weight
        limit = self._limits.strict if self.attacked(at) else self._limits.each
        if sum(heavy for _, heavy in tries.marks.values()) < limit:
            return Verdict.COUNTED
        self.lock(who, at)
        return Verdict.LOCKED

    def lock(self, who: str, at: int) -> None:
        """Lock somebody out from an instant on."""
        tries = self._of(who)
        tries.marks, tries.turned_away = {}, 0
        tries.locked_until = at + self._limits.lock_ms

    def attacked(self, at: int) -> bool:
        """Say whether so many guess at present that counts are strict."""
        while self._all and at - self._all[0][0] >= self._limits.lock_ms:
            self._weight -= self._all.popleft()[1]
        return self._weight >= self._limits.everybody

    def forgive(self, who: str) -> None:
        """Forget what somebody tried who has shown a right secret."""
        tries = self._tries.get(who)
        if tries is not None:
            tries.marks = {}

    def _of(self, who: str) -> _Tries:
        """Return what somebody tried, as the newest of all."""
        tries = self._tries.setdefault(who, _Tries())
        self._tries.move_to_end(who)
        if len(self._tries) > MOST_REMEMBERED:
            self._tries.popitem(last=False)
        return tries
