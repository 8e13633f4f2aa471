"""Alerts as people see and acknowledge them."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Engine, false, or_, select

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.core.supply.alerts import BOOKS_OF, OF_SITES, AlertKey
from meter_bridge.engine.access.visibility import (
    STAFF,
    Visibility,
    may_see_installation_alert,
    visible_kinds,
)
from meter_bridge.engine.alerts.alerting import event_data
from meter_bridge.engine.alerts.view import alert_view, stored_alert_view
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account, OpenAlert
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AlertView, ErrorCode, EventKind
from meter_bridge.storage import changeset as ops, tables


def read_alerts(
    reader: Engine,
    accounts: Mapping[str, int] | None,
    *,
    sites: Collection[str] | None,
    kinds: Collection[str] | None,
    only_open: bool,
    limit: int,
    language: str,
) -> list[AlertView]:
    """Return alerts of accounts and kinds (None: of all) since an instant each, newest first.

    Those of the installation are for staff of ``sites`` only, those of a site as a whole for staff of their
    own. One that is still open counts, whenever it opened.
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
        if sites is not None:
            of_none = table.c.kind.not_in(OF_SITES) & ~table.c.key.startswith(BOOKS_OF)
            of_site = of_none | table.c.key.in_([*sites, *(f"{BOOKS_OF}{each}" for each in sites)])
            seen |= table.c.account_id.is_(None) & of_site
        query = query.where(seen)
    if kinds is not None:
        query = query.where(table.c.kind.in_(kinds))
    if only_open:
        query = query.where(table.c.closed_at.is_(None))
    with reader.connect() as connection:
        return [stored_alert_view(row, language) for row in connection.execute(query).mappings()]


class AlertService:
    """Lists an engine's alerts, and notes who has seen them."""

    def __init__(self, session: Session, visibility: Visibility) -> None:
        self._session = session
        self._visibility = visibility

    async def views(self, actor: Actor, *, only_open: bool, limit: int) -> Sequence[AlertView]:
        """Return alerts that the actor may see, newest first."""
        staff = actor.role in STAFF
        everything = staff and EVERYTHING in actor.sites
        seen = None
        if not everything:
            seen = {
                account.id: 0 if staff else account.tenancy.start
                for account in self._visibility.visible(actor)
            }
        stored = await asyncio.to_thread(
            read_alerts,
            self._session.reader,
            seen,
            sites=actor.sites if staff else None,
            kinds=visible_kinds(actor),
            only_open=only_open,
            limit=limit,
            language=actor.language,
        )
        unstored = self._session.unstored_alerts().items() if staff else ()
        return [*(alert_view(key, alert, None, actor.language) for key, alert in unstored), *stored][:limit]

    async def acknowledge(self, actor: Actor, alert_id: str) -> AlertView:
        """Acknowledge an open alert; doing so again changes nothing."""
        tx = self._session.begin(actor)
        key, alert, account = self._open_alert(actor, alert_id)
        if alert.acknowledged_at is None:
            alert.acknowledged_at = tx.at
            row = {"row_id": alert.id, "new_acknowledged_at": tx.at, "new_acknowledged_by": actor.name}
            tx.changeset.add(ops.ACKNOWLEDGE_ALERT, row)
            record_event(
                self._session.installation,
                tx,
                EventKind.ALERT_ACKNOWLEDGED,
                account_id=key.account_id,
                meter_id=key.meter_id,
                data={**event_data(key, alert), "by": actor.name},
            )
        view = alert_view(key, alert, account, actor.language)
        await self._session.commit(tx)
        return view

    def _open_alert(self, actor: Actor, alert_id: str) -> tuple[AlertKey, OpenAlert, Account | None]:
        for key, alert, account in self._open_alerts(actor):
            if alert.id == alert_id:
                return key, alert, account
        raise RequestRefused(
            ErrorCode.NOT_FOUND,
            f"there is no open alert {alert_id!r}",
            field="alert",
            value=alert_id,
            remedy="'meter-bridge alerts' lists those that are open",
        )

    def _open_alerts(self, actor: Actor) -> Iterator[tuple[AlertKey, OpenAlert, Account | None]]:
        """Yield the open alerts that the actor may see; staff see those of the installation as well."""
        for key, alert in self._session.installation.alerts.items():
            if may_see_installation_alert(actor, key.kind, key.detail):
                yield key, alert, None
        for account in self._visibility.visible(actor):
            for key, alert in account.alerts.items():
                yield key, alert, account
