"""Opening and closing alerts as rows and events of a unit; their texts are made where they are read."""

import json
from typing import Final

from meter_bridge.core.supply.alerts import AlertFacts, AlertKey, site_of
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation, OpenAlert
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops

CASE: Final = "case"
"""The fact that chooses among the texts of a kind."""


def set_alert(
    installation: Installation,
    account: Account | None,
    tx: Transaction,
    key: AlertKey,
    facts: AlertFacts | None,
) -> None:
    """Open the alert with its facts, or close it where they are None; no change is no work.

    The name, currency and time zone of its account and the id of its meter need not be among the facts.
    """
    open_alerts = installation.alerts if account is None else account.alerts
    present = open_alerts.get(key)
    if facts is not None and present is None:
        _open(installation, account, tx, key, facts, tx.at)
    elif facts is None and present is not None:
        del open_alerts[key]
        tx.changeset.add(ops.CLOSE_ALERT, {"row_id": present.id, "new_closed_at": tx.at})
        _record_event(installation, tx, key, present, EventKind.ALERT_CLOSED)


def update_alert(
    installation: Installation,
    account: Account | None,
    tx: Transaction,
    key: AlertKey,
    facts: AlertFacts | None,
) -> None:
    """Open, keep or close the alert; one that is open for another case is closed and opened again."""
    present = (installation.alerts if account is None else account.alerts).get(key)
    if present is None or facts is None or present.facts.get(CASE) != facts.get(CASE):
        set_alert(installation, account, tx, key, None)
        set_alert(installation, account, tx, key, facts)


def set_installation_alert(session: Session, kind: AlertKind, facts: AlertFacts | None) -> None:
    """Open or close an alert that belongs to no account; while storage fails it is kept for later."""
    session.installation_alerts[kind] = facts
    if session.storage_error:
        return
    tx = Transaction(session.clock.now())
    update_alert(session.installation, None, tx, session.bridge_alert_key(kind), facts)
    session.submit(tx)


def record_past_alert(
    installation: Installation, tx: Transaction, key: AlertKey, facts: AlertFacts, opened_at: int
) -> None:
    """Put an alert of the installation on record that opened when nothing could be stored, and is over."""
    _open(installation, None, tx, key, facts, opened_at)
    set_alert(installation, None, tx, key, None)


def _open(
    installation: Installation,
    account: Account | None,
    tx: Transaction,
    key: AlertKey,
    facts: AlertFacts,
    opened_at: int,
) -> None:
    facts = {**_facts_of_account(account, key), **facts}
    alert = OpenAlert(f"alert-{installation.sequences.event + 1}", facts, opened_at)
    (installation.alerts if account is None else account.alerts)[key] = alert
    tx.changeset.add(
        ops.INSERT_ALERT,
        {
            "id": alert.id,
            "kind": key.kind,
            "key": key.detail,
            "site_id": site_id_of(key) if account is None else account.site.id,
            "account_id": key.account_id,
            "meter_id": key.meter_id,
            "facts": json.dumps(facts, separators=(",", ":")),
            "opened_at": opened_at,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "closed_at": None,
        },
    )
    _record_event(installation, tx, key, alert, EventKind.ALERT_OPENED)


def site_id_of(key: AlertKey) -> str | None:
    """Return the site that an alert of no account belongs to as a whole, or None."""
    return site_of(key.kind, key.detail) or None


def _facts_of_account(account: Account | None, key: AlertKey) -> AlertFacts:
    if account is None:
        return {}
    facts = {"name": account.name, "currency": account.site.currency, "time_zone": account.site.time_zone}
    return facts | ({} if key.meter_id is None else {"meter": key.meter_id})


def event_data(key: AlertKey, alert: OpenAlert) -> dict[str, object]:
    """Return what every event about an alert says of it."""
    return {"id": alert.id, "kind": key.kind.value, "facts": alert.facts, "detail": key.detail}


def _record_event(
    installation: Installation, tx: Transaction, key: AlertKey, alert: OpenAlert, kind: EventKind
) -> None:
    record_event(
        installation,
        tx,
        kind,
        account_id=key.account_id,
        meter_id=key.meter_id,
        data=event_data(key, alert),
    )
