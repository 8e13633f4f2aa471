"""The naive model of debts: what payments and days must have recovered, from the order of events alone.

Each payment recovers its share, up to the cap of its local day, and each local midnight an instalment. The
debt is so large that it is never paid off, so nothing depends on what comes first within an instant.
"""

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from meter_bridge.storage.sqlite import connect_read_only
from tests.simulation.machine import Machine
from tests.simulation.model import RAND, local_day
from tests.simulation.street import House

DEBT: Final = "fridge"
AMOUNT: Final = 300 * RAND
RATE: Final = RAND
SHARE_PERCENT: Final = 20
CAP: Final = 3 * RAND
TERMS: Final = {
    "amount": "300.00",
    "rate": "1.00",
    "every": "day",
    "percent": str(SHARE_PERCENT),
    "cap": "3.00",
    "cap_every": "day",
}
_EVENTS: Final = (
    "SELECT id, at, kind, refers_to, (SELECT -sum(p.amount) FROM posting p WHERE p.entry_seq = e.seq"
    " AND p.bucket = 'funds') FROM journal_entry e WHERE account_id = ?"
    " AND kind IN ('top_up', 'reversal', 'debt', 'write_off') ORDER BY seq"
)


@dataclass(slots=True)
class Owing:
    """What a unit owes besides its balance, and what was taken of its credit for it."""

    owed: int = 0
    arrears: int = 0
    taken: int = 0
    begun: date | None = None
    ended: date | None = None
    _by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    _parts: dict[str, tuple[date, int, int]] = field(default_factory=dict)
    """By top-up its day, and what the debt and the arrears took of it."""

    def open(self, day: date) -> None:
        self.begun, self.owed = day, AMOUNT

    def pay(self, entry: str, day: date, amount: int) -> None:
        share = min(amount * SHARE_PERCENT // 100, CAP - self._by_day[day]) if self._runs else 0
        cleared = min(amount - share, self.arrears)
        self._by_day[day] += share
        self._take(share, cleared)
        self._parts[entry] = day, share, cleared

    def take_back(self, entry: str) -> None:
        day, share, cleared = self._parts.pop(entry)
        self._by_day[day] -= share
        if not self._runs:
            share, cleared = 0, cleared + share  # a debt that is closed is owed as arrears
        self._take(-share, -cleared)

    def close(self, day: date) -> None:
        """Write off what is owed once the instalments of the days until then were taken."""
        self._take_instalments(day)
        self.ended, self.owed = day, 0

    def settle(self, day: date) -> None:
        """Take the instalments that are due until now."""
        if self._runs:
            self._take_instalments(day)

    @property
    def _runs(self) -> bool:
        return self.begun is not None and self.ended is None

    def _take_instalments(self, day: date) -> None:
        assert self.begun is not None
        self._take((day - self.begun).days * RATE, 0)

    def _take(self, of_debt: int, of_arrears: int) -> None:
        self.owed -= of_debt
        self.arrears -= of_arrears
        self.taken += of_debt + of_arrears


def owing(machine: Machine, house: House, now_ms: int) -> Owing:
    """Return what a unit must owe now."""
    found = Owing()
    with closing(connect_read_only(machine.disk.database)) as connection:
        rows = connection.execute(_EVENTS, (house.id,)).fetchall()
    for entry, at, kind, refers_to, amount in rows:
        match kind:
            case "top_up":
                found.pay(entry, local_day(at, house.zone).date(), amount)
            case "reversal":
                found.take_back(refers_to)
            case "debt":
                found.open(local_day(at, house.zone).date())
            case _:
                found.close(local_day(at, house.zone).date())
    found.settle(local_day(now_ms, house.zone).date())
    return found
