"""Taking notices to people: each attempt is on record before it is made, each answer right after.

A bridge that is killed between the two does not know whether the message arrived, and nobody can be asked.
What may harm when it is not heard (``TOLD_AGAIN``) is sent again and says so; a web hook gets the same key
again; all else is not told twice, and stays on record as uncertain.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
import json
import logging
from typing import Final

from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.notify import queries
from meter_bridge.notify.people import People
from meter_bridge.notify.queries import Waiting
from meter_bridge.notify.rules import CUSTOMER, TOLD_AGAIN, retry_at
from meter_bridge.notify.sender import Sender, scheme, takes_key
from meter_bridge.notify.templates import Message, repeated
from meter_bridge.storage import changeset as ops

AT_ONCE: Final = 20
_LOGGER: Final = logging.getLogger(__name__)

type Channels = tuple[tuple[str, str], ...]
"""Name and address of each."""


@dataclass(frozen=True, slots=True)
class Known:
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

    def __init__(self, session: Session, people: People, sender: Sender) -> None:
        """Keep who can be reached how."""
        self._session = session
        self._people = people
        self._sender = sender
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._answers: dict[str, Known] = {}
        """Answers that are not stored yet: they count also where storing them failed."""

    async def tick(self) -> None:
        """Begin to send what is due and not under way."""
        session = self._session
        if not session.can_change or len(self._under_way) >= AT_ONCE:
            return
        now = session.clock.believed()
        due = await asyncio.to_thread(queries.read_waiting, session.reader, session.shard, now, AT_ONCE)
        due = [notice for notice in due if notice.id not in self._under_way]
        ids = (notice.alert_id for notice in due if notice.alert_id is not None)
        still = await asyncio.to_thread(queries.open_alerts, session.reader, tuple(ids))
        for notice in due:
            waited = notice.attempts > 0 or notice.next_at > notice.made_at
            if waited and notice.alert_id is not None and notice.alert_id not in still:
                known = self._known(notice)
                await self._end(notice, "uncertain" if known.uncertain else "overtaken", known)
                self._answers.pop(notice.id, None)
            else:
                self._begin(notice)

    async def drained(self) -> None:
        """Wait until nothing is under way: whoever stops the bridge repeats nothing after it."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def _begin(self, notice: Waiting) -> None:
        task = asyncio.create_task(self._deliver(notice), name=f"notice {notice.id}")
        self._under_way[notice.id] = task
        task.add_done_callback(lambda ended: self._ended(notice, ended))

    def _ended(self, notice: Waiting, task: asyncio.Task[None]) -> None:
        self._under_way.pop(notice.id, None)
        if not task.cancelled() and task.exception() is not None:
            _LOGGER.error("Notice %s could not be handled: %s", notice.id, type(task.exception()).__name__)

    async def _deliver(self, notice: Waiting) -> None:
        """Send a notice through every channel that has not taken it yet."""
        channels, language = await self.channels_of(notice)
        if not channels:
            await self._end(notice, "unreachable", Known(notice.sent, notice.uncertain))
            return
        known = self._known(notice)
        left = tuple(each for each in channels if not self._is_done(notice, known, each))
        attempts, now = notice.attempts + 1, self._session.clock.believed()
        again = retry_at(attempts, now)
        await self._keep(notice, attempts, now if again is None else again, known, [name for name, _ in left])
        known = await self._send(left, notice, known, language)
        self._answers[notice.id] = known
        if all(self._is_done(notice, known, each) for each in channels):
            outcome = "sent" if all(name in known.sent for name, _ in channels) else "uncertain"
            await self._end(notice, outcome, known)
        elif again is None:
            await self._end(notice, "failed", known)
        else:
            await self._keep(notice, attempts, again, known, ())
        del self._answers[notice.id]

    def _known(self, notice: Waiting) -> Known:
        """Return what is known of a notice's channels: from memory where an answer could not be stored."""
        stored = Known(notice.sent, notice.uncertain | (notice.sending - notice.sent))
        return self._answers.get(notice.id, stored)

    def _is_done(self, notice: Waiting, known: Known, channel: tuple[str, str]) -> bool:
        """Say whether a channel took a notice, or may have and is not told again."""
        name, address = channel
        again = notice.topic in TOLD_AGAIN or takes_key(address)
        return name in known.sent or (name in known.uncertain and not again)

    async def _send(self, left: Channels, notice: Waiting, known: Known, language: str) -> Known:
        """Return what is known of the channels once those that are left have answered."""
        told, key = Message(notice.title, notice.body), f"{self._session.installation.id} {notice.id}"
        answers = await asyncio.gather(
            *(
                self._sender.send(
                    address,
                    repeated(told, language) if name in known.uncertain and not takes_key(address) else told,
                    key,
                )
                for name, address in left
            )
        )
        taken = {name for (name, _), answer in zip(left, answers, strict=True) if answer}
        for name, address in left:
            if name not in taken:
                _LOGGER.warning("Notice %s was not taken by %s (%s)", notice.id, name, scheme(address))
        return Known(known.sent | taken, known.uncertain - taken)

    async def channels_of(self, notice: Waiting) -> tuple[Channels, str]:
        """Return the ways to whom a notice is for, and the language; who moved out is not told any more."""
        people = self._people
        if notice.recipient != CUSTOMER:
            person = people.staff.get(notice.recipient)
            return ((), "") if person is None else (named(person.channels), person.language)
        account = self._session.installation.accounts.get(notice.account_id or "")
        if account is None or account.tenancy.n != notice.tenancy or account.tenancy.end is not None:
            return (), ""
        key = (account.id, account.tenancy.n)
        found = await asyncio.to_thread(queries.read_contacts, self._session.reader, (key,))
        contact = found.get(key)
        if contact is None:
            return (), ""
        return people.customer_channels(contact.email, contact.phone), contact.language or people.language

    async def _keep(
        self, notice: Waiting, attempts: int, next_at: int, known: Known, sending: Iterable[str]
    ) -> None:
        """Put an attempt on record, or what came of it, dated by the wall clock that is believed now."""
        made_at = min(notice.made_at, self._session.clock.believed())
        row = {"row_id": notice.id, "new_made_at": made_at, "new_attempts": attempts, "new_next_at": next_at}
        await self._store(ops.TRY_NOTICE, row | known.row(sending))

    async def _end(self, notice: Waiting, outcome: str, known: Known) -> None:
        """Put on record what became of a notice."""
        ended = {"new_ended_at": self._session.clock.believed(), "new_outcome": outcome}
        await self._store(ops.END_NOTICE, {"row_id": notice.id, **ended, **known.row(())})

    async def _store(self, statement: ops.Statement, row: dict[str, object]) -> None:
        unit = Transaction(self._session.clock.now())
        unit.changeset.add(statement, row)
        await self._session.commit(unit)


def named(channels: Iterable[str]) -> Channels:
    """Return channels with names that give nothing away, such as ``ntfy 1``."""
    return tuple((f"{scheme(channel)} {n}", channel) for n, channel in enumerate(channels, start=1))
