"""Hearing what providers tell: stored once and for ever, then settled.

An event is stored before anything is booked for it, and its provider is answered only after both. Where the
bridge ends in between, the event waits in the database: it is settled at the next start, or when the provider
repeats it.

Where several bridges share the sites, an event is stored by that of its order's account, and one without an
order by the first shard's. Each step is taken by the bridge that keeps the account's books.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
import logging
from math import inf
from typing import Final

from meter_bridge.actor import Actor
from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.engine.alerts.alerting import set_installation_alert
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import Order, PaymentCase, next_step, review_items
from meter_bridge.payments.orders import order_queries, shard_lookup
from meter_bridge.payments.orders.booking_steps import BookingSteps
from meter_bridge.payments.orders.bookings import KEY_LENGTH
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.payments.provider_event import ProviderEvent, ProviderEventKind
from meter_bridge.payments.providers.provider import Provider, UnreadableError, WrongSignatureError
from meter_bridge.protocol.messages import ErrorCode, EventKind, Role
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.shards import Shard

_LOGGER: Final = logging.getLogger(__name__)
RECHECK_MS: Final = 300_000
"""So often a bridge alone looks at what waits for a person; of several, another may hear the decision."""
WAITING: Final = "A payment waits for a decision: 'meter-bridge payments waiting' shows it"


class ProviderEventHandler:
    """Takes what providers tell, one event at a time."""

    def __init__(
        self, session: Session, booking_steps: BookingSteps, providers: Mapping[str, Provider]
    ) -> None:
        """Keep the providers, and note what was heard and not settled before the start."""
        self._session = session
        self._booking_steps = booking_steps
        self._providers = providers
        self.lock = asyncio.Lock()
        """Held while an event or a decision is stored and settled."""
        self._newest = order_queries.newest_event(session.reader, session.shard)
        self._unsettled = bool(order_queries.unsettled(session.reader))
        """Something may be settled, or was told anew, since the last look."""
        self._next_check_at: float = inf
        """When what waits for a person is looked at again, by the steady clock."""
        self._seen_elsewhere = self._newest_elsewhere()

    async def receive_webhook(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a provider's message; return how many events were new."""
        provider = self._providers.get(provider_id)
        if provider is None:
            raise RequestRefused(ErrorCode.NOT_FOUND, "there is no such provider", remedy="see payments.yaml")
        try:
            told = provider.read(headers, body, self._session.clock.believed())
        except WrongSignatureError as error:
            _LOGGER.warning("A message for provider %s was refused: %s", provider_id, error)
            message = f"the message is not accepted: {error}"
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, message, remedy="sign it again") from error
        except UnreadableError as error:
            _LOGGER.warning("A message of provider %s makes no sense: %s", provider_id, error)
            raise RequestRefused(ErrorCode.BAD_REQUEST, str(error), remedy="see docs/payments.md") from error
        return sum(
            [await self.handle(provider_id, each) for each in told if await self._is_ours(provider_id, each)]
        )

    async def _is_ours(self, provider_id: str, told: ProviderEvent) -> bool:
        """Say whether this bridge stores an event.

        Raises ``RequestRefused`` where another has to and has not.
        """
        if self._session.shard.whole:
            return True
        reader = self._session.reader
        if (
            await asyncio.to_thread(shard_lookup.shard_of_told, reader, provider_id, told)
            == self._session.shard.n
        ):
            return True
        if await asyncio.to_thread(order_queries.event_of, reader, provider_id, told.event_id) is not None:
            return False
        raise RequestRefused(
            ErrorCode.STORAGE_UNAVAILABLE,
            "another bridge keeps the books of this event's account",
            field="id",
            value=told.event_id,
            remedy="send it again; it is passed on to that bridge",
        )

    async def handle(self, provider_id: str, told: ProviderEvent) -> bool:
        """Store one event unless it is known, then settle what it is about; say whether it was new."""
        _check_ids(told)
        async with self.lock:
            new, known = await self._save_new(provider_id, told)
            try:
                waits = await self._settle(Subject(provider_id, known.order_id, known.payment_id))
            except RequestRefused:
                self._unsettled = True
                raise
            self._unsettled = self._unsettled or waits
        return new

    async def _save_new(self, provider_id: str, told: ProviderEvent) -> tuple[bool, ProviderEvent]:
        """Store an event under the order that it belongs to; the same event again must say the same."""
        told, known, order = await asyncio.to_thread(self._look_up, provider_id, told)
        if known is None:
            await self.save(provider_id, told, order)
            return True, told
        if replace(known, happened_at=told.happened_at) != told:
            raise RequestRefused(
                ErrorCode.IDEMPOTENCY_CONFLICT,
                "this event was told before with other content; the first holds",
                field="id",
                value=told.event_id,
                remedy="give each event an id of its own",
            )
        return False, known

    def _look_up(
        self, provider_id: str, told: ProviderEvent
    ) -> tuple[ProviderEvent, ProviderEvent | None, Order | None]:
        """Return an event with the id of its order, as it was told before, and the order itself."""
        reader = self._session.reader
        order = shard_lookup.order_told(reader, provider_id, told)
        known = order_queries.event_of(reader, provider_id, told.event_id)
        told = replace(told, order_id=None if order is None else order.id, reference=None)
        return told, known, order

    async def save(self, provider_id: str, told: ProviderEvent, order: Order | None) -> None:
        """Store an event, with a record of it for the account and tenancy of its order."""
        unit = self._session.begin(provider_actor(provider_id))
        self._newest += 1
        row = {name: getattr(told, name) for name in ProviderEvent.__slots__ if name != "reference"}
        row |= {"n": self._newest, "provider": provider_id, "kind": told.kind.value, "at": unit.at}
        unit.changeset.add(ops.INSERT_PAYMENT_EVENT, row)
        if told.kind is not ProviderEventKind.STARTED:
            kind, account_id = EventKind.PAYMENT_HEARD, None if order is None else order.account_id
            data = _record(provider_id, told) | ({} if order is None else {"tenancy": order.tenancy})
            record_event(self._session.installation, unit, kind, account_id=account_id, data=data)
        await self._session.commit(unit)

    async def _settle(self, subject: Subject) -> bool:
        """Book every step that is due here, one after the other; say whether a person must decide the rest.

        That opens an alert.
        """
        subject = await self._booking_steps.with_order(subject)
        case = await self._booking_steps.case(subject)
        while (step := next_step(case)) is not None and self._booking_steps.is_here(step.account_of(case)):
            await self._booking_steps.book(subject, case, step)
            case = await self._booking_steps.case(subject)
        waits = bool(review_items(case)) and self.is_responsible_for(case)
        if waits:
            set_installation_alert(self._session, AlertKind.PAYMENT_WAITING, WAITING)
        return waits

    def is_responsible_for(self, case: PaymentCase) -> bool:
        """Say whether this bridge tells people of a case that waits; one without an order is the first's."""
        if case.order is None:
            return self._session.shard.n == shard_lookup.NOBODY_S
        return self._booking_steps.is_here(case.order.account_id)

    def _newest_elsewhere(self) -> dict[Shard, int]:
        """Return the newest event of every other shard."""
        own = self._session.shard
        others = (Shard(n, own.count) for n in range(own.count) if n != own.n)
        return {shard: order_queries.newest_event(self._session.reader, shard) for shard in others}

    async def _check_other_shards(self) -> None:
        """Find what other bridges heard that concerns an account here, as a refund before its payment may."""
        if self._session.shard.whole or not self._providers:
            return
        newest = await asyncio.to_thread(self._newest_elsewhere)
        if newest == self._seen_elsewhere:
            return
        news = order_queries.newer_than(self._seen_elsewhere)
        for subject in await asyncio.to_thread(order_queries.unsettled, self._session.reader, news):
            case = await self._booking_steps.case(subject)
            step = next_step(case)
            if step is not None and self._booking_steps.is_here(step.account_of(case)):
                self._unsettled = True
        self._seen_elsewhere = newest

    async def settle_unsettled(self, *, decided: bool = False) -> None:
        """Settle everything that was told and not booked; what is left waits for a person.

        After a decision a refund of the payment may be due that another bridge heard of before.
        """
        self._unsettled = self._unsettled or decided
        await self._check_other_shards()
        if not self._unsettled and self._session.clock.steady() < self._next_check_at:
            return
        found = await asyncio.to_thread(order_queries.unsettled, self._session.reader)
        self._unsettled, refused = False, True  # what arrives meanwhile sets it again
        try:
            refused, waits = await self._settle_all(found)
        finally:
            self._unsettled = self._unsettled or refused
        pause = RECHECK_MS if self._session.shard.whole else 0
        self._next_check_at = self._session.clock.steady() + pause if waits else inf
        set_installation_alert(
            self._session, AlertKind.PAYMENT_WAITING, WAITING if waits or refused else None
        )

    async def _settle_all(self, subjects: Iterable[Subject]) -> tuple[bool, bool]:
        """Settle what is due; say whether some was refused for now, and whether some waits for a person."""
        refused = waits = False
        for subject in subjects:
            async with self.lock:
                try:
                    waits = await self._settle(subject) or waits
                except RequestRefused as error:
                    _LOGGER.warning("%s could not be settled yet: %s", subject, error.message)
                    refused = True
        return refused, waits


def provider_actor(provider_id: str) -> Actor:
    """Return who acts where a provider told something."""
    return Actor(name=f"provider {provider_id}", role=Role.UNKNOWN)


def _record(provider_id: str, told: ProviderEvent) -> dict[str, object]:
    """Return what the event log keeps of an event."""
    return {
        "provider": provider_id,
        "event": told.event_id,
        "kind": told.kind.value,
        "order": told.order_id,
        "payment": told.payment_id,
        "reversal": told.reversal_id,
        "amount": told.amount,
        "currency": told.currency,
    }


def _check_ids(told: ProviderEvent) -> None:
    """Refuse ids that no key could hold."""
    for name, value in (("id", told.event_id), ("payment", told.payment_id), ("reversal", told.reversal_id)):
        if value is not None and len(value) > KEY_LENGTH:
            what = f"{name} is longer than {KEY_LENGTH} characters"
            raise RequestRefused(ErrorCode.BAD_REQUEST, what, field=name, remedy="see docs/payments.md")
