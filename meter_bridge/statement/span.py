"""The entries of an account that were booked in a period.

An account's entries stand in the order of ``seq``; a period begins with the first of them that was booked in
it. So an entry with an instant of the past, such as a late reading's, never enters a statement already made.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, select

from meter_bridge.core.ledger import EntryKind
from meter_bridge.statement.period import Period
from meter_bridge.storage import tables

LAST_SEQ: Final = 2**63 - 1
_MOVING: Final = tuple(kind for kind in EntryKind if kind is not EntryKind.SETTLEMENT)
_CREDITING: Final = tuple(kind for kind in _MOVING if kind is not EntryKind.CHARGE)


@dataclass(frozen=True, slots=True)
class Span:
    """Entries from ``first`` up to and without ``stop``."""

    account_id: str
    currency: str
    first: int
    stop: int

    @property
    def entries(self) -> ColumnElement[bool]:
        """Return the condition that chooses them; what former customers settled moved nothing here."""
        return self._of(_MOVING)

    @property
    def credits(self) -> ColumnElement[bool]:
        """Return the condition that chooses those that are no charges."""
        return self._of(_CREDITING)

    def _of(self, kinds: tuple[EntryKind, ...]) -> ColumnElement[bool]:
        """Return the condition that chooses those of some kinds.

        Named one by one, the kinds let an index alone tell which entries these are.
        """
        entry = tables.journal_entry.c
        own = and_(entry.account_id == self.account_id, entry.kind.in_(kinds))
        return and_(own, entry.seq >= self.first, entry.seq < self.stop)

    @property
    def later(self) -> ColumnElement[bool]:
        """Return the condition that chooses the entries after them."""
        entry = tables.journal_entry.c
        return and_(entry.account_id == self.account_id, entry.seq >= self.stop)


@dataclass(frozen=True, slots=True)
class Own:
    """The entries of a tenancy: from ``first`` up to and without ``stop``."""

    first: int = 0
    stop: int = LAST_SEQ


def span_of(connection: Connection, account_id: str, currency: str, period: Period, own: Own) -> Span:
    """Return the entries that were booked in a period, and are the own."""
    first, stop = (
        min(max(_first_seq(connection, account_id, at), own.first), own.stop)
        for at in (period.start, period.end)
    )
    return Span(account_id, currency, first, stop)


def _first_seq(connection: Connection, account_id: str, at: int) -> int:
    """Return the first entry that was booked at an instant or later."""
    entry = tables.journal_entry.c
    query = select(entry.seq).where(entry.account_id == account_id, entry.at >= at).order_by(entry.seq)
    found: int | None = connection.execute(query.limit(1)).scalar()
    return LAST_SEQ if found is None else found
