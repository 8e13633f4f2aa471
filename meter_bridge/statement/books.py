"""Reading what a statement is made of from the journal, all of it as of one instant.

An account's entries stand in the order of ``seq``; a period begins with the first of them that was booked in
it. So an entry with an instant of the past, such as a late reading's, never enters a statement already made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, and_, func, select

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import Bucket, EntryKind
from meter_bridge.core.rating import LineKind
from meter_bridge.engine.document import open_wh
from meter_bridge.engine.reading_back import ledger_entries
from meter_bridge.protocol.messages import ChargeLine, LedgerEntry
from meter_bridge.protocol.statements import DayCharge, KindSum, NotYetPosted
from meter_bridge.statement.assembling import Books
from meter_bridge.statement.period import Period
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot

MOST_ENTRIES: Final = 5_000
MOST_CHARGES: Final = 10_000
"""Rows of charges, by line or by day."""
_LAST_SEQ: Final = 2**63 - 1
_IN_ORDER: Final = {kind.value: place for place, kind in enumerate(LineKind)}
"""Places of lines: energy first, taxes last."""


class TooLongError(ValueError):
    """A period with more in it than one statement holds."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The entries of an account that were booked in a period: ``first`` up to and without ``stop``."""

    account_id: str
    currency: str
    first: int
    stop: int

    @property
    def entries(self) -> ColumnElement[bool]:
        """Return the condition that chooses them."""
        entry = tables.journal_entry.c
        return and_(entry.account_id == self.account_id, entry.seq >= self.first, entry.seq < self.stop)


def read_books(reader: Engine, account_id: str, currency: str, period: Period, *, by_day: bool) -> Books:
    """Return what the journal holds; raises ``TooLongError`` for a period with too much in it."""
    with snapshot(reader) as connection:
        first, stop = (_first_seq(connection, account_id, at) for at in (period.start, period.end))
        span = _Span(account_id, currency, first, stop)
        lines = _lines(connection, span)
        return Books(
            opening=_balance_before(connection, account_id, first),
            closing=_balance_before(connection, account_id, stop),
            sums=_sums(connection, span),
            lines=lines,
            days=_days(connection, span, _prices(lines)) if by_day else None,
            entries=_entries(connection, span),
            pending=_pending(connection, account_id, period.start),
        )


def _first_seq(connection: Connection, account_id: str, at: int) -> int:
    """Return the first entry that was booked at an instant or later."""
    entry = tables.journal_entry.c
    query = select(entry.seq).where(entry.account_id == account_id, entry.at >= at).order_by(entry.seq)
    found: int | None = connection.execute(query.limit(1)).scalar()
    return _LAST_SEQ if found is None else found


def _balance_before(connection: Connection, account_id: str, seq: int) -> int:
    """Return the balance that the account had before an entry."""
    entry = tables.journal_entry.c
    query = select(entry.balance_after).where(entry.account_id == account_id, entry.seq < seq)
    return connection.execute(query.order_by(entry.seq.desc()).limit(1)).scalar() or 0


def _sums(connection: Connection, span: _Span) -> tuple[KindSum, ...]:
    """Return what the entries of each kind did to the balance, from their postings."""
    entry, posting = tables.journal_entry, tables.posting
    own = and_(
        posting.c.entry_seq == entry.c.seq,
        posting.c.bucket == Bucket.BALANCE,
        posting.c.asset == span.currency,
    )
    query = (
        select(entry.c.kind, func.count(entry.c.seq.distinct()), func.coalesce(func.sum(posting.c.amount), 0))
        .select_from(entry.outerjoin(posting, own))
        .where(span.entries)
        .group_by(entry.c.kind)
        .order_by(func.min(entry.c.seq))
    )
    return tuple(KindSum(kind=row[0], entries=row[1], amount=row[2]) for row in connection.execute(query))


def _charged(span: _Span, rows: FromClause, query: Select[tuple[object, ...]]) -> Select[tuple[object, ...]]:
    """Return the query over the rows of the span's charges alone."""
    entry = tables.journal_entry
    return query.select_from(entry.join(rows, rows.c.entry_seq == entry.c.seq)).where(
        span.entries, entry.c.kind == EntryKind.CHARGE
    )


