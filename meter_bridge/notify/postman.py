"""Taking notices to people: each attempt is on record before it is made, each success right after.

A bridge that is killed between the two tries again later: a message that comes twice is better than a cut
that nobody was told of. Every other restart neither loses nor repeats.
"""

import asyncio
from collections.abc import Iterable
import json
import logging
from typing import Final

from meter_bridge.engine.engine import Engine
from meter_bridge.engine.operations import committed
from meter_bridge.engine.unit import Unit
from meter_bridge.notify import notice_book
from meter_bridge.notify.notice_book import Waiting
from meter_bridge.notify.noticing import CUSTOMER, retry_at
from meter_bridge.notify.people import People
from meter_bridge.notify.sender import Sender, scheme
from meter_bridge.notify.wording import Message
from meter_bridge.storage import work as ops

AT_ONCE: Final = 20
_LOGGER: Final = logging.getLogger(__name__)

type Channels = tuple[tuple[str, str], ...]
"""Name and address of each."""


class Postman:
    """Sends what is due."""

    def __init__(self, engine: Engine, people: People, sender: Sender) -> None:
        """Keep who can be reached how."""
        self._engine = engine
        self._people = people
        self._sender = sender
        self._under_way: dict[str, asyncio.Task[None]] = {}

    async def tick(self) -> None:
        """Begin to send what is due and not under way."""
        engine = self._engine
        if engine.broken is not None or not engine.running.is_set() or len(self._under_way) >= AT_ONCE:
            return
        now = engine.clock.now()
        due = await asyncio.to_thread(notice_book.read_waiting, engine.reader, now, AT_ONCE)
        due = [notice for notice in due if notice.id not in self._under_way]
        ids = (notice.alert_id for notice in due if notice.alert_id is not None)
        still = await asyncio.to_thread(notice_book.open_alerts, engine.reader, tuple(ids))
        for notice in due:
            waited = notice.attempts > 0 or notice.next_at > notice.made_at
            if waited and notice.alert_id is not None and notice.alert_id not in still:
                await self._end(notice, "overtaken", notice.sent)
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
        channels = await self.channels_of(notice)
        if not channels:
            await self._end(notice, "unreachable", notice.sent)
            return
        attempts, now = notice.attempts + 1, self._engine.clock.now()
        again = retry_at(attempts, now)
        await self._keep(notice, attempts, notice.next_at if again is None else again, notice.sent)
        taken = await self._send(channels, notice)
        if all(name in taken for name, _ in channels):
            await self._end(notice, "sent", taken)
        elif again is None:
            await self._end(notice, "failed", taken)
        elif taken != notice.sent:
            await self._keep(notice, attempts, again, taken)

    async def _send(self, channels: Channels, notice: Waiting) -> frozenset[str]:
        """Return the names of the channels that have taken a notice by now."""
        left = [(name, address) for name, address in channels if name not in notice.sent]
        told = Message(notice.title, notice.body)
        answers = await asyncio.gather(*(self._sender.send(address, told) for _, address in left))
        for (name, address), answer in zip(left, answers, strict=True):
            if not answer:
                _LOGGER.warning("Notice %s was not taken by %s (%s)", notice.id, name, scheme(address))
        return notice.sent | {name for (name, _), answer in zip(left, answers, strict=True) if answer}

    async def channels_of(self, notice: Waiting) -> Channels:
        """Return the ways to whom a notice is for; a customer who moved out is not told any more."""
        if notice.recipient != CUSTOMER:
            person = self._people.staff.get(notice.recipient)
            return () if person is None else named(person.channels)
        account = self._engine.installation.accounts.get(notice.account_id or "")
        if account is None or account.tenancy.n != notice.tenancy or account.tenancy.end is not None:
            return ()
        key = (account.id, account.tenancy.n)
        found = await asyncio.to_thread(notice_book.read_contacts, self._engine.reader, (key,))
        contact = found.get(key)
        return () if contact is None else self._people.customer_channels(contact.email, contact.phone)

    async def _keep(self, notice: Waiting, attempts: int, next_at: int, taken: Iterable[str]) -> None:
        """Put an attempt on record."""
        new = {"new_attempts": attempts, "new_next_at": next_at, "new_sent": json.dumps(sorted(taken))}
        await self._store(ops.TRY_NOTICE, {"row_id": notice.id, **new})

    async def _end(self, notice: Waiting, outcome: str, taken: Iterable[str]) -> None:
        """Put on record what became of a notice."""
        new = {"new_ended_at": self._engine.clock.now(), "new_outcome": outcome}
        await self._store(ops.END_NOTICE, {"row_id": notice.id, **new, "new_sent": json.dumps(sorted(taken))})

    async def _store(self, op: ops.Op, row: dict[str, object]) -> None:
        unit = Unit(self._engine.clock.now())
        unit.work.add(op, row)
        await committed(self._engine, unit)


def named(channels: Iterable[str]) -> Channels:
    """Return channels with names that give nothing away, such as ``ntfy 1``."""
    return tuple((f"{scheme(channel)} {n}", channel) for n, channel in enumerate(channels, start=1))
