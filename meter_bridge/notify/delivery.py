"""Delivering notices: each attempt is on record before it is made, each answer right after.

A bridge that is killed between the two does not know whether the message arrived, and nobody can be asked.
What may do harm if it is missed (``REMINDED``) is sent again and says so; a web hook gets the same key again;
everything else is not sent twice, and stays on record as uncertain.
"""

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import json
import logging
from typing import Final, Protocol
from urllib.parse import quote

from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.notify import queries
from meter_bridge.notify.channel_health import ChannelHealth
from meter_bridge.notify.people import People
from meter_bridge.notify.queries import PendingNotice
from meter_bridge.notify.rules import CUSTOMER, REMINDED, next_attempt_at
from meter_bridge.notify.templates import Message, with_repeat_note
from meter_bridge.protocol.patterns import KEY_HEADER
from meter_bridge.storage import changeset as ops

TIMEOUT_S: Final = 45.0
KEYED_SCHEMES: Final = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
"""Kinds of channels that carry a message's key: web hooks, whose receivers can tell a repetition by it."""
MAX_THREADS: Final = 8


class Sender(Protocol):
    """Something that takes messages to people."""

    async def send(self, channel: str, message: Message, key: str) -> bool:
        """Send a message through a channel; False where it was not taken.

        ``key`` is the message's own: web hooks carry it, so that a receiver can tell a repetition.
        """


class AppriseSender:
    """Sends on threads of its own, so that a slow mail server never keeps a meter waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_THREADS, "notify")

    async def send(self, channel: str, message: Message, key: str) -> bool:
        """Send a message; a channel that takes too long counts as failed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await loop.run_in_executor(self._threads, _send, channel, message, key)
        except TimeoutError:
            _LOGGER.warning("A message to a %s channel took longer than %.0f s", scheme(channel), TIMEOUT_S)
            return False


def scheme(channel: str) -> str:
    """Return what kind of channel an address is; the rest of it is a secret."""
    return channel.partition("://")[0][:20]


def supports_key(channel: str) -> bool:
    """Return whether a channel carries the key of a message."""
    return scheme(channel) in KEYED_SCHEMES


def _send(channel: str, message: Message, key: str) -> bool:
    import apprise  # noqa: PLC0415 - it takes memory, which an installation that notifies nobody does not need

    sending = apprise.Apprise()
    if not sending.add(_with_key(channel, key) if supports_key(channel) else channel):
        return False
    return bool(sending.notify(body=message.body, title=message.title, body_format=apprise.NotifyFormat.TEXT))


def _with_key(channel: str, key: str) -> str:
    """Return a web hook's address with the key as a header, in apprise's way of writing these."""
    return f"{channel}{'&' if '?' in channel else '?'}+{KEY_HEADER}={quote(key, safe='')}"


MAX_IN_FLIGHT: Final = 20
_LOGGER: Final = logging.getLogger(__name__)

type Channels = tuple[tuple[str, str], ...]
"""Name and address of each channel."""


@dataclass(frozen=True, slots=True)
class ChannelStates:
    """Names of the channels that took a notice, and of those that may have taken it."""

    sent: frozenset[str]
    uncertain: frozenset[str]

    def row(self, sending: Iterable[str]) -> dict[str, object]:
        """Return it as columns, with the channels through which a notice is on its way."""
        under_way = sorted(sending)
        return {
            "new_sent": json.dumps(sorted(self.sent)),
            "new_uncertain": json.dumps(sorted(self.uncertain)) if self.uncertain else None,
            "new_sending": json.dumps(under_way) if under_way else None,
        }


