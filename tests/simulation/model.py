"""The naive model: what each account must contain and where its relay must be.

It knows nothing of readings, messages, intervals or transactions: only the money paid in, less the cost of
the true energy.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from tests.simulation.street import CENT, EMERGENCY_LIMIT, House, Kind, Tariff

WH_PER_KWH: Final = 1_000
RAND: Final = 100 * CENT
BLOCKS: Final = ((10_000, 150 * CENT), (25_000, 200 * CENT), (10**12, 325 * CENT))
"""Upper end in Wh and price per kWh of each block."""
VAT: Final = 15
STANDBY_W: Final = 8
"""Load of which even a thousandfold is less than the rating."""
MISLED_WH: Final = 1_000 * STANDBY_W
"""A thousandfold of it for an hour: with a report a minute, register and power are compared by then."""
FINE_PRICE: Final = Decimal("1.23457") * RAND / WH_PER_KWH
FINE_TAX: Final = Decimal("0.077")


@dataclass(slots=True)
class Truth:
    """The true figures of one unit."""

    house: House
    most_wh: int = 0
    """Plus the present register: the most that may be charged."""
    least_wh: int = 0
    """The least: a reset takes with it what was not on disk, and in quarantine nothing is charged."""
    undecided: bool = False
    """A register fell or jumped without saying why: until a person has decided nothing more is sure."""
    paid: int = 0
    held_off: bool = False
    keys: dict[str, int] = field(default_factory=dict)
    """Amounts by the key of their top-up, once acknowledged."""
    cash: list[str] = field(default_factory=list)
    """Keys of those paid in cash that were not taken back."""
    may_borrow: bool = False
    """Whether the customer ever asked for emergency credit and was not refused."""
    entries_at_selection: int | None = None
    """How many entries besides charges were on disk when emergency credit was selected last."""
    begun_ms: int = 0
    """When charging began."""
    is_misled: bool = False
    """Somebody accepted a register in another unit, which is not yet mended."""
    moves: int = 0
    """How often the register was moved, or another took its place."""
    moved_wh: int = 0
    """Where it was then."""

    def energy_wh(self) -> tuple[int, int]:
        """Return the least and the most energy that may be charged."""
        reported = self.house.reported_wh()
        return (self.least_wh if self.undecided else self.least_wh + reported), self.most_wh + reported

    def begin(self) -> None:
        """Start charging here."""
        self.most_wh = self.least_wh = -self.house.reported_wh()
        self._note_move()

    def _note_move(self) -> None:
        self.moves, self.moved_wh = self.moves + 1, self.house.reported_wh()

    def moved(self, before_wh: int, stored_wh: int, *, with_marker: bool) -> None:
        """Record that the register moved from ``before_wh`` to its present value, with ``stored_wh`` charged.

        ``with_marker``: the device reports that its counter was reset, and starts from zero.
        """
        self.most_wh += before_wh - self.house.reported_wh()
        self.least_wh = min(stored_wh, self.least_wh + (0 if self.undecided else before_wh))
        self.undecided = self.undecided or not with_marker
        self._note_move()

    def replaced(self, before_wh: int) -> None:
        """Record that another counter continues where the old one, which was read to its end, stopped."""
        self.most_wh += before_wh - self.house.reported_wh()
        if not self.undecided:
            self.least_wh += before_wh - self.house.reported_wh()
        self._note_move()

    def misled(self) -> None:
        """Record that somebody accepts a register in another unit: it is charged until its power shows it."""
        self.is_misled = True
        self.most_wh += MISLED_WH

    def began_anew(self) -> None:
        """Record that the bridge starts: what it had compared until then is forgotten."""
        if self.is_misled:
            self.most_wh += MISLED_WH

    def decided(self) -> None:
        """Record that nothing is undecided any more: all energy from here on is charged."""
        if self.undecided:
            self.undecided = False
            self.least_wh -= self.house.reported_wh()

    def balance(self, energy_wh: int, begin_ms: int, now_ms: int) -> int:
        """Return the balance that the account must have after this energy."""
        return self.paid - cost(self.house.tariff, energy_wh) - standing(self.house, begin_ms, now_ms)

    def connected(self, balance: int, *, selected: bool) -> bool:
        """Return whether the unit must be supplied with this balance, less emergency credit that is lent."""
        if self.house.kind is Kind.NEVER_CUT:
            return True
        if self.held_off:
            return False
        lent = EMERGENCY_LIMIT if selected else 0
        return self.house.kind is Kind.CREDIT or balance + lent > 0


def cost(tariff: Tariff, energy_wh: int) -> int:
    """Return the cost of energy of one month: each line is rounded once, half to even."""
    if tariff is Tariff.FLAT:
        return energy_wh * 200 * CENT // WH_PER_KWH
    if tariff is Tariff.STANDING:
        return energy_wh * 180 * CENT // WH_PER_KWH * (100 + VAT) // 100
    if tariff is Tariff.FINE:
        exact = FINE_PRICE * energy_wh
        return round(exact) + round(exact * FINE_TAX)
    total = below = 0
    for limit, price in BLOCKS:
        total += max(min(energy_wh, limit) - below, 0) * price // WH_PER_KWH
        below = limit
    return total


def standing(house: House, begin_ms: int, now_ms: int) -> int:
    """Return the standing charges of the local days that have begun since."""
    if house.tariff is not Tariff.STANDING or house.prices is not None:
        return 0
    days = (local_day(now_ms, house.zone) - local_day(begin_ms, house.zone)) // timedelta(days=1)
    return days * 150 * CENT * (100 + VAT) // 100


def local_day(at_ms: int, zone: ZoneInfo) -> datetime:
    """Return the start of a local day, without its zone."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
