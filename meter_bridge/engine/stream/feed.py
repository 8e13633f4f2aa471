"""Telling subscribers: durable events in order, and changed accounts at most ten times a second."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.engine.access.visibility import (
    STAFF,
    Visibility,
    may_see,
    may_see_alert_kind,
    may_see_installation_alert,
)
from meter_bridge.engine.accounts.view import account_view_for
from meter_bridge.engine.alerts.view import alert_view
from meter_bridge.engine.metering.discovery import Discovery
from meter_bridge.engine.state.events import read_events
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.stored_answers import StoredAnswers
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import (
    AccountView,
    AlertView,
    ErrorCode,
    Event,
    EventKind,
    Snapshot,
    Update,
)

INTERVAL_S: Final = 0.1
MAX_BACKLOG: Final = 10_000
"""Events that a subscriber may be behind before it is cut off."""


class Snapshots:
    """Views of the state for an actor."""

    def __init__(self, session: Session, discovery: Discovery) -> None:
        self._session = session
        self._visibility = Visibility(session)
        self._discovery = discovery

    def account_or_none(self, actor: Actor, account_id: str) -> AccountView | None:
        """Return an account that the actor may see, or None."""
        account = self._session.installation.accounts.get(account_id)
        if account is None or not may_see(actor, account):
            return None
        return account_view_for(actor, account, self._session.clock.now())

    def may_receive(self, actor: Actor, event: Event) -> bool:
        """Return whether an actor may hear of an event: a tenant only of those of the own tenancy."""
        if event.account_id is None:
            return _concerns_staff(actor, event)
        account = self._session.installation.accounts.get(event.account_id)
        if account is None or not may_see(actor, account):
            return False
        if event.kind in _OF_ALERTS and not may_see_alert_kind(actor, event.data.get("kind")):
            return False
        own = account.tenancy.n
        of_others = event.data.get("kind") == EntryKind.SETTLEMENT or event.data.get("tenancy", own) != own
        return actor.role in STAFF or (account.tenancy.includes_event(event.seq) and not of_others)

    def site_alerts(self, actor: Actor) -> tuple[AlertView, ...]:
        """Return the open alerts that belong to no account, for those who may hear of them."""
        found = self._session.installation.alerts | self._session.unstored_alerts()
        return tuple(
            alert_view(key, alert, None, actor.language)
            for key, alert in found.items()
            if may_see_installation_alert(actor, key.kind, key.detail)
        )

    def snapshot(self, actor: Actor) -> Snapshot:
        """Return everything that the actor may see now."""
        now = self._session.clock.now()
        return Snapshot(
            type="snapshot",
            seq=self._session.feed.seq,
            role=actor.role,
            accounts=tuple(
                account_view_for(actor, account, now) for account in self._visibility.visible(actor)
            ),
            unassigned_meters=self._discovery.unassigned(actor, self._session.installation),
            alerts=self.site_alerts(actor),
        )


_OF_ALERTS: Final = frozenset({EventKind.ALERT_OPENED, EventKind.ALERT_CLOSED, EventKind.ALERT_ACKNOWLEDGED})
_OF_EVERY_SITE: Final = _OF_ALERTS | {EventKind.CLOCK_CONFIRMED}
"""Events of no account that staff of any site hear of: they may name no other site."""


def _concerns_staff(actor: Actor, event: Event) -> bool:
    """Return whether an actor may hear of an event of no account."""
    seen = EVERYTHING in actor.sites or event.kind in _OF_EVERY_SITE
    kind, detail = str(event.data.get("kind", "")), str(event.data.get("detail", ""))
    return seen and may_see_installation_alert(actor, kind, detail)


@dataclass(slots=True, eq=False)
class Subscription:
    """A subscriber with what it has not yet been told."""

    actor: Actor
    events: deque[Event] = field(default_factory=deque)
    accounts: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    alerts_changed: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: RequestRefused | None = None


class Feed:
    """All subscribers of the bridge."""

    def __init__(self, session: Session, snapshots: Snapshots) -> None:
        self._session = session
        self._snapshots = snapshots
        self._answers = StoredAnswers(session)
        self._subscriptions: set[Subscription] = set()
        self.seq = session.installation.sequences.event
        """Newest durable event that was committed."""

    @property
    def subscribers(self) -> int:
        """Return how many are listening."""
        return len(self._subscriptions)

    def publish(self, event: Event) -> None:
        """Tell an event that was committed."""
        self.seq = event.seq
        for subscription in list(self._subscriptions):
            if self._snapshots.may_receive(subscription.actor, event):
                subscription.events.append(event)
                subscription.changed.set()
                if len(subscription.events) > MAX_BACKLOG:
                    self._end(
                        subscription,
                        ErrorCode.TOO_MANY_REQUESTS,
                        "reading too slowly",
                        "subscribe again with the last seq as since",
                    )

    def _end(self, subscription: Subscription, code: ErrorCode, message: str, remedy: str) -> None:
        """End a subscription; what waits for it is dropped, so that its memory cannot grow."""
        subscription.ended = RequestRefused(code, message, remedy=remedy)
        subscription.events.clear()
        subscription.changed.set()
        self._subscriptions.discard(subscription)

    def mark_changed(self, account_id: str) -> None:
        """Note that an account changed."""
        for subscription in self._subscriptions:
            subscription.accounts.add(account_id)
            subscription.changed.set()

    def remove(self, account_id: str, site_id: str) -> None:
        """Note that an account is gone; only those hear of it who could see it (invariant 15)."""
        for subscription in self._subscriptions:
            if subscription.actor.sees(account_id, site_id):
                subscription.removed.add(account_id)
                subscription.changed.set()

    def mark_alerts_changed(self) -> None:
        """Note that an alert of the installation opened or closed."""
        for subscription in self._subscriptions:
            subscription.alerts_changed = True
            subscription.changed.set()

    def end_for_token(self, token_id: str) -> None:
        """End the subscriptions of a revoked token."""
        for subscription in list(self._subscriptions):
            if subscription.actor.token_id == token_id:
                self._end(
                    subscription, ErrorCode.NOT_AUTHENTICATED, "the token was revoked", "use another token"
                )

    def end(self) -> None:
        """End every subscription, as when the bridge stops."""
        for subscription in list(self._subscriptions):
            self._end(
                subscription, ErrorCode.STORAGE_UNAVAILABLE, "the bridge is stopping", "connect again later"
            )

    async def stream(self, actor: Actor, *, since: int | None) -> AsyncIterator[Snapshot | Event | Update]:
        """Yield a snapshot, what was missed, then what happens."""
        subscription = Subscription(actor)
        self._subscriptions.add(subscription)
        try:
            snapshot = await self._answers.reading(partial(self._take_snapshot, actor))
            upto = snapshot.seq
            yield snapshot
            while since is not None and since < upto:
                missed = await asyncio.to_thread(read_events, self._session.reader, since, upto)
                for event in missed:
                    if self._snapshots.may_receive(actor, event):
                        yield event
                since = missed[-1].seq if missed else None
            while True:
                async for message in self._next(subscription):
                    yield message
        finally:
            self._subscriptions.discard(subscription)

    async def _next(self, subscription: Subscription) -> AsyncIterator[Event | Update]:
        await subscription.changed.wait()
        subscription.changed.clear()
        while subscription.events:
            yield subscription.events.popleft()
        if subscription.ended is not None:
            raise subscription.ended
        update = await self._update(subscription)
        if update is not None:
            yield update
            await asyncio.sleep(INTERVAL_S)

    async def _take_snapshot(self, actor: Actor) -> Snapshot:
        return self._snapshots.snapshot(actor)

    async def _accounts(self, actor: Actor, account_ids: Iterable[str]) -> tuple[AccountView, ...]:
        views = [self._snapshots.account_or_none(actor, account_id) for account_id in sorted(account_ids)]
        return tuple(view for view in views if view is not None)

    async def _update(self, subscription: Subscription) -> Update | None:
        changed, subscription.accounts = subscription.accounts, set()
        removed, subscription.removed = subscription.removed, set()
        alerts, subscription.alerts_changed = subscription.alerts_changed, False
        actor = subscription.actor
        try:
            accounts = await self._answers.reading(partial(self._accounts, actor, changed))
        except RequestRefused:
            accounts = ()  # all of them follow as soon as the state was read again
        if not accounts and not removed and not alerts:
            return None
        return Update(
            type="update",
            accounts=accounts,
            removed=tuple(sorted(removed)),
            alerts=self._snapshots.site_alerts(actor) if alerts else None,
        )
