"""The alerts of payments that wait for a landlord: one for each site, and one of those that name no order."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.money import MoneyError, format_amount
from meter_bridge.core.supply.alerts import AlertFacts, AlertKey
from meter_bridge.engine.alerts.alerting import set_alert
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.payments.order import PaymentCase, review_items
from meter_bridge.protocol.vocabulary import AlertKind

NO_ORDER: Final = ""
"""In place of a site: payments that name no order belong to the installation."""
UNKNOWN_SUM: Final = "?"


@dataclass(frozen=True, slots=True)
class WaitingAtSite:
    """A case with something that waits, and the site of its order."""

    site_id: str
    case: PaymentCase


def waiting_facts(
    waiting: Iterable[WaitingAtSite], names: Mapping[str, tuple[str, str]]
) -> dict[str, AlertFacts]:
    """Return the facts of what waits by site, whose name and time zone are given."""
    by_site: dict[str, list[PaymentCase]] = {}
    for each in waiting:
        by_site.setdefault(each.site_id, []).append(each.case)
    return {site_id: _facts(cases, names.get(site_id)) for site_id, cases in by_site.items()}


def _facts(cases: Sequence[PaymentCase], site: tuple[str, str] | None) -> AlertFacts:
    items = [(item.event, case.order) for case in cases for item in review_items(case)]
    since = min(event.happened_at or (order.created_at if order else 0) for event, order in items)
    sums: Counter[str] = Counter()
    for event, _ in items:
        sums[event.currency or ""] += event.amount or 0
    written = [text for currency, amount in sorted(sums.items()) if (text := _written(amount, currency))]
    facts: AlertFacts = {"payments": len(items), "sums": ", ".join(written) or UNKNOWN_SUM, "since_ms": since}
    if site is None:
        return {"case": "no_order", **facts}
    name, time_zone = site
    return {"case": "of_site", "name": name, "time_zone": time_zone, **facts}


def _written(amount: int, currency: str) -> str:
    """Return an amount for people; nothing where its provider did not say how much, or of what."""
    try:
        return format_amount(amount, currency) if amount else ""
    except MoneyError:
        return ""


def update_waiting_alerts(session: Session, facts: Mapping[str, AlertFacts]) -> None:
    """Let exactly these alerts be open; one that would say something else is opened again."""
    if session.storage_error is not None:
        return
    wanted = {
        AlertKey(AlertKind.PAYMENT_WAITING, detail=site_id or session.shard.mark): each
        for site_id, each in facts.items()
    }
    alerts, tx = session.installation.alerts, Transaction(session.clock.now())
    for key in [key for key in alerts if key.kind is AlertKind.PAYMENT_WAITING]:
        if alerts[key].facts != wanted.get(key):
            set_alert(session.installation, None, tx, key, None)
    for key, each in wanted.items():
        set_alert(session.installation, None, tx, key, each)
    session.submit(tx)
