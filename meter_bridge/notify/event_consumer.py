"""Making notices of what happened: every durable event is gone through once, whatever restarts between.

The notices of some events and the mark that says how far these go are one transaction, so that none is missed
and none made twice.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
import json
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import local_time
from meter_bridge.engine.forecasting.stored_forecast import estimate_days_left
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.state import transaction as units
from meter_bridge.engine.state.events import read_events
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.notify import digest, queries
from meter_bridge.notify.digest import DigestUnit, digest_figures
from meter_bridge.notify.people import People, Person
from meter_bridge.notify.rules import FLAPPING, Notice, NotifiedUnit, notices_for, topic_of
from meter_bridge.notify.templates import Facts, Message, Money, digest_message, prepare
from meter_bridge.protocol.messages import Event
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import changeset as ops

DAY_MS: Final = 86_400_000
REPEAT_MS: Final = 3_600_000
DIGEST: Final = "digest"
_PAGE: Final = 500


class EventConsumer:
    """Goes through the events of a session."""

    def __init__(self, session: Session, people: People, link: str | None) -> None:
        """Keep whom to tell, and the address of the tenant's page."""
        self._session = session
        self._people = people
        self._link = link or ""
        self._mark: queries.ConsumerPosition | None = None
        self._zones_of: tuple[int, Mapping[str, ZoneInfo]] | None = None

    @property
    def has_nobody_to_notify(self) -> bool:
        """Return whether there is nobody to tell."""
        people = self._people
        return not people.staff and people.email is None and people.phone is None

    async def tick(self) -> None:
        """Make the notices of what happened since the last time, and the digests that are due."""
        session = self._session
        if self.has_nobody_to_notify or not session.can_change:
            return
        if self._mark is None:
            stored = await asyncio.to_thread(queries.read_position, session.reader, session.shard)
            if stored is None:
                await self._store((), queries.ConsumerPosition(session.feed.seq, {}))
            else:
                self._mark = stored
            return
        await self._consume(self._mark)
        if session.shard.n == 0:
            await self._make_digests(self._mark)

    async def _consume(self, mark: queries.ConsumerPosition) -> None:
        """Make notices of a page of events."""
        session = self._session
        upto = min(session.feed.seq, mark.event_seq + _PAGE)
        if upto <= mark.event_seq:
            return
        happened = await asyncio.to_thread(read_events, session.reader, mark.event_seq, upto)
        now = session.clock.now()
        notable = [event for event in happened if topic_of(event) is not None and _is_recent(event, now)]
        contacts = await self._contacts(notable)
        if notable:
            await asyncio.to_thread(prepare, self._languages(contacts.values()))
        new_notices = [notice for event in notable for notice in self._notices(event, contacts, now)]
        new_notices = await self._without_repeats(new_notices, session.clock.believed_wall())
        await self._store(
            new_notices, queries.ConsumerPosition(happened[-1].seq if happened else upto, mark.digests)
        )

    async def _without_repeats(self, new_notices: Sequence[Notice], now: int) -> list[Notice]:
        """Leave out what comes and goes and was told to the same person within the hour."""
        if not any(notice.topic in FLAPPING for notice in new_notices):
            return list(new_notices)
        reader, since = self._session.reader, now - REPEAT_MS
        recent = set(await asyncio.to_thread(queries.sent_between, reader, since, now))
        kept: list[Notice] = []
        for notice in new_notices:
            what = (notice.recipient, notice.topic, notice.account_id)
            if notice.topic not in FLAPPING or what not in recent:
                kept.append(notice)
                recent.add(what)
        return kept

    def _languages(self, contacts: Iterable[NotificationSettings]) -> set[str]:
        """Return the languages that messages are wanted in."""
        people = self._people
        staff = {person.language for person in people.staff.values()}
        return {people.language} | staff | {contact.language for contact in contacts}

    async def _contacts(self, events: Sequence[Event]) -> Mapping[tuple[str, int], NotificationSettings]:
        """Return how the customers of some events want to be told."""
        accounts = (self._session.installation.accounts.get(event.account_id or "") for event in events)
        keys = [(account.id, account.tenancy.n) for account in accounts if account is not None]
        return await asyncio.to_thread(queries.read_contacts, self._session.reader, keys)

    def _notices(
        self, event: Event, contacts: Mapping[tuple[str, int], NotificationSettings], now: int
    ) -> list[Notice]:
        account = self._session.installation.accounts.get(event.account_id or "")
        if event.account_id is not None and account is None:
            return []
        unit = None if account is None else self._unit(account, event, contacts, now)
        return list(notices_for(event, unit, self._people, self._session.clock.believed_wall(), self._zone()))

    def _unit(
        self,
        account: Account,
        event: Event,
        contacts: Mapping[tuple[str, int], NotificationSettings],
        now: int,
    ) -> NotifiedUnit:
        """Return what is told of an account; a customer hears of nothing before the own time there."""
        amount = event.data.get("amount")
        paid = Money(amount, account.site.currency) if isinstance(amount, int) else None
        contact = (
            contacts.get((account.id, account.tenancy.n))
            if account.tenancy.includes_event(event.seq)
            else None
        )
        return notified_unit(account, now, self._link, amount=paid, contact=contact)

    def _zone(self) -> ZoneInfo:
        """Return the time zone of what belongs to no unit: that of the first site."""
        site = next(iter(self._session.installation.sites.values()), None)
        return ZoneInfo("UTC" if site is None else site.time_zone)

    async def _zones(self) -> Mapping[str, ZoneInfo]:
        """Return the time zone of every site, of other shards as well."""
        applied = self._session.installation.sequences.applied_here
        if self._zones_of is None or self._zones_of[0] != applied:
            self._zones_of = (
                applied,
                await asyncio.to_thread(digest.read_zones, self._session.reader),
            )
        return self._zones_of[1]

    async def _digest_units(self) -> list[DigestUnit]:
        """Return every unit, of other shards as well."""
        return await asyncio.to_thread(digest.read_digest_units, self._session.reader)

    async def _make_digests(self, mark: queries.ConsumerPosition) -> None:
        """Make the digests whose time of day has come; none is made up for days without a bridge."""
        wall, new_notices, digests = self._session.clock.believed_wall(), list[Notice](), dict(mark.digests)
        zones = await self._zones()
        for person in self._people.staff.values():
            local = local_time(wall, _zone_of(person, zones))
            today = local.date().isoformat()
            if person.digest is None or local.time() < person.digest or digests.get(person.id, "") >= today:
                continue
            if person.id in digests or _is_due_now(local, person):
                new_notices.append(await self._digest(person, today, wall))
            digests[person.id] = today
        if digests != mark.digests:
            seq = mark.event_seq if self._mark is None else self._mark.event_seq
            await self._store(new_notices, queries.ConsumerPosition(seq, digests))

    async def _digest(self, person: Person, today: str, wall: int) -> Notice:
        """Return the notice that sums up a person's day; payments are by event time, notices are not."""
        session = self._session
        accounts = [
            each for each in await self._digest_units() if not person.sites or each.site_id in person.sites
        ]
        paid = await asyncio.to_thread(queries.top_ups_since, session.reader, session.clock.now() - DAY_MS)
        unknown = 0
        if not person.sites:
            unknown = await asyncio.to_thread(queries.uncertain_since, session.reader, wall - DAY_MS)
        shown = digest_figures(accounts, paid, unknown)
        digest: Message = digest_message(person.language, session.installation.name, shown)
        return Notice(0, person.id, DIGEST, digest, wall, key=f"{DIGEST} {today}:{person.id}")

    async def _store(self, new_notices: Sequence[Notice], mark: queries.ConsumerPosition) -> None:
        """Store notices and mark as one unit."""
        clock = self._session.clock
        tx, made_at = units.Transaction(clock.now()), clock.believed_wall()
        tx.changeset.extend(ops.INSERT_NOTICE, [notice_row(notice, made_at) for notice in new_notices])
        row = {
            "id": queries.position_id(self._session.shard),
            "event_seq": mark.event_seq,
            "digests": json.dumps(dict(mark.digests)),
        }
        tx.changeset.add(ops.UPSERT_NOTICE_MARK, row)
        await self._session.commit(tx)
        self._mark = mark


def notified_unit(
    account: Account,
    now: int,
    link: str,
    *,
    amount: Money | None = None,
    contact: NotificationSettings | None = None,
) -> NotifiedUnit:
    """Return what is told of an account as it is now."""
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
    """Return the time zone of a person's first site, or of the first of all."""
    own = (zone for site_id, zone in zones.items() if site_id in person.sites)
    return next(own, None) or next(iter(zones.values()), ZoneInfo("UTC"))


def _is_recent(event: Event, now: int) -> bool:
    """Return whether an event is of the last day: nobody wants last month's, told after a long pause."""
    return now - int(datetime.fromisoformat(event.at).timestamp() * 1000) <= DAY_MS


def _is_due_now(local: datetime, person: Person) -> bool:
    """Return whether a person's first digest is due now, not hours ago."""
    if person.digest is None:
        return False
    due = datetime.combine(local.date(), person.digest, local.tzinfo)
    return local - due < timedelta(minutes=10)


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
