"""The figures of a day, for those who look after units."""

from collections.abc import Iterable, Sequence

from meter_bridge.core.alerts import AlertKind
from meter_bridge.core.money import format_amount
from meter_bridge.core.supply import SupplyState
from meter_bridge.engine.state import Account

_LOW = (AlertKind.LOW_CREDIT, AlertKind.DAYS_LEFT)


def figures(
    accounts: Sequence[Account], paid: Iterable[tuple[str, int]], uncertain: int = 0
) -> dict[str, str]:
    """Return what there is to say of some accounts; ``paid`` are accounts and amounts of the last day.

    ``uncertain`` is of how many messages it is not known whether they arrived.
    """
    counts = {
        "off": sum(account.state is not SupplyState.CONNECTED for account in accounts),
        "low": sum(_has(account, _LOW) for account in accounts),
        "offline": sum(key.kind is AlertKind.METER_OFFLINE for each in accounts for key in each.alerts),
        "open": sum(alert.acknowledged_at is None for each in accounts for alert in each.alerts.values()),
        "uncertain": uncertain,
    }
    found = {key: str(count) for key, count in counts.items() if count}
    came_in = _by_currency(accounts, paid)
    if came_in:
        found = {"top_ups": ", ".join(came_in), **found}
    return found if counts["open"] or counts["off"] or uncertain else {**found, "nothing": ""}


def _has(account: Account, kinds: tuple[AlertKind, ...]) -> bool:
    return any(key.kind in kinds for key in account.alerts)


def _by_currency(accounts: Sequence[Account], paid: Iterable[tuple[str, int]]) -> list[str]:
    """Return what came in, a text for each currency."""
    currencies = {account.id: account.site.currency for account in accounts}
    totals: dict[str, int] = {}
    for account_id, amount in paid:
        if account_id in currencies:
            currency = currencies[account_id]
            totals[currency] = totals.get(currency, 0) + amount
    return [format_amount(amount, currency) for currency, amount in sorted(totals.items())]
