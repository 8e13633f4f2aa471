"""Messages to people beside a session, as the API sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.config.problems import suggest
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.notify import queries
from meter_bridge.notify.address_confirmation import KINDS, AddressConfirmation, DailyLimit, with_address
from meter_bridge.notify.channel_health import ChannelHealth
from meter_bridge.notify.delivery import AppriseSender, Channels, NoticeDelivery, Sender, numbered
from meter_bridge.notify.event_consumer import EventConsumer
from meter_bridge.notify.people import FILE_NAME, People
from meter_bridge.notify.personal_thresholds import PersonalThresholds
from meter_bridge.notify.rules import CUSTOMER
from meter_bridge.notify.templates import channel_test_message, confirmation_message
from meter_bridge.protocol.answers import ChannelResult, NoticeList, TrialSent
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.protocol.payments import NotificationSettings

TRIAL_PAUSE_MS: Final = 20_000
_MOST: Final = 500


type StoreSettings = Callable[[Actor, str, NotificationSettings], Awaitable[NotificationSettings]]
"""Stores the settings of an account's customer and returns them."""


class Notices:
    """Makes and sends notices, and tries whether they arrive."""

    def __init__(
        self,
        session: Session,
        people: People,
        link: str | None,
        account: Callable[[Actor, str], Account],
        sender: Sender | None = None,
    ) -> None:
        """Keep whom to tell; ``link`` is the address of the tenant's page."""
        self._session = session
        self._people = people
        self._account = account
        self._sender = sender or AppriseSender()
        self._event_consumer = EventConsumer(session, people, link)
        self._personal_thresholds = PersonalThresholds(session, people, link)
        self._health = ChannelHealth(session)
        self._delivery = NoticeDelivery(session, people, self._sender, self._health)
        self._last_tests: dict[str, int] = {}
        self._daily = DailyLimit(session)
        self._confirmation = AddressConfirmation(session)

    async def tick(self) -> None:
        """Make and send what is due."""
        if self._event_consumer.has_nobody_to_notify:
            return
        await self._event_consumer.tick()
        await self._personal_thresholds.tick()
        await self._delivery.tick()

    async def stop(self) -> None:
        """Wait until what is being sent was sent."""
        await self._delivery.wait_until_idle()

    async def notices(self, actor: Actor, limit: int) -> NoticeList:
        """Return the newest notices that staff may see."""
        accounts = self._session.installation.accounts.values()
        seen = frozenset(account.id for account in accounts if actor.sees(account.id, account.site.id))
        everything = EVERYTHING in actor.sites
        reader, most = self._session.reader, min(limit, _MOST)
        shown = await asyncio.to_thread(queries.read_notices, reader, None if everything else seen, most)
        return NoticeList(notices=shown)

    async def try_person(self, person_id: str) -> TrialSent:
        """Send a test message to somebody of the staff."""
        person = self._people.staff.get(person_id)
        if person is None:
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"there is no person {person_id!r} in {FILE_NAME}",
                field="person",
                value=person_id,
                remedy=suggest(person_id, self._people.staff),
            )
        return await self._send_test(person.id, numbered(person.channels), person.language, person.id)

    async def try_customer(self, actor: Actor, account_id: str) -> TrialSent:
        """Send a test message to the customer of an account, as the own settings have it."""
        account = self._account(actor, account_id)
        contact = await queries.read_contact(self._session, account)
        people = self._people
        channels = () if contact is None else people.customer_channels(contact.email, contact.phone)
        if contact is None or not channels:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                "no address is stored to which this bridge can send messages",
                remedy="save an e-mail address or telephone number first; the landlord decides which of them"
                f" messages can go to ({FILE_NAME})",
            )
        if actor.role is Role.TENANT:
            for name, _ in channels:
                self._daily.count(account, getattr(contact, name))
        language = contact.language or people.language
        return await self._send_test(f"{CUSTOMER} {account.id}", channels, language, account.name)

    def with_unconfirmed(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        """Return a customer's settings with the new addresses that wait for their code."""
        waiting = self._confirmation.addresses(self._account(actor, account_id))
        return replace(settings, unconfirmed=tuple(waiting), unconfirmed_addresses=waiting)

    async def keep_unconfirmed(
        self, actor: Actor, account_id: str, wanted: NotificationSettings
    ) -> NotificationSettings:
        """Return what may be stored now of the settings that a customer wants, and send a code to the rest.

        A landlord's word is enough, and so is an address to which no message can go anyway.
        """
        if actor.role is not Role.TENANT:
            return wanted
        self._session.begin(actor)  # refused while nothing can be stored, before a code is sent
        account = self._account(actor, account_id)
        stored = await queries.read_contact(self._session, account) or NotificationSettings()
        for kind in KINDS:
            address, before = getattr(wanted, kind), getattr(stored, kind)
            channels = self._people.customer_channels(**dict.fromkeys(KINDS, "") | {kind: address})
            if address == before or not channels:
                continue
            await self._send_code(account, kind, address, channels, wanted.language)
            wanted = replace(with_address(wanted, kind, before), unconfirmed=(*wanted.unconfirmed, kind))
        return wanted

    async def _send_code(
        self, account: Account, kind: str, address: str, channels: Channels, language: str
    ) -> None:
        self._daily.count(account, address)
        code = self._confirmation.new_code(account, kind, address)
        text = confirmation_message(language or self._people.language, account.name, code)
        key = f"{self._session.installation.id} code {account.id} {self._session.clock.believed_wall()}"
        if not all([await self._sender.send(channel, text, key) for _, channel in channels]):
            raise RequestRefused(
                ErrorCode.CONFLICT,
                "the code could not be sent to this address",
                field=kind,
                remedy="check the address, or ask the landlord",
            )

    async def confirm(
        self, actor: Actor, account_id: str, code: str, store: StoreSettings
    ) -> NotificationSettings:
        """Store the address to which a code was sent, and return the settings; raises ``RequestRefused``."""
        account = self._account(actor, account_id)
        present = await queries.read_contact(self._session, account) or NotificationSettings()
        stored = await store(actor, account_id, self._confirmation.confirmed(account, code, present))
        self._confirmation.forget(account, stored)
        return stored

    async def _send_test(self, recipient: str, channels: Channels, language: str, name: str) -> TrialSent:
        """Send a test message through every channel, not again and again."""
        now, tried = self._session.clock.steady_ms(), self._last_tests.get(recipient)
        if tried is not None and now - tried < TRIAL_PAUSE_MS:
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "a test message was sent a moment ago",
                remedy="wait half a minute, then try again",
            )
        self._last_tests[recipient] = now
        text = channel_test_message(language, name)
        key = f"{self._session.installation.id} test {recipient} {self._session.clock.believed_wall()}"
        answers = await asyncio.gather(*(self._sender.send(address, text, key) for _, address in channels))
        results = tuple(
            ChannelResult(channel=label, sent=answer)
            for (label, _), answer in zip(channels, answers, strict=True)
        )
        whose = recipient.partition(" ")[0]
        for result in results:
            if result.sent:  # what a trial's address refuses is seen by whoever tries it
                self._health.note(result.channel, whose, taken=True)
        return TrialSent(recipient=whose, channels=results)
