"""Reading who lived where when, and what is left between the landlord and those who moved out."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import EntryKind, tenancy_bucket, tenancy_of
from meter_bridge.core.money import amount_digits
from meter_bridge.protocol.messages import OwedView, TenancyView
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot

type OutstandingByTenancy = dict[tuple[str, int], int]
"""What is left, by account and number of the tenancy."""


@dataclass(frozen=True, slots=True)
class PastTenancy:
    """A tenancy with the journal entries that are its own: from ``first`` up to and without ``stop``."""

    n: int
    customer: str | None
    start: int
    end: int | None
    first_seq: int
    stop_seq: int | None
    outstanding: int


def read_tenancies(
    reader: Engine, actor: Actor, *, account_id: str | None = None, only_outstanding: bool = False
) -> tuple[TenancyView, ...]:
    """Return the tenancies that an actor may see, newest first, those of closed units included."""
    with snapshot(reader) as connection:
        tenancies = tuple(_tenancies(connection, actor, account_id))
    return tuple(tenancy for tenancy in tenancies if tenancy.outstanding or not only_outstanding)


def former_debts(reader: Engine, actor: Actor) -> tuple[OwedView, ...]:
    """Return what customers who moved out still owe, by account and tenancy."""
    return tuple(
        OwedView(
            account_id=tenancy.account_id or "",
            site_id=tenancy.site_id or "",
            tenancy=tenancy.n,
            customer=tenancy.customer,
            former=True,
            kind="tenancy",
            owed=-tenancy.outstanding,
            currency=tenancy.currency or "",
            amount_digits=tenancy.amount_digits or 0,
        )
        for tenancy in reversed(read_tenancies(reader, actor, only_outstanding=True))
        if tenancy.outstanding < 0
    )


def past_tenancy(connection: Connection, account_id: str, n: int) -> PastTenancy | None:
    """Return a tenancy of an account with its part of the journal, or None if there is none."""
    table, entry = tables.tenancy, tables.journal_entry
    query = select(table).where(table.c.account_id == account_id, table.c.n == n)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    stop = None
    if row["end_ms"] is not None:
        # The first closing is the final settlement; one after it closes the time in which nobody lived there.
        closing = select(entry.c.seq).where(
            entry.c.account_id == account_id,
            entry.c.kind == EntryKind.CLOSING,
            entry.c.seq >= row["first_seq"],
        )
        seq = connection.execute(closing.order_by(entry.c.seq).limit(1)).scalar()
        stop = None if seq is None else seq + 1
    left = _outstanding_of(connection, {account_id}).get((account_id, n), 0)
    return PastTenancy(n, row["customer"], row["start_ms"], row["end_ms"], row["first_seq"], stop, left)


def _tenancies(connection: Connection, actor: Actor, account_id: str | None) -> Iterator[TenancyView]:
    table, account, site = tables.tenancy, tables.account, tables.site
    query = select(table, account.c.site_id, account.c.closed_at, site.c.currency, site.c.time_zone)
    query = query.join(account, account.c.id == table.c.account_id).join(site, site.c.id == account.c.site_id)
    if account_id is not None:
        query = query.where(table.c.account_id == account_id)
    left = _outstanding_of(connection, None if account_id is None else {account_id})
    ordered = query.order_by(table.c.start_ms.desc(), table.c.account_id, table.c.n.desc())
    for row in connection.execute(ordered).mappings():
        if not actor.sees(row["account_id"], row["site_id"]):
            continue
        yield TenancyView(
            n=row["n"],
            customer=row["customer"],
            start=iso(row["start_ms"]),
            end=None if row["end_ms"] is None else iso(row["end_ms"]),
            account_id=row["account_id"],
            site_id=row["site_id"],
            time_zone=row["time_zone"],
            currency=row["currency"],
            amount_digits=amount_digits(row["currency"]),
            outstanding=left.get((row["account_id"], row["n"]), 0),
            closed=row["closed_at"] is not None,
        )


def _outstanding_of(connection: Connection, accounts: Collection[str] | None) -> OutstandingByTenancy:
    table = tables.balance
    query = select(table).where(table.c.bucket.startswith(_TENANCY_PREFIX))
    if accounts is not None:
        query = query.where(table.c.account_id.in_(accounts))
    return {
        (row["account_id"], n): row["amount"]
        for row in connection.execute(query).mappings()
        if (n := tenancy_of(row["bucket"])) is not None
    }


_TENANCY_PREFIX = tenancy_bucket(0).removesuffix("0")
