"""What a digest tells of the units of all shards, which other bridges keep in memory: from the database."""

from collections import defaultdict
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select

from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.core.supply.decision import SupplyState
from meter_bridge.notify.digest import DigestUnit
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot


def read_digest_units(reader: Engine) -> list[DigestUnit]:
    """Return every unit as its bridge stored it last, a second ago at most."""
    account, site, status, alert = tables.account, tables.site, tables.account_status, tables.alert
    units = (
        select(
            account.c.id,
            account.c.site_id,
            site.c.currency,
            func.coalesce(status.c.supply_state, SupplyState.CONNECTED.value),
        )
        .select_from(
            account.join(site, site.c.id == account.c.site_id).outerjoin(
                status, status.c.account_id == account.c.id
            )
        )
        .where(account.c.closed_at.is_(None))
        .order_by(account.c.id)
    )
    still_open = select(alert.c.account_id, alert.c.kind, alert.c.acknowledged_at).where(
        alert.c.closed_at.is_(None), alert.c.account_id.is_not(None)
    )
    alerts: dict[str, list[tuple[AlertKind, bool]]] = defaultdict(list)
    with snapshot(reader) as connection:
        for account_id, kind, acknowledged_at in connection.execute(still_open):
            alerts[account_id].append((AlertKind(kind), acknowledged_at is not None))
        return [
            DigestUnit(row[0], row[1], row[2], row[3] == SupplyState.CONNECTED, tuple(alerts[row[0]]))
            for row in connection.execute(units)
        ]


def read_zones(reader: Engine) -> dict[str, ZoneInfo]:
    """Return the time zone of each site, in the order of their ids."""
    site = tables.site
    query = select(site.c.id, site.c.time_zone).order_by(site.c.id)
    with reader.connect() as connection:
        return {row[0]: ZoneInfo(row[1]) for row in connection.execute(query)}
