"""The figures of a day, for those who look after units."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func, select

from meter_bridge.notify.templates import Figures, Money
from meter_bridge.protocol.vocabulary import AlertKind, SupplyState
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot

_LOW = (AlertKind.LOW_CREDIT, AlertKind.DAYS_LEFT)


@dataclass(frozen=True, slots=True)
class DigestUnit:
    """What a digest needs to know of a unit."""

    id: str
    site_id: str
    currency: str
    connected: bool
    alerts: Sequence[tuple[AlertKind, bool]]
    """Kind of each open alert, and whether it was acknowledged."""


def digest_figures(
    accounts: Sequence[DigestUnit], paid: Iterable[tuple[str, int]], uncertain: int = 0
) -> Figures:
    """Return the figures of some accounts; ``paid`` are accounts and amounts of the last day.

    ``uncertain`` is the number of messages that may not have arrived.
    """
    alerts = [alert for account in accounts for alert in account.alerts]
    counts = {
        "off": sum(not account.connected for account in accounts),
        "low": sum(any(kind in _LOW for kind, _ in account.alerts) for account in accounts),
        "offline": sum(kind is AlertKind.METER_OFFLINE for kind, _ in alerts),
        "open": sum(not acknowledged for _, acknowledged in alerts),
        "uncertain": uncertain,
    }
    return Figures(_by_currency(accounts, paid), {key: count for key, count in counts.items() if count})


def _by_currency(accounts: Sequence[DigestUnit], paid: Iterable[tuple[str, int]]) -> list[Money]:
    currencies = {account.id: account.currency for account in accounts}
    totals = Counter[str]()
    for account_id, amount in paid:
        if account_id in currencies:
            totals[currencies[account_id]] += amount
    return [Money(amount, currency) for currency, amount in sorted(totals.items())]


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