def _lines(connection: Connection, span: _Span) -> tuple[ChargeLine, ...]:
    """Return the charges by line of the price list: taxes last, else in the order of blocks and bands."""
    line = tables.charge_line
    keys = (
        line.c.period,
        line.c.supply_id,
        line.c.kind,
        line.c.version_id,
        line.c.block,
        line.c.band,
        line.c.unit_price,
    )
    query = select(
        *keys, func.sum(line.c.quantity).label("quantity"), func.sum(line.c.amount).label("amount")
    )
    rows = connection.execute(_charged(span, line, query).group_by(*keys).limit(MOST_CHARGES + 1)).mappings()
    found = [
        ChargeLine(
            kind=row["kind"],
            supply_id=row["supply_id"],
            period=row["period"],
            tariff_version_id=row["version_id"],
            block=row["block"],
            band=row["band"],
            quantity=row["quantity"],
            unit_price=row["unit_price"],
            amount=row["amount"],
        )
        for row in rows
    ]
    return tuple(sorted(_bounded(found, MOST_CHARGES, "lines of charges"), key=_place))


def _place(line: ChargeLine) -> tuple[object, ...]:
    """Return where a line stands among the others."""
    order = _IN_ORDER.get(line.kind, len(_IN_ORDER))
    return (
        line.period,
        line.supply_id,
        order,
        line.kind,
        line.tariff_version_id,
        line.block or 0,
        line.band or "",
    )


type _Priced = tuple[str, str, str, int | None, str | None]


def _prices(lines: Sequence[ChargeLine]) -> dict[_Priced, int | None]:
    """Return the unit price of each line of the price list; None where it had several in the period."""
    prices: dict[_Priced, int | None] = {}
    for line in lines:
        key = (line.kind, line.supply_id, line.tariff_version_id, line.block, line.band)
        prices[key] = line.unit_price if prices.get(key, line.unit_price) == line.unit_price else None
    return prices


def _days(connection: Connection, span: _Span, prices: dict[_Priced, int | None]) -> tuple[DayCharge, ...]:
    """Return the charges by local day of use, oldest first."""
    segment = tables.segment
    keys = (
        segment.c.local_day,
        segment.c.supply_id,
        segment.c.kind,
        segment.c.version_id,
        segment.c.block,
        segment.c.band,
    )
    query = select(
        *keys,
        func.sum(segment.c.wh).label("wh"),
        func.count().label("times"),
        func.sum(segment.c.amount).label("amount"),
        func.sum(segment.c.tax).label("tax"),
    )
    query = _charged(span, segment, query).group_by(*keys).order_by(*keys).limit(MOST_CHARGES + 1)
    found = [
        DayCharge(
            day=row["local_day"],
            kind=row["kind"],
            supply_id=row["supply_id"],
            tariff_version_id=row["version_id"],
            block=row["block"],
            band=row["band"],
            quantity=row["times"] if row["kind"] == LineKind.STANDING else row["wh"],
            unit_price=prices.get(
                (row["kind"], row["supply_id"], row["version_id"], row["block"], row["band"])
            ),
            amount=row["amount"],
            tax=row["tax"],
        )
        for row in connection.execute(query).mappings()
    ]
    return tuple(_bounded(found, MOST_CHARGES, "charges by day"))


def _entries(connection: Connection, span: _Span) -> tuple[LedgerEntry, ...]:
    """Return every entry that is not a charge, oldest first."""
    entry = tables.journal_entry
    query = select(entry).where(span.entries, entry.c.kind != EntryKind.CHARGE).order_by(entry.c.seq)
    rows = connection.execute(query.limit(MOST_ENTRIES + 1)).mappings().all()
    return ledger_entries(connection, _bounded(rows, MOST_ENTRIES, "entries"))


def _bounded[T](rows: Sequence[T], most: int, what: str) -> Sequence[T]:
    """Return the rows; raises ``TooLongError`` if they are more than a statement holds."""
    if len(rows) > most:
        raise TooLongError(f"the period has more than {most} {what}")
    return rows


def _pending(connection: Connection, account_id: str, start: int) -> NotYetPosted:
    """Return what was used since the last posting, as of the newest state that is stored."""
    status = tables.supply_status
    rows = connection.execute(select(status).where(status.c.account_id == account_id)).mappings().all()
    return NotYetPosted(
        at=iso(max((row["at"] for row in rows), default=start)),
        wh=sum(open_wh(row["document"]) for row in rows),
        amount=sum(row["accrued"] for row in rows),
    )
