"""Making notices of durable events: each event is consumed exactly once, whatever restarts between.

The notices of some events and the position behind these are stored in one transaction.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
import json
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import local_time
from meter_bridge.engine.forecasting.stored_forecast import estimate_days_left
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.state.events import read_events
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.notify import digest, queries
from meter_bridge.notify.digest import digest_figures
from meter_bridge.notify.people import People, Person
from meter_bridge.notify.rules import FLAPPING, Notice, NotifiedUnit, notices_for, topic_of
from meter_bridge.notify.templates import Facts, Money, digest_message, prepare
from meter_bridge.protocol.messages import Event
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import changeset as ops

DAY_MS: Final = 86_400_000
REPEAT_MS: Final = 3_600_000
DIGEST: Final = "digest"
FIRST_DIGEST_WITHIN: Final = timedelta(minutes=10)
"""A person's first digest is made at its time of day, not hours after it."""
_PAGE: Final = 500


class EventConsumer:
    """Goes through the events of a session."""

    def __init__(self, session: Session, people: People, link: str | None) -> None:
        self._session = session
        self._people = people
        self._link = link or ""
        self._position: queries.ConsumerPosition | None = None
        self._zones_of: tuple[int, Mapping[str, ZoneInfo]] | None = None

    @property
    def has_nobody_to_notify(self) -> bool:
        """Return whether there is nobody to tell."""
        people = self._people
        return not people.staff and people.email is None and people.phone is None

    async def tick(self) -> None:
        """Make the notices of what events since the last time, and the digests that are due."""
        session = self._session
        if self.has_nobody_to_notify or not session.can_change:
            return
        if self._position is None:
            stored = await asyncio.to_thread(queries.read_position, session.reader, session.shard)
            if stored is None:
                await self._store((), queries.ConsumerPosition(session.feed.seq, {}))
            else:
                self._position = stored
            return
        await self._consume(self._position)
        if session.shard.n == 0:
            await self._make_digests(self._position)

    async def _consume(self, position: queries.ConsumerPosition) -> None:
        session = self._session
        upto = min(session.feed.seq, position.event_seq + _PAGE)
        if upto <= position.event_seq:
            return
        events = await asyncio.to_thread(read_events, session.reader, position.event_seq, upto)
        now = session.clock.now()
        notable = [event for event in events if topic_of(event) is not None and _is_recent(event, now)]
        contacts = await self._contacts(notable)
        if notable:
            languages = {person.language for person in self._people.staff.values()}
            languages |= {self._people.language, *(contact.language for contact in contacts.values())}
            await asyncio.to_thread(prepare, languages)
        new_notices = [notice for event in notable for notice in self._notices(event, contacts, now)]
        new_notices = await self._without_repeats(new_notices, session.clock.believed_wall())
        await self._store(
            new_notices, queries.ConsumerPosition(events[-1].seq if events else upto, position.digests)
        )

    async def _without_repeats(self, new_notices: Sequence[Notice], now: int) -> list[Notice]:
        """Leave out what comes and goes and was sent to the same person within the hour."""
        if not any(notice.topic in FLAPPING for notice in new_notices):
            return list(new_notices)
        reader, since = self._session.reader, now - REPEAT_MS
        recent = set(await asyncio.to_thread(queries.sent_between, reader, since, now))
        kept: list[Notice] = []
        for notice in new_notices:
            subject = (notice.recipient, notice.topic, notice.account_id)
            if notice.topic not in FLAPPING or subject not in recent:
                kept.append(notice)
                recent.add(subject)
        return kept

    async def _contacts(self, events: Sequence[Event]) -> Mapping[tuple[str, int], NotificationSettings]:
        if not events:
            return {}
        accounts = (self._session.installation.accounts.get(event.account_id or "") for event in events)
        keys = [(account.id, account.tenancy.n) for account in accounts if account is not None]
        return await asyncio.to_thread(queries.read_contacts, self._session.reader, keys)

    def _notices(
        self, event: Event, contacts: Mapping[tuple[str, int], NotificationSettings], now: int
    ) -> list[Notice]:
        """Return the notices of an event; a customer gets none from before the own tenancy."""
        account, unit = self._session.installation.accounts.get(event.account_id or ""), None
        if event.account_id is not None and account is None:
            return []
        if account is not None:
            own = account.tenancy.includes_event(event.seq)
            contact = contacts.get((account.id, account.tenancy.n)) if own else None
            amount = event.data.get("amount")
            paid = Money(amount, account.site.currency) if isinstance(amount, int) else None
            unit = notified_unit(account, now, self._link, amount=paid, contact=contact)
        return list(notices_for(event, unit, self._people, self._session.clock.believed_wall(), self._zone()))

    def _zone(self) -> ZoneInfo:
        """Return the time zone of what belongs to no unit: that of the first site."""
        site = next(iter(self._session.installation.sites.values()), None)
        return ZoneInfo("UTC" if site is None else site.time_zone)

    async def _zones(self) -> Mapping[str, ZoneInfo]:
        """Return the time zone of every site, of other shards as well."""
        applied = self._session.installation.sequences.applied_here
        if self._zones_of is None or self._zones_of[0] != applied:
            self._zones_of = applied, await asyncio.to_thread(digest.read_zones, self._session.reader)
        return self._zones_of[1]

    async def _make_digests(self, position: queries.ConsumerPosition) -> None:
        """Make the digests whose time of day has come; none is made up for days without a bridge."""
        wall, new_notices, digests = (
            self._session.clock.believed_wall(),
            list[Notice](),
            dict(position.digests),
        )
        zones = await self._zones()
        for person in self._people.staff.values():
            local = local_time(wall, _zone_of(person, zones))
            today = local.date().isoformat()
            if person.digest is None or local.time() < person.digest or digests.get(person.id, "") >= today:
                continue
            due = datetime.combine(local.date(), person.digest, local.tzinfo)
            if person.id in digests or local - due < FIRST_DIGEST_WITHIN:
                new_notices.append(await self._digest(person, today, wall))
            digests[person.id] = today
        if digests != position.digests:
            seq = position.event_seq if self._position is None else self._position.event_seq
            await self._store(new_notices, queries.ConsumerPosition(seq, digests))

    async def _digest(self, person: Person, today: str, wall: int) -> Notice:
        """Return the notice that sums up a person's day; payments are by event time, notices are not."""
        session = self._session
        units = await asyncio.to_thread(digest.read_digest_units, session.reader)
        shown = [unit for unit in units if not person.sites or unit.site_id in person.sites]
        paid = await asyncio.to_thread(queries.top_ups_since, session.reader, session.clock.now() - DAY_MS)
        unknown = 0
        if not person.sites:
            unknown = await asyncio.to_thread(queries.uncertain_since, session.reader, wall - DAY_MS)
        figures = digest_figures(shown, paid, unknown)
        text = digest_message(person.language, session.installation.name, figures)
        return Notice(0, person.id, DIGEST, text, wall, key=f"{DIGEST} {today}:{person.id}")

    async def _store(self, new_notices: Sequence[Notice], position: queries.ConsumerPosition) -> None:
        clock = self._session.clock
        tx, made_at = Transaction(clock.now()), clock.believed_wall()
        tx.changeset.extend(ops.INSERT_NOTICE, [notice_row(notice, made_at) for notice in new_notices])
        row = {
            "id": queries.position_id(self._session.shard),
            "event_seq": position.event_seq,
            "digests": json.dumps(dict(position.digests)),
        }
        tx.changeset.add(ops.UPSERT_NOTICE_MARK, row)
        await self._session.commit(tx)
        self._position = position


