"""What an actor may see of the engine's state, now and as it changes."""

from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.accounts import view
from meter_bridge.engine.alerts import alerting
from meter_bridge.engine.ledger.entries import read_events
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.state.closed_accounts import closed_account
from meter_bridge.engine.state.model import Account, Meter
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.stream.feed import Feed, Views
from meter_bridge.errors import ACCOUNTS, RequestRefused
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    ErrorCode,
    Event,
    MeterView,
    Role,
    Snapshot,
)

STAFF: Final = (Role.LANDLORD, Role.CARETAKER)


def make_feed(session: Session) -> Feed:
    """Return the feed of an session."""
    look = Visibility(session)
    found = Views(look.snapshot, look.account_or_none, look.site_alerts, look.may_receive)
    return Feed(found, lambda after, upto: read_events(session.reader, after, upto))


def may_see(actor: Actor, account: Account) -> bool:
    """Say whether an actor may see an account; no tenant's token sees a unit in which nobody lives."""
    seen = actor.sees(account.id, account.site.id)
    return seen and (actor.role is not Role.TENANT or account.tenancy.end is None)


class Visibility:
    """Views of the engine's state for one actor."""

    def __init__(self, session: Session, discovery: Discovery | None = None) -> None:
        """Keep the session and what was discovered."""
        self._session = session
        self.discovery = discovery or Discovery()
        self.elsewhere: frozenset[str] = frozenset()
        """Addresses that accounts of other shards use."""

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
                remedy=ACCOUNTS,
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

    def meter(self, actor: Actor, meter_id: str) -> Meter:
        """Return a meter that the actor may see; raises ``RequestRefused`` otherwise."""
        meter = self._session.installation.meters.get(meter_id)
        if meter is None or not may_see(actor, meter.supply.account):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no meter {meter_id!r}",
                field="meter",
                value=meter_id,
                remedy="'meter-bridge meters' lists those that there are",
            )
        return meter

    def account_or_none(self, actor: Actor, account_id: str) -> AccountView | None:
        """Return an account that the actor may see, or None."""
        account = self._session.installation.accounts.get(account_id)
        if account is None or not may_see(actor, account):
            return None
        return view.account_view(account, self._session.clock.now())

    def may_receive(self, actor: Actor, event: Event) -> bool:
        """Say whether an actor may hear of an event: a tenant only of those of the own tenancy."""
        if event.account_id is None:
            return actor.role in STAFF
        account = self._session.installation.accounts.get(event.account_id)
        if account is None or not may_see(actor, account):
            return False
        own = account.tenancy.n
        of_others = event.data.get("kind") == EntryKind.SETTLEMENT or event.data.get("tenancy", own) != own
        return actor.role in STAFF or (account.tenancy.hears(event.seq) and not of_others)

    def site_alerts(self, actor: Actor) -> tuple[AlertView, ...]:
        """Return the open alerts that belong to no account, for those who may hear of them."""
        if actor.role not in STAFF:
            return ()
        found = self._session.installation.alerts | self._session.unstored_alerts()
        return tuple(alerting.view(key, alert, None) for key, alert in found.items())

    def unassigned(self, actor: Actor) -> tuple[MeterView, ...]:
        """Return the discovered meters that nobody has assigned; the first shard's bridge tells of them."""
        if actor.role not in STAFF or self._session.shard.n != 0:
            return ()
        found = self.discovery.views(self._session.installation)
        return tuple(meter for meter in found if meter.address not in self.elsewhere)

    def snapshot(self, actor: Actor) -> Snapshot:
        """Return everything that the actor may see now."""
        now = self._session.clock.now()
        return Snapshot(
            type="snapshot",
            seq=self._session.feed.seq,
            role=actor.role,
            accounts=tuple(view.account_view(account, now) for account in self.visible(actor)),
            unassigned_meters=self.unassigned(actor),
            alerts=self.site_alerts(actor),
        )
