"""Which accounts and meters an actor may see."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.config.problems import nearest
from meter_bridge.core.supply.alerts import BOOKS_OF, FOR_LANDLORDS, OF_SITES, site_of
from meter_bridge.engine.state.closed_accounts import closed_account
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.storage import tables

STAFF: Final = (Role.LANDLORD, Role.CARETAKER)
CUSTOMER_ALERTS: Final = frozenset(
    {
        AlertKind.LOW_CREDIT,
        AlertKind.DAYS_LEFT,
        AlertKind.EMERGENCY_CREDIT_AVAILABLE,
        AlertKind.EMERGENCY_CREDIT_IN_USE,
        AlertKind.EMERGENCY_CREDIT_EXHAUSTED,
        AlertKind.CUT_SOON,
        AlertKind.SUPPLY_CUT,
        AlertKind.SUPPLY_ARMED,
        AlertKind.LOAD_LIMITED,
        AlertKind.PROTECTION_TRIPPED,
        AlertKind.OVER_VOLTAGE,
        AlertKind.UNDER_VOLTAGE,
        AlertKind.OVERLOAD,
        AlertKind.POWER_OUTAGE,
        AlertKind.UNUSUAL_CONSUMPTION,
    }
)
"""Alerts of the own account that a customer sees: what customers can act on, and what they wait for.

The others are for staff alone: suspicions, such as tampering, faults to repair, and decisions to make.
"""


def may_see(actor: Actor, account: Account) -> bool:
    """Return whether an actor may see an account; no tenant's token sees a unit in which nobody lives."""
    seen = actor.sees(account.id, account.site.id)
    return seen and (actor.role is not Role.TENANT or account.tenancy.end is None)


def visible_kinds(actor: Actor) -> frozenset[AlertKind] | None:
    """Return the kinds of alerts that are for an actor; None for all."""
    if actor.role is Role.LANDLORD:
        return None
    return frozenset(AlertKind) - FOR_LANDLORDS if actor.role in STAFF else CUSTOMER_ALERTS


def may_see_alert_kind(actor: Actor, kind: object) -> bool:
    """Return whether alerts of a kind are for an actor; a kind that is not known is for staff."""
    if actor.role not in STAFF:
        return kind in CUSTOMER_ALERTS
    return actor.role is Role.LANDLORD or kind not in FOR_LANDLORDS


def may_see_installation_alert(actor: Actor, kind: str, detail: str) -> bool:
    """Return whether an actor may see an alert of no account: some are of a site, some for landlords."""
    told = actor.role in STAFF and may_see_alert_kind(actor, kind)
    of_site = kind in OF_SITES or detail.startswith(BOOKS_OF)
    return told and (not of_site or EVERYTHING in actor.sites or site_of(kind, detail) in actor.sites)


def _remedy(word: str, known: Sequence[str], listing: str) -> str:
    """Return what lists the known names, after the nearest of them, which may be somebody else's."""
    probable = nearest(word, known)
    return listing if probable is None else f"did you mean {probable!r}? {listing}"


class Visibility:
    """Finds the accounts and meters that an actor may see."""

    def __init__(self, session: Session) -> None:
        """Keep the session."""
        self._session = session

    def visible(self, actor: Actor) -> list[Account]:
        """Return the accounts that an actor may see."""
        accounts = self._session.installation.accounts.values()
        return [account for account in accounts if may_see(actor, account)]

    def account(self, actor: Actor, account_id: str) -> Account:
        """Return an account that the actor may see; raises ``RequestRefused`` otherwise."""
        account = self._session.installation.accounts.get(account_id)
        if account is None or not may_see(actor, account):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no account {account_id!r}",
                field="account",
                value=account_id,
                remedy=_remedy(account_id, [other.id for other in self._suggested(actor)], ACCOUNTS),
            )
        return account

    def account_or_closed(self, actor: Actor, account_id: str) -> Account:
        """Return an account, or what is left of one whose unit is no longer served.

        Else ``RequestRefused``.
        """
        closed = self._closed(actor, account_id) if account_id in self._session.installation.closed else None
        return closed or self.account(actor, account_id)

    def _closed(self, actor: Actor, account_id: str) -> Account | None:
        """Return a closed account that the actor may see, or None."""
        with self._session.reader.connect() as connection:
            found = closed_account(connection, account_id)
        staff = actor.role in STAFF
        return found if staff and found is not None and actor.sees(found.id, found.site.id) else None

    def site_of_another_shard(self, account_id: str) -> str | None:
        """Return the site of an account that is served by another bridge, or None."""
        if account_id in self._session.installation.accounts:
            return None
        stored = select(tables.account.c.site_id).where(tables.account.c.id == account_id)
        with self._session.reader.connect() as connection:
            return connection.execute(stored).scalar()

    def _suggested(self, actor: Actor) -> Sequence[Account]:
        """Return what may have been meant; a tenant gets the same answer whatever there is besides."""
        return self.visible(actor) if actor.role in STAFF else ()

    def meter(self, actor: Actor, meter_id: str) -> Meter:
        """Return a meter that the actor may see; raises ``RequestRefused`` otherwise."""
        meter = self._session.installation.meters.get(meter_id)
        if meter is None or not may_see(actor, meter.supply.account):
            known = [meter.id for account in self._suggested(actor) for meter in account.meters]
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no meter {meter_id!r}",
                field="meter",
                value=meter_id,
                remedy=_remedy(meter_id, known, "'meter-bridge meters' lists those that there are"),
            )
        return meter
