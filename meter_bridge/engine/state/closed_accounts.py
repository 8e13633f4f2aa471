"""Accounts of units that are no longer served: their books stay readable, and former customers can settle."""

from sqlalchemy import Connection, select

from meter_bridge.config.codec import decode_policy
from meter_bridge.engine.state.model import Account, Site, Tenancy, move
from meter_bridge.storage import tables


def closed_account(connection: Connection, account_id: str) -> Account | None:
    """Return a closed account with what it had and owed, without supplies; None if there is none."""
    account, site = tables.account, tables.site
    query = select(account, site.c.name.label("site_name"), site.c.time_zone, site.c.currency)
    query = query.join(site, site.c.id == account.c.site_id)
    closed = query.where(account.c.id == account_id, account.c.closed_at.is_not(None))
    row = connection.execute(closed).mappings().first()
    if row is None:
        return None
    place = Site(row["site_id"], row["site_name"], row["time_zone"], row["currency"])
    found = Account(
        row["id"], place, row["name"], row["customer"], decode_policy(row["policy"]), row["opened_at"]
    )
    found.closed_at = row["closed_at"]
    found.tenancy = _newest_tenancy(connection, account_id)
    balance = tables.balance
    held = select(balance).where(balance.c.account_id == account_id, balance.c.asset == place.currency)
    for posting in connection.execute(held).mappings():
        move(found, posting["bucket"], posting["amount"])
    return found


def _newest_tenancy(connection: Connection, account_id: str) -> Tenancy:
    table = tables.tenancy
    query = select(table).where(table.c.account_id == account_id).order_by(table.c.n.desc()).limit(1)
    row = connection.execute(query).mappings().one()
    return Tenancy(row["n"], row["start_ms"], row["first_seq"], row["first_event"], row["end_ms"])
