"""Keep every answer within what its reader may see (invariant 15).

The engine refuses foreign accounts itself. These checks stand between it and the wire, so that one that it
ever forgot stays unseen.
"""

from dataclasses import replace

from meter_bridge.actor import Actor
from meter_bridge.api.http.endpoint import Call
from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, AlertView, ErrorCode, Event, Role, Snapshot, Update


def visible_account(call: Call) -> AccountView:
    """Return the account in the route's path; what the actor may not see is refused as not existing."""
    account = call.app.accounts.view(call.actor, call.id)
    if account.id != call.id or not may_see_account(call.actor, account):
        raise RequestRefused(
            ErrorCode.NOT_FOUND,
            f"there is no account {displayable(call.id)!r} that this token may see",
            field="id",
            remedy="GET /api/v1/accounts lists those that there are",
        )
    return account


def may_see_account(actor: Actor, account: AccountView) -> bool:
    """Return whether the actor may see the account."""
    return actor.sees(account.id, account.site_id)


def may_see_alert(actor: Actor, alert: AlertView) -> bool:
    """Return whether an alert concerns the actor: a tenant's are the own account's and the bridge's."""
    return _concerns(actor, alert.account_id, alert.meter_id)


def visible_part(actor: Actor, message: Snapshot | Event | Update) -> Snapshot | Event | Update | None:
    """Return what the actor may see of a message of the stream, or None where that is nothing."""
    match message:
        case Event():
            return message if _concerns(actor, message.account_id, message.meter_id) else None
        case Snapshot():
            return _visible_snapshot(actor, message)
        case Update():
            return _visible_update(actor, message)


def _visible_update(actor: Actor, update: Update) -> Update | None:
    seen = replace(
        update,
        accounts=_visible_accounts(actor, update.accounts),
        removed=tuple(each for each in update.removed if _concerns(actor, each, None)),
        alerts=None if update.alerts is None else _visible_alerts(actor, update.alerts),
    )
    return seen if seen.accounts or seen.removed or seen.alerts is not None else None


def _visible_snapshot(actor: Actor, snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        accounts=_visible_accounts(actor, snapshot.accounts),
        unassigned_meters=() if actor.role is Role.TENANT else snapshot.unassigned_meters,
        alerts=_visible_alerts(actor, snapshot.alerts),
    )


def _visible_accounts(actor: Actor, accounts: tuple[AccountView, ...]) -> tuple[AccountView, ...]:
    return tuple(account for account in accounts if may_see_account(actor, account))


def _visible_alerts(actor: Actor, alerts: tuple[AlertView, ...]) -> tuple[AlertView, ...]:
    return tuple(alert for alert in alerts if may_see_alert(actor, alert))


def _concerns(actor: Actor, account_id: str | None, meter_id: str | None) -> bool:
    if actor.role is not Role.TENANT:
        return True
    return account_id in actor.accounts or (account_id is None and meter_id is None)
