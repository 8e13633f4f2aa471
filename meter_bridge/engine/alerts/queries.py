"""Stored alerts, read back."""

from collections.abc import Mapping

from sqlalchemy import Engine, RowMapping, false, or_, select

from meter_bridge.core.calendar import iso
from meter_bridge.protocol.messages import (
    AlertKind,
    AlertView,
)
from meter_bridge.storage import tables


def read_alerts(
    reader: Engine, accounts: Mapping[str, int] | None, *, staff: bool, only_open: bool, limit: int
) -> list[AlertView]:
    """Return alerts of accounts (None: of all) since an instant each, newest first.

    Those of the installation are for staff only. One that is still open counts, whenever it opened.
    """
    table = tables.alert
    query = select(table).order_by(table.c.opened_at.desc(), table.c.id.desc()).limit(limit)
    if accounts is not None:
        seen = or_(
            false(),
            *(
                (table.c.account_id == account_id)
                & ((table.c.opened_at >= since) | table.c.closed_at.is_(None))
                for account_id, since in accounts.items()
            ),
        )
        query = query.where(seen | table.c.account_id.is_(None) if staff else seen)
    if only_open:
        query = query.where(table.c.closed_at.is_(None))
    with reader.connect() as connection:
        return [_alert_view(row) for row in connection.execute(query).mappings()]


def _alert_view(row: RowMapping) -> AlertView:
    """Return a stored alert as it goes over the wire."""
    return AlertView(
        id=row["id"],
        kind=AlertKind(row["kind"]),
        site_id=row["site_id"],
        account_id=row["account_id"],
        meter_id=row["meter_id"],
        message=row["message"],
        opened_at=iso(row["opened_at"]),
        acknowledged_at=None if row["acknowledged_at"] is None else iso(row["acknowledged_at"]),
        closed_at=None if row["closed_at"] is None else iso(row["closed_at"]),
    )
