"""Alerts as they go over the wire: their texts are made here, of their facts."""

import json

from sqlalchemy import RowMapping

from meter_bridge.core.calendar import iso
from meter_bridge.core.supply.alerts import AlertKey
from meter_bridge.engine.alerts.alerting import site_id_of
from meter_bridge.engine.state.model import Account, OpenAlert
from meter_bridge.protocol.messages import AlertView
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import alert_text
from meter_bridge.text.catalogue import ENGLISH


def stored_alert_view(row: RowMapping, language: str = ENGLISH) -> AlertView:
    """Return a stored alert as it goes over the wire, in the reader's language."""
    alert = OpenAlert(row["id"], json.loads(row["facts"]), row["opened_at"], row["acknowledged_at"])
    key = AlertKey(AlertKind(row["kind"]), row["account_id"], row["meter_id"])
    return _view(key, alert, row["site_id"], row["closed_at"], language)


def alert_view(
    key: AlertKey, alert: OpenAlert, account: Account | None, language: str = ENGLISH
) -> AlertView:
    """Return an open alert as it goes over the wire, in the reader's language."""
    return _view(key, alert, account.site.id if account else site_id_of(key), None, language)


def _view(
    key: AlertKey, alert: OpenAlert, site_id: str | None, closed_at: int | None, language: str
) -> AlertView:
    return AlertView(
        id=alert.id,
        kind=key.kind,
        site_id=site_id,
        account_id=key.account_id,
        meter_id=key.meter_id,
        message=alert_text(key.kind, alert.facts, language),
        opened_at=iso(alert.opened_at),
        acknowledged_at=None if alert.acknowledged_at is None else iso(alert.acknowledged_at),
        closed_at=None if closed_at is None else iso(closed_at),
    )
