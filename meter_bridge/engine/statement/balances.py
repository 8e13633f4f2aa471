"""What a customer had before and after a span of entries, and what moved it.

Holdings are read back from the present ones by the postings of the span, so that they are not the journal's
own running balance, with which they are compared. Of the entries since then, whose number grows with the age
of a statement, the running balance alone is asked where the account never had anything else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, FromClause, and_, func, or_, select

from meter_bridge.core.ledger.journal import Bucket, EntryKind, debt_bucket, units_asset
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.engine.statement.builder import SPENT_AT_ONCE
from meter_bridge.engine.statement.entry_range import LAST_SEQ, EntryRange
from meter_bridge.protocol.statements import Holding, KindSum, UnitsHeld
from meter_bridge.storage import tables
from meter_bridge.storage.exact_sum import exact_sum


def spent_on(kind: str) -> str:
    """Return what an entry of a kind that is no charge spent money on at once, where it has lines."""
    return SPENT_AT_ONCE[0] if kind in (EntryKind.TOP_UP, EntryKind.REVERSAL) else SPENT_AT_ONCE[1]


def is_holding(posting: FromClause, currency: str) -> ColumnElement[bool]:
    """Return the condition that chooses the postings of what the customer has or owes in money."""
    named = posting.c.bucket.in_((Bucket.BALANCE, Bucket.EMERGENCY, Bucket.ARREARS))
    return and_(posting.c.asset == currency, or_(named, posting.c.bucket.startswith(debt_bucket(""))))


type MovedAmounts = Mapping[tuple[str, str], int]
"""What postings moved, by the kind of their entry and by bucket."""


def read_moved_amounts(connection: Connection, entry_range: EntryRange) -> MovedAmounts:
    """Return what the entries moved of what the customer has or owes in money."""
    entry, posting = tables.journal_entry, tables.posting
    query = (
        select(entry.c.kind, posting.c.bucket, exact_sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(entry_range.entries, is_holding(posting, entry_range.currency))
        .group_by(entry.c.kind, posting.c.bucket)
    )
    return {(kind, bucket): amount for kind, bucket, amount in connection.execute(query)}


def sums_by_kind(
    connection: Connection, entry_range: EntryRange, moved: Iterable[MovedAmounts]
) -> tuple[KindSum, ...]:
    """Return what the entries of each kind did, what they spent at once included.

    ``moved`` is what they moved, part by part.
    """
    entry, line = tables.journal_entry, tables.charge_line
    spent = (
        select(entry.c.kind, exact_sum(line.c.amount))
        .select_from(entry.join(line, line.c.entry_seq == entry.c.seq))
        .where(entry_range.credits, line.c.kind != LineKind.INCLUDED_TAX)
        .group_by(entry.c.kind)
    )
    changes: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, amount in connection.execute(spent):
        changes[kind][spent_on(kind)] = amount
    added: defaultdict[tuple[str, str], int] = defaultdict(int)
    for part in moved:
        for key, amount in part.items():
            added[key] += amount
    for kind, bucket in sorted(added, key=lambda key: key[1]):
        changes[kind][bucket] = added[kind, bucket]
    counts = select(entry.c.kind, func.count()).where(entry_range.entries).group_by(entry.c.kind)
    return tuple(
        KindSum(kind=kind, entries=entries, amount=sum(changes[kind].values()), changes=changes[kind])
        for kind, entries in connection.execute(counts.order_by(func.min(entry.c.seq)))
    )


def read_holdings(
    connection: Connection, entry_range: EntryRange, sums: Sequence[KindSum]
) -> tuple[Holding, ...]:
    """Return the holdings before and after; the balance first, the others where there were any."""
    balance = tables.balance
    now = connection.execute(
        select(balance.c.bucket, balance.c.amount)
        .where(balance.c.account_id == entry_range.account_id, is_holding(balance, entry_range.currency))
        .order_by(balance.c.bucket)
    ).all()
    if any(name != Bucket.BALANCE for name, _ in now):
        since = _posted_since(connection, entry_range, is_holding(tables.posting, entry_range.currency))
    else:
        newest = balance_before(connection, entry_range.account_id, LAST_SEQ)
        before_stop = balance_before(connection, entry_range.account_id, entry_range.stop)
        since = {Bucket.BALANCE.value: newest - before_stop}
    holdings = []
    for name, amount in now:
        closing = amount - since.get(name, 0)
        moved = sum(kind_sum.changes.get(name, 0) for kind_sum in sums)
        holdings.append(Holding(name=name, opening=closing - moved, closing=closing))
    own = next((holding for holding in holdings if holding.name == Bucket.BALANCE), None)
    others = (
        holding
        for holding in holdings
        if holding.name != Bucket.BALANCE and (holding.opening or holding.closing)
    )
    return (own or Holding(name=Bucket.BALANCE, opening=0, closing=0), *others)


def balance_before(connection: Connection, account_id: str, seq: int) -> int:
    """Return the balance that the account had before an entry, as the entries themselves tell it."""
    entry = tables.journal_entry.c
    query = select(entry.balance_after).where(entry.account_id == account_id, entry.seq < seq)
    return connection.execute(query.order_by(entry.seq.desc()).limit(1)).scalar() or 0


def _posted_since(
    connection: Connection, entry_range: EntryRange, which: ColumnElement[bool]
) -> dict[str, int]:
    entry, posting = tables.journal_entry, tables.posting
    query = (
        select(posting.c.bucket, exact_sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(entry_range.later, which)
        .group_by(posting.c.bucket)
    )
    return dict(connection.execute(query).tuples().all())


def read_units(connection: Connection, entry_range: EntryRange) -> tuple[UnitsHeld, ...]:
    """Return the units of each supply whose tariff sells or sold them."""
    balance = tables.balance
    balances = connection.execute(
        select(balance.c.asset, balance.c.amount)
        .where(balance.c.account_id == entry_range.account_id, balance.c.bucket == Bucket.UNITS)
        .order_by(balance.c.asset)
    ).tuples()
    return tuple(_units(connection, entry_range, asset, amount) for asset, amount in balances)


def _units(connection: Connection, entry_range: EntryRange, asset: str, now: int) -> UnitsHeld:
    entry, posting = tables.journal_entry, tables.posting
    own = and_(posting.c.bucket == Bucket.UNITS, posting.c.asset == asset)
    charged = (entry.c.kind == EntryKind.CHARGE).label("charged")
    moved = (
        select(charged, exact_sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(entry_range.entries, own)
        .group_by(charged)
    )
    change = {bool(charged): amount for charged, amount in connection.execute(moved)}
    closing = now - _posted_since(connection, entry_range, own).get(Bucket.UNITS, 0)
    bought, used = change.get(False, 0), -change.get(True, 0)
    return UnitsHeld(
        supply_id=asset.removeprefix(units_asset("")),
        opening_wh=closing - bought + used,
        bought_wh=bought,
        used_wh=used,
        closing_wh=closing,
    )
