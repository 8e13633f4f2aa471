"""Opening and closing alerts as rows and events of a unit."""

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, Installation, OpenAlert
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import AlertView, EventKind
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import changeset as ops


def set_alert(
    installation: Installation, account: Account | None, tx: Transaction, key: AlertKey, message: str | None
) -> None:
    """Open the alert with its message, or close it where the message is None; no change is no work."""
    book = installation.alerts if account is None else account.alerts
    present = book.get(key)
    if message is not None and present is None:
        _open(installation, account, tx, key, message)
    elif message is None and present is not None:
        _close(installation, account, tx, key, present)


def set_installation_alert(session: Session, kind: AlertKind, message: str | None) -> None:
    """Open or close an alert that belongs to no account; while storage fails it is kept for later."""
    session.installation_alerts[kind] = message
    if session.storage_error:
        return
    tx = Transaction(session.clock.now())
    set_alert(session.installation, None, tx, session.bridge_alert_key(kind), message)
    session.submit(tx)


def record_past_alert(
    installation: Installation, tx: Transaction, key: AlertKey, message: str, opened_at: int
) -> None:
    """Put an alert of the installation on record that opened when nothing could be stored, and is over."""
    _open(installation, None, tx, key, message, opened_at)
    _close(installation, None, tx, key, installation.alerts[key])


def _open(
    installation: Installation,
    account: Account | None,
    tx: Transaction,
    key: AlertKey,
    message: str,
    opened_at: int | None = None,
) -> None:
    """Open an alert, now unless an earlier instant is named."""
    opened_at = tx.at if opened_at is None else opened_at
    alert = OpenAlert(f"alert-{installation.sequences.event + 1}", message, opened_at)
    (installation.alerts if account is None else account.alerts)[key] = alert
    site_id = account.site.id if account else None
    tx.changeset.add(
        ops.INSERT_ALERT,
        {
            "id": alert.id,
            "kind": key.kind,
            "key": key.detail,
            "site_id": site_id,
            "account_id": key.account_id,
            "meter_id": key.meter_id,
            "message": message,
            "opened_at": opened_at,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "closed_at": None,
        },
    )
    _record_event(installation, account, tx, key, alert, EventKind.ALERT_OPENED)


def _close(
    installation: Installation, account: Account | None, tx: Transaction, key: AlertKey, alert: OpenAlert
) -> None:
    del (installation.alerts if account is None else account.alerts)[key]
    tx.changeset.add(ops.CLOSE_ALERT, {"row_id": alert.id, "new_closed_at": tx.at})
    _record_event(installation, account, tx, key, alert, EventKind.ALERT_CLOSED)


def _record_event(
    installation: Installation,
    account: Account | None,
    tx: Transaction,
    key: AlertKey,
    alert: OpenAlert,
    kind: EventKind,
) -> None:
    """Announce the opening or closing of an alert."""
    record_event(
        installation,
        tx,
        kind,
        account_id=account.id if account else None,
        meter_id=key.meter_id,
        data={"id": alert.id, "kind": key.kind.value, "message": alert.message, "detail": key.detail},
    )


def close_all(
    installation: Installation, account: Account, tx: Transaction, kind: AlertKind, keep: AlertKey | None
) -> None:
    """Close every open alert of a kind but one."""
    for key in [key for key in account.alerts if key.kind is kind and key != keep]:
        set_alert(installation, account, tx, key, None)


def alert_view(key: AlertKey, alert: OpenAlert, account: Account | None) -> AlertView:
    """Return an open alert as it goes over the wire."""
    return AlertView(
        id=alert.id,
        kind=key.kind,
        site_id=account.site.id if account else None,
        account_id=key.account_id,
        meter_id=key.meter_id,
        message=alert.message,
        opened_at=iso(alert.opened_at),
        acknowledged_at=None if alert.acknowledged_at is None else iso(alert.acknowledged_at),
        closed_at=None,
    )
