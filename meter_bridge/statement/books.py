"""Reading what a statement is made of from the journal, all of it as of one instant.

An account's entries stand in the order of ``seq``; a period begins with the first of them that was booked in
it. So an entry with an instant of the past, such as a late reading's, never enters a statement already made.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
import json
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, and_, func, or_, select

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger import Bucket, EntryKind, debt_bucket
from meter_bridge.core.rating import LineKind
from meter_bridge.engine.document import open_wh
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, Holding, KindSum, NotYetPosted, StatementEntry
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
        sums = _sums(connection, span)
        balances = (
            _balance_before(connection, account_id, first),
            _balance_before(connection, account_id, stop),
        )
        return Books(
            holdings=_holdings(connection, span, sums),
            balances=balances,
            sums=sums,
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


def _holding(posting: FromClause, currency: str) -> ColumnElement[bool]:
    """Return the condition that chooses the postings of what the customer has or owes."""
    named = posting.c.bucket.in_((Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS))
    return and_(posting.c.asset == currency, or_(named, posting.c.bucket.startswith(debt_bucket(""))))


def _sums(connection: Connection, span: _Span) -> tuple[KindSum, ...]:
    """Return what the entries of each kind did to the holdings, from their postings."""
    entry, posting = tables.journal_entry, tables.posting
    counts = connection.execute(
        select(entry.c.kind, func.count())
        .where(span.entries)
        .group_by(entry.c.kind)
        .order_by(func.min(entry.c.seq))
    )
    moved = connection.execute(
        select(entry.c.kind, posting.c.bucket, func.sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(span.entries, _holding(posting, span.currency))
        .group_by(entry.c.kind, posting.c.bucket)
        .order_by(posting.c.bucket)
    )
    changes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, bucket, amount in moved:
        changes[kind][bucket] = amount
    return tuple(
        KindSum(kind=kind, entries=entries, amount=sum(changes[kind].values()), changes=changes[kind])
        for kind, entries in counts
    )


def _holdings(connection: Connection, span: _Span, sums: Sequence[KindSum]) -> tuple[Holding, ...]:
    """Return the holdings before and after the span: those of now, less what was posted since."""
    entry, posting, balance = tables.journal_entry, tables.posting, tables.balance
    now = connection.execute(
        select(balance.c.bucket, balance.c.amount).where(
            balance.c.account_id == span.account_id, _holding(balance, span.currency)
        )
    )
    later = connection.execute(
        select(posting.c.bucket, func.sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(
            entry.c.account_id == span.account_id, entry.c.seq >= span.stop, _holding(posting, span.currency)
        )
        .group_by(posting.c.bucket)
    )
    since = dict(later.tuples().all())
    found = [
        Holding(name=name, opening=closing - sum(each.changes.get(name, 0) for each in sums), closing=closing)
        for name, closing in sorted((name, amount - since.get(name, 0)) for name, amount in now.tuples())
    ]
    own = next((each for each in found if each.name == Bucket.BALANCE), None)
    others = (each for each in found if each.name != Bucket.BALANCE and (each.opening or each.closing))
    return (own or Holding(name=Bucket.BALANCE, opening=0, closing=0), *others)


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


def _entries(connection: Connection, span: _Span) -> tuple[StatementEntry, ...]:
    """Return every entry that is not a charge, oldest first."""
    entry, posting = tables.journal_entry, tables.posting
    wanted = and_(span.entries, entry.c.kind != EntryKind.CHARGE)
    query = select(entry).where(wanted).order_by(entry.c.seq).limit(MOST_ENTRIES + 1)
    rows = _bounded(connection.execute(query).mappings().all(), MOST_ENTRIES, "entries")
    changes: defaultdict[int, dict[str, int]] = defaultdict(dict)
    moved = (
        select(posting.c.entry_seq, posting.c.bucket, func.sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(wanted, _holding(posting, span.currency))
        .group_by(posting.c.entry_seq, posting.c.bucket)
        .order_by(posting.c.entry_seq, func.min(posting.c.n))
    )
    for seq, bucket, amount in connection.execute(moved):
        changes[seq][bucket] = amount
    return tuple(
        StatementEntry(
            seq=row["seq"],
            id=row["id"],
            at=iso(row["at"]),
            kind=row["kind"],
            description=row["description"],
            reference=json.loads(row["detail"]).get("reference"),
            refers_to=row["refers_to"],
            amount=sum(changes[row["seq"]].values()),
            changes=changes[row["seq"]],
            balance_after=row["balance_after"],
        )
        for row in rows
    )


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