def notified_unit(
    account: Account,
    now: int,
    link: str,
    *,
    amount: Money | None = None,
    contact: NotificationSettings | None = None,
) -> NotifiedUnit:
    """Return what notices say of an account as it is now."""
    zone, left = ZoneInfo(account.site.time_zone), estimate_days_left(account, now)
    facts = Facts(
        unit=account.name,
        left=Money(credit_now(account).balance, account.site.currency),
        days=None if left is None else Decimal(left.tenths) / 10,
        when=None if account.cut_at is None else local_time(account.cut_at, zone),
        amount=amount,
        link=link,
    )
    return NotifiedUnit(account.id, account.tenancy.n, account.site.id, zone, facts, contact)


def _zone_of(person: Person, zones: Mapping[str, ZoneInfo]) -> ZoneInfo:
    own = (zone for site_id, zone in zones.items() if site_id in person.sites)
    return next(own, None) or next(iter(zones.values()), ZoneInfo("UTC"))


def _is_recent(event: Event, now: int) -> bool:
    """Return whether an event is of the last day: nobody wants last month's after a long pause."""
    return now - int(datetime.fromisoformat(event.at).timestamp() * 1000) <= DAY_MS


def notice_row(notice: Notice, now: int) -> dict[str, object]:
    """Return a notice as a row."""
    return {
        "id": notice.id,
        "event_seq": notice.event_seq,
        "recipient": notice.recipient,
        "topic": notice.topic,
        "account_id": notice.account_id,
        "tenancy": notice.tenancy,
        "alert_id": notice.alert_id,
        "title": notice.message.title,
        "body": notice.message.body,
        "made_at": now,
        "next_at": notice.due_at,
        "attempts": 0,
        "sent": "[]",
        "ended_at": None,
        "outcome": None,
        "sending": None,
        "uncertain": None,
    }