class NoticeDelivery:
    """Sends what is due."""

    def __init__(self, session: Session, people: People, sender: Sender, health: ChannelHealth) -> None:
        self._session = session
        self._health = health
        self._people = people
        self._sender = sender
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._unsaved: dict[str, ChannelStates] = {}
        """Answers that are not stored yet: they count also where storing them failed."""

    async def tick(self) -> None:
        """Begin to send what is due and not under way."""
        session = self._session
        if not session.can_change or len(self._in_flight) >= MAX_IN_FLIGHT:
            return
        now = session.clock.believed_wall()
        due = await asyncio.to_thread(queries.read_pending, session.reader, session.shard, now, MAX_IN_FLIGHT)
        due = [notice for notice in due if notice.id not in self._in_flight]
        ids = (notice.alert_id for notice in due if notice.alert_id is not None)
        still = await asyncio.to_thread(queries.open_alerts, session.reader, tuple(ids))
        for notice in due:
            waited = notice.attempts > 0 or notice.next_at > notice.made_at
            if waited and notice.alert_id is not None and notice.alert_id not in still:
                known = self._channel_states(notice)
                await self._save_outcome(notice, "uncertain" if known.uncertain else "overtaken", known)
                self._unsaved.pop(notice.id, None)
            else:
                self._begin(notice)

    async def wait_until_idle(self) -> None:
        """Wait until nothing is under way: whoever stops the bridge repeats nothing after it."""
        while self._in_flight:
            await asyncio.wait(self._in_flight.values())

    def _begin(self, notice: PendingNotice) -> None:
        task = asyncio.create_task(self._deliver(notice), name=f"notice {notice.id}")
        self._in_flight[notice.id] = task
        task.add_done_callback(lambda ended: self._finished(notice, ended))

    def _finished(self, notice: PendingNotice, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(notice.id, None)
        if not task.cancelled() and task.exception() is not None:
            _LOGGER.error("Notice %s could not be handled: %s", notice.id, type(task.exception()).__name__)

    async def _deliver(self, notice: PendingNotice) -> None:
        channels, language = await self.channels_of(notice)
        if not channels:
            await self._save_outcome(notice, "unreachable", ChannelStates(notice.sent, notice.uncertain))
            return
        known = self._channel_states(notice)
        left = tuple(channel for channel in channels if not self._is_done(notice, known, channel))
        attempts, now = notice.attempts + 1, self._session.clock.believed_wall()
        again = next_attempt_at(attempts, now)
        await self._save_attempt(
            notice, attempts, now if again is None else again, known, [name for name, _ in left]
        )
        known = await self._send(left, notice, known, language)
        self._unsaved[notice.id] = known
        if all(self._is_done(notice, known, channel) for channel in channels):
            outcome = "sent" if all(name in known.sent for name, _ in channels) else "uncertain"
            await self._save_outcome(notice, outcome, known)
        elif again is None:
            await self._save_outcome(notice, "failed", known)
        else:
            await self._save_attempt(notice, attempts, again, known, ())
        del self._unsaved[notice.id]

    def _channel_states(self, notice: PendingNotice) -> ChannelStates:
        """Return what is known of a notice's channels: from memory where an answer could not be stored."""
        stored = ChannelStates(notice.sent, notice.uncertain | (notice.sending - notice.sent))
        return self._unsaved.get(notice.id, stored)

    def _is_done(self, notice: PendingNotice, known: ChannelStates, channel: tuple[str, str]) -> bool:
        """Return whether a channel took a notice, or may have and is not sent it again."""
        name, address = channel
        again = notice.topic in REMINDED or supports_key(address)
        return name in known.sent or (name in known.uncertain and not again)

    async def _send(
        self, left: Channels, notice: PendingNotice, known: ChannelStates, language: str
    ) -> ChannelStates:
        outgoing, key = Message(notice.title, notice.body), f"{self._session.installation.id} {notice.id}"
        answers = await asyncio.gather(
            *(
                self._sender.send(
                    address,
                    with_repeat_note(outgoing, language)
                    if name in known.uncertain and not supports_key(address)
                    else outgoing,
                    key,
                )
                for name, address in left
            )
        )
        taken = {name for (name, _), answer in zip(left, answers, strict=True) if answer}
        for name, address in left:
            self._health.note(name, notice.recipient, taken=name in taken)
            if name not in taken:
                _LOGGER.warning("Notice %s was not taken by %s (%s)", notice.id, name, scheme(address))
        return ChannelStates(known.sent | taken, known.uncertain - taken)

    async def channels_of(self, notice: PendingNotice) -> tuple[Channels, str]:
        """Return the channels and the language of a notice's recipient; none of a customer who moved out."""
        people = self._people
        if notice.recipient != CUSTOMER:
            person = people.staff.get(notice.recipient)
            return ((), "") if person is None else (numbered(person.channels), person.language)
        account = self._session.installation.accounts.get(notice.account_id or "")
        if account is None or account.tenancy.n != notice.tenancy or account.tenancy.end is not None:
            return (), ""
        contact = await queries.read_contact(self._session, account)
        if contact is None:
            return (), ""
        return people.customer_channels(contact.email, contact.phone), contact.language or people.language

    async def _save_attempt(
        self, notice: PendingNotice, attempts: int, next_at: int, known: ChannelStates, sending: Iterable[str]
    ) -> None:
        """Put an attempt on record, or what came of it, dated by the wall clock that is believed now."""
        made_at = min(notice.made_at, self._session.clock.believed_wall())
        row = {"row_id": notice.id, "new_made_at": made_at, "new_attempts": attempts, "new_next_at": next_at}
        await self._store(ops.TRY_NOTICE, row | known.row(sending))

    async def _save_outcome(self, notice: PendingNotice, outcome: str, known: ChannelStates) -> None:
        ended = {"new_ended_at": self._session.clock.believed_wall(), "new_outcome": outcome}
        await self._store(ops.END_NOTICE, {"row_id": notice.id, **ended, **known.row(())})

    async def _store(self, statement: ops.Statement, row: dict[str, object]) -> None:
        tx = Transaction(self._session.clock.now())
        tx.changeset.add(statement, row)
        await self._session.commit(tx)


def numbered(channels: Iterable[str]) -> Channels:
    """Return channels with names that give nothing away, such as ``ntfy 1``."""
    return tuple((f"{scheme(channel)} {n}", channel) for n, channel in enumerate(channels, start=1))
