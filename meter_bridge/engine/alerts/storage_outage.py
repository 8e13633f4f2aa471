"""A storage outage that is over comes on record, with its beginning and its end."""

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.engine.alerts.alerting import record_past_alert
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction


def record_outage(session: Session, tx: Transaction, reason: str) -> None:
    """Put on record, as part of a transaction, from when to when nothing could be stored."""
    outage = session.storage_outage
    if outage.since is None:
        return
    message = (
        f"Nothing was charged or switched, and no top-up was taken, from {iso(outage.since)}"
        f" to {iso(tx.at)}: {reason}. What was used is charged from the meters' registers;"
        " look at the disk of the database before it happens again"
    )
    key = session.bridge_alert_key(AlertKind.STORAGE_FAILING)
    record_past_alert(session.installation, tx, key, message, outage.since)
    tx.after_commit(outage.end)
