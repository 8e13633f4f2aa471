"""The figures of a day, for those who look after units."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.core.supply.decision import SupplyState
from meter_bridge.engine.state.model import Account
from meter_bridge.notify.templates import Figures, Money

_LOW = (AlertKind.LOW_CREDIT, AlertKind.DAYS_LEFT)


@dataclass(frozen=True, slots=True)
class DigestUnit:
    """What a digest wants to know of a unit."""

    id: str
    site_id: str
    currency: str
    connected: bool
    alerts: Sequence[tuple[AlertKind, bool]]
    """Kind of each open alert, and whether it was acknowledged."""


def digest_unit(account: Account) -> DigestUnit:
    """Return a unit as it is in memory."""
    alerts = tuple((key.kind, each.acknowledged_at is not None) for key, each in account.alerts.items())
    connected = account.state is SupplyState.CONNECTED
    return DigestUnit(account.id, account.site.id, account.site.currency, connected, alerts)


def digest_figures(
    accounts: Sequence[DigestUnit], paid: Iterable[tuple[str, int]], uncertain: int = 0
) -> Figures:
    """Return what there is to say of some accounts; ``paid`` are accounts and amounts of the last day.

    ``uncertain`` is of how many messages it is not known whether they arrived.
    """
    counts = {
        "off": sum(not account.connected for account in accounts),
        "low": sum(_has_alert(account, _LOW) for account in accounts),
        "offline": sum(kind is AlertKind.METER_OFFLINE for each in accounts for kind, _ in each.alerts),
        "open": sum(not acknowledged for each in accounts for _, acknowledged in each.alerts),
        "uncertain": uncertain,
    }
    return Figures(_by_currency(accounts, paid), {key: count for key, count in counts.items() if count})


def _has_alert(account: DigestUnit, kinds: tuple[AlertKind, ...]) -> bool:
    return any(kind in kinds for kind, _ in account.alerts)


def _by_currency(accounts: Sequence[DigestUnit], paid: Iterable[tuple[str, int]]) -> list[Money]:
    """Return what came in, a sum for each currency."""
    currencies = {account.id: account.currency for account in accounts}
    totals: dict[str, int] = {}
    for account_id, amount in paid:
        if account_id in currencies:
            currency = currencies[account_id]
            totals[currency] = totals.get(currency, 0) + amount
    return [Money(amount, currency) for currency, amount in sorted(totals.items())]
