"""The entries of an account that were booked in a period.

An account's entries stand in the order of ``seq``; a period begins with the first of them that was booked in
it. So an entry with an instant of the past, such as a late reading's, never enters a statement already made.
"""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, select

from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.statement.period import Period
from meter_bridge.storage import tables

LAST_SEQ: Final = 2**63 - 1
MIN_PARALLEL_ENTRIES: Final = 500
"""Entries from which on it pays to read them in two parts at the same time."""
_MOVING: Final = tuple(kind for kind in EntryKind if kind is not EntryKind.SETTLEMENT)
_CREDITING: Final = tuple(kind for kind in _MOVING if kind is not EntryKind.CHARGE)


@dataclass(frozen=True, slots=True)
class EntryRange:
    """Entries from ``first`` up to and without ``stop``, all of which are there already."""

    account_id: str
    currency: str
    first: int
    stop: int

    def halves(self, connection: Connection) -> tuple[EntryRange, ...]:
        """Return the entries as two spans of about as many; as one where there are few."""
        entry = tables.journal_entry.c
        wanted = and_(entry.account_id == self.account_id, entry.seq >= self.first, entry.seq < self.stop)
        count = connection.execute(select(func.count()).where(wanted)).scalar_one()
        if count < MIN_PARALLEL_ENTRIES:
            return (self,)
        query = select(entry.seq).where(wanted).order_by(entry.seq).offset(count // 2).limit(1)
        middle = connection.execute(query).scalar_one()
        return replace(self, stop=middle), replace(self, first=middle)

    @property
    def entries(self) -> ColumnElement[bool]:
        """Return the condition that chooses them; what former customers settled moved nothing here."""
        return self._of_kinds(_MOVING)

    @property
    def credits(self) -> ColumnElement[bool]:
        """Return the condition that chooses those that are no charges."""
        return self._of_kinds(_CREDITING)

    def _of_kinds(self, kinds: tuple[EntryKind, ...]) -> ColumnElement[bool]:
        """Return the condition for entries of some kinds; naming each lets an index alone answer it."""
        entry = tables.journal_entry.c
        own = and_(entry.account_id == self.account_id, entry.kind.in_(kinds))
        return and_(own, entry.seq >= self.first, entry.seq < self.stop)

    @property
    def later(self) -> ColumnElement[bool]:
        """Return the condition that chooses the entries after them."""
        entry = tables.journal_entry.c
        return and_(entry.account_id == self.account_id, entry.seq >= self.stop)


@dataclass(frozen=True, slots=True)
class TenancyRange:
    """The entries of a tenancy: from ``first`` up to and without ``stop``."""

    first: int = 0
    stop: int = LAST_SEQ


def find_entry_range(
    connection: Connection, account_id: str, currency: str, period: Period, tenancy_range: TenancyRange
) -> EntryRange:
    """Return the entries that were booked in a period, and are the own."""
    first = _first_seq(connection, account_id, period.start, 0)
    stop = _first_seq(connection, account_id, period.end, first)
    return EntryRange(
        account_id,
        currency,
        *(min(max(seq, tenancy_range.first), tenancy_range.stop) for seq in (first, stop)),
    )


def _first_seq(connection: Connection, account_id: str, at: int, after: int) -> int:
    """Return the first entry booked at an instant or later, or else the one after the newest."""
    entry = tables.journal_entry.c
    own = entry.account_id == account_id
    query = select(entry.seq).where(own, entry.seq >= after, entry.at >= at).order_by(entry.seq)
    seq: int | None = connection.execute(query.limit(1)).scalar()
    if seq is not None:
        return seq
    newest = connection.execute(select(func.max(entry.seq)).where(own)).scalar()
    return (newest or 0) + 1
