"""What an actor sees of the state, now and as it changes."""

from meter_bridge.actor import Actor
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.access.visibility import STAFF, Visibility, may_see
from meter_bridge.engine.accounts.view import account_view
from meter_bridge.engine.alerts.alerting import alert_view
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.state.event_queries import read_events
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.stream.feed import Feed, Views
from meter_bridge.protocol.messages import AccountView, AlertView, Event, Snapshot


class Snapshots:
    """Views of the state for an actor."""

    def __init__(self, session: Session, discovery: Discovery) -> None:
        """Keep the session and the meters that nobody has assigned."""
        self._session = session
        self._visibility = Visibility(session)
        self._discovery = discovery

    def feed(self) -> Feed:
        """Return a feed that publishes these views as they change."""
        views = Views(self.snapshot, self.account_or_none, self.site_alerts, self.may_receive)
        return Feed(views, lambda after, upto: read_events(self._session.reader, after, upto))

    def account_or_none(self, actor: Actor, account_id: str) -> AccountView | None:
        """Return an account that the actor may see, or None."""
        account = self._session.installation.accounts.get(account_id)
        if account is None or not may_see(actor, account):
            return None
        return account_view(account, self._session.clock.now())

    def may_receive(self, actor: Actor, event: Event) -> bool:
        """Return whether an actor may hear of an event: a tenant only of those of the own tenancy."""
        if event.account_id is None:
            return actor.role in STAFF
        account = self._session.installation.accounts.get(event.account_id)
        if account is None or not may_see(actor, account):
            return False
        own = account.tenancy.n
        of_others = event.data.get("kind") == EntryKind.SETTLEMENT or event.data.get("tenancy", own) != own
        return actor.role in STAFF or (account.tenancy.includes_event(event.seq) and not of_others)

    def site_alerts(self, actor: Actor) -> tuple[AlertView, ...]:
        """Return the open alerts that belong to no account, for those who may hear of them."""
        if actor.role not in STAFF:
            return ()
        found = self._session.installation.alerts | self._session.unstored_alerts()
        return tuple(alert_view(key, alert, None) for key, alert in found.items())

    def snapshot(self, actor: Actor) -> Snapshot:
        """Return everything that the actor may see now."""
        now = self._session.clock.now()
        return Snapshot(
            type="snapshot",
            seq=self._session.feed.seq,
            role=actor.role,
            accounts=tuple(account_view(account, now) for account in self._visibility.visible(actor)),
            unassigned_meters=self._discovery.unassigned(actor, self._session.installation),
            alerts=self.site_alerts(actor),
        )
