"""Events of providers, from webhooks and from polling: stored once and permanently, then settled.

An event is stored before anything is booked for it, and its provider is answered only after both. If the
bridge stops in between, the event is settled at the next start, or when the provider repeats it. Providers
whose orders are still undecided are polled as well, since a webhook may never come.

If several bridges share the sites, an event is stored by the bridge of its order's account, without an
order by that of the first shard. Each step is booked by the bridge that keeps the account's books.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
import logging
from math import inf
from typing import Final

from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import (
    UNDECIDED_STATES,
    Order,
    PaymentCase,
    ProviderEvent,
    ProviderEventKind,
    next_step,
    order_state,
    review_items,
)
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.bookings import KEY_LENGTH, BookingSteps, provider_actor
from meter_bridge.payments.orders.order_queries import Subject, checkout_of
from meter_bridge.payments.orders.waiting_alert import (
    NO_ORDER,
    WaitingAtSite,
    update_waiting_alerts,
    waiting_facts,
)
from meter_bridge.payments.providers.provider import (
    Provider,
    ProviderDownError,
    UnreadableError,
    WrongSignatureError,
)
from meter_bridge.protocol.messages import ErrorCode, EventKind
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.shards import Shard

_LOGGER: Final = logging.getLogger(__name__)
RECHECK_MS: Final = 300_000
"""So often a bridge alone looks at what waits for a person; of several, another may hear the decision."""


class ProviderEventHandler:
    """Takes what providers tell, one event at a time."""

    def __init__(
        self,
        session: Session,
        booking_steps: BookingSteps,
        providers: Mapping[str, Provider],
        *,
        incomplete: bool = False,
    ) -> None:
        """Remember the providers; ``incomplete`` says that a mistake turned some of them off."""
        self._session = session
        self._booking_steps = booking_steps
        self._providers = providers
        self._incomplete = incomplete
        self.lock = asyncio.Lock()
        """Held while an event or a decision is stored and settled."""
        self._newest_number = order_queries.newest_event_number(session.reader, session.shard)
        self._has_unsettled = bool(order_queries.unsettled_subjects(session.reader))
        """Something may be settled, or was told anew, since the last look."""
        self._next_check_at: float = -inf
        """When what waits for a person is looked at again, by the steady clock."""
        self._seen_elsewhere = self._newest_elsewhere()

    async def receive_webhook(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> int:
        """Take a provider's message; return how many events were new."""
        provider = self._providers.get(provider_id)
        if provider is None and self._incomplete:
            # The sender has to try again: the provider may be the one with the mistake.
            message = "messages of this provider cannot be taken at present"
            raise RequestRefused(ErrorCode.PROVIDER_UNAVAILABLE, message, remedy="send it again later")
        if provider is None:
            raise RequestRefused(ErrorCode.NOT_FOUND, "there is no such provider", remedy="see payments.yaml")
        try:
            events = provider.parse_webhook(headers, body, self._session.clock.believed_wall())
        except WrongSignatureError as error:
            _LOGGER.warning("A message for provider %s was refused: %s", provider_id, error)
            message = f"the message is not accepted: {error}"
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, message, remedy="sign it again") from error
        except UnreadableError as error:
            _LOGGER.warning("A message of provider %s makes no sense: %s", provider_id, error)
            raise RequestRefused(ErrorCode.BAD_REQUEST, str(error), remedy="see docs/payments.md") from error
        return sum(
            [
                await self.handle(provider_id, each)
                for each in events
                if await self._is_stored_here(provider_id, each)
            ]
        )

    async def _is_stored_here(self, provider_id: str, event: ProviderEvent) -> bool:
        """Raise ``RequestRefused`` if another bridge has to store the event and has not."""
        reader = self._session.reader
        if (
            await asyncio.to_thread(order_queries.shard_of_event, reader, provider_id, event)
            == self._session.shard.n
        ):
            return True
        if await asyncio.to_thread(order_queries.get_event, reader, provider_id, event.event_id) is not None:
            return False
        raise RequestRefused(
            ErrorCode.STORAGE_UNAVAILABLE,
            "another bridge keeps the books of this event's account",
            field="id",
            value=event.event_id,
            remedy="send it again; it is passed on to that bridge",
        )

    async def handle(self, provider_id: str, event: ProviderEvent) -> bool:
        """Store one event unless it is known, then settle what it is about; say whether it was new."""
        _check_ids(event)
        async with self.lock:
            new, stored = await self._save_new(provider_id, event)
            try:
                waiting = await self._settle(Subject(provider_id, stored.order_id, stored.payment_id))
            except RequestRefused:
                self._has_unsettled = True
                raise
            self._has_unsettled = self._has_unsettled or waiting is not None
        return new

    async def _save_new(self, provider_id: str, event: ProviderEvent) -> tuple[bool, ProviderEvent]:
        """Store an event with its order; a repeated event must have the same content."""
        event, stored, order = await asyncio.to_thread(self._look_up, provider_id, event)
        if stored is None:
            await self.save(provider_id, event, order)
            return True, event
        if replace(stored, happened_at=event.happened_at) != event:
            raise RequestRefused(
                ErrorCode.IDEMPOTENCY_CONFLICT,
                "this event was told before with other content; the first holds",
                field="id",
                value=event.event_id,
                remedy="give each event an id of its own",
            )
        return False, stored

    def _look_up(
        self, provider_id: str, event: ProviderEvent
    ) -> tuple[ProviderEvent, ProviderEvent | None, Order | None]:
        """Return the event with its order's id, the event as stored before, and the order."""
        reader = self._session.reader
        order = order_queries.find_order(reader, provider_id, event)
        stored = order_queries.get_event(reader, provider_id, event.event_id)
        event = replace(event, order_id=None if order is None else order.id, reference=None)
        return event, stored, order

    async def save(self, provider_id: str, event: ProviderEvent, order: Order | None) -> None:
        """Store an event, with a record of it for the account and tenancy of its order."""
        tx = self._session.begin(provider_actor(provider_id))
        self._newest_number += 1
        row = {name: getattr(event, name) for name in ProviderEvent.__slots__ if name != "reference"}
        row |= {"n": self._newest_number, "provider": provider_id, "kind": event.kind.value, "at": tx.at}
        tx.changeset.add(ops.INSERT_PAYMENT_EVENT, row)
        if event.kind is not ProviderEventKind.STARTED:
            kind, account_id = EventKind.PAYMENT_HEARD, None if order is None else order.account_id
            data = _event_data(provider_id, event) | ({} if order is None else {"tenancy": order.tenancy})
            record_event(self._session.installation, tx, kind, account_id=account_id, data=data)
        await self._session.commit(tx)

    async def _settle(self, subject: Subject) -> PaymentCase | None:
        """Book every step that is due; return the case where a person must decide the rest."""
        subject = await self._booking_steps.with_order(subject)
        case = await self._booking_steps.read_case(subject)
        while (step := next_step(case)) is not None and self._booking_steps.is_local_account(
            step.account_id(case)
        ):
            await self._booking_steps.book(subject, case, step)
            case = await self._booking_steps.read_case(subject)
        return case if review_items(case) and self.is_responsible_for(case) else None

    def is_responsible_for(self, case: PaymentCase) -> bool:
        """Return whether this bridge reports a waiting case; the first one has those without an order."""
        if case.order is None:
            return self._session.shard.n == order_queries.DEFAULT_SHARD
        return self._booking_steps.is_local_account(case.order.account_id)

    def _newest_elsewhere(self) -> dict[Shard, int]:
        own = self._session.shard
        others = (Shard(n, own.count) for n in range(own.count) if n != own.n)
        return {shard: order_queries.newest_event_number(self._session.reader, shard) for shard in others}

    async def _check_other_shards(self) -> None:
        """Find what other bridges received for accounts here, such as a refund before its payment."""
        if not self._providers:
            return
        newest = await asyncio.to_thread(self._newest_elsewhere)
        if newest == self._seen_elsewhere:
            return
        news = order_queries.newer_than(self._seen_elsewhere)
        for subject in await asyncio.to_thread(order_queries.unsettled_subjects, self._session.reader, news):
            case = await self._booking_steps.read_case(subject)
            step = next_step(case)
            if step is not None and self._booking_steps.is_local_account(step.account_id(case)):
                self._has_unsettled = True
        self._seen_elsewhere = newest

    async def settle_unsettled(self, *, after_decision: bool = False) -> None:
        """Settle what was not booked yet; after a decision a refund may be due that was reported before."""
        self._has_unsettled = self._has_unsettled or after_decision
        await self._check_other_shards()
        if not self._has_unsettled and self._session.clock.steady_ms() < self._next_check_at:
            return
        subjects = await asyncio.to_thread(order_queries.unsettled_subjects, self._session.reader)
        self._has_unsettled, refused = False, True  # what arrives meanwhile sets it again
        try:
            refused, waiting = await self._settle_all(subjects)
        finally:
            self._has_unsettled = self._has_unsettled or refused
        pause = 0 if self._seen_elsewhere else RECHECK_MS  # another bridge's books may change at any time
        self._next_check_at = self._session.clock.steady_ms() + pause if waiting else inf
        sites = self._session.installation.sites
        names = {site_id: (site.name, site.time_zone) for site_id, site in sites.items()}
        facts = waiting_facts([await self._at_site(case) for case in waiting], names)
        if refused:
            facts.setdefault(NO_ORDER, {"case": "not_booked"})
        update_waiting_alerts(self._session, facts)

    async def _at_site(self, case: PaymentCase) -> WaitingAtSite:
        site_id = None
        if case.order is not None:
            account_id, reader = case.order.account_id, self._session.reader
            site_id = await asyncio.to_thread(order_queries.site_id_of_account, reader, account_id)
        if site_id is None or site_id not in self._session.installation.sites:
            site_id = NO_ORDER
        return WaitingAtSite(site_id, case)

    async def _settle_all(self, subjects: Iterable[Subject]) -> tuple[bool, list[PaymentCase]]:
        """Return whether a step was refused for now, and the cases that need a person's decision."""
        refused, waiting = False, list[PaymentCase]()
        for subject in subjects:
            async with self.lock:
                try:
                    case = await self._settle(subject)
                except RequestRefused as error:
                    _LOGGER.warning("%s could not be settled yet: %s", subject, error.message)
                    refused = True
                    continue
            if case is not None:
                waiting.append(case)
        return refused, waiting


def _event_data(provider_id: str, event: ProviderEvent) -> dict[str, object]:
    return {
        "provider": provider_id,
        "event": event.event_id,
        "kind": event.kind.value,
        "order": event.order_id,
        "payment": event.payment_id,
        "reversal": event.reversal_id,
        "amount": event.amount,
        "currency": event.currency,
    }


def _check_ids(event: ProviderEvent) -> None:
    for name, value in (
        ("id", event.event_id),
        ("payment", event.payment_id),
        ("reversal", event.reversal_id),
    ):
        if value is not None and len(value) > KEY_LENGTH:
            what = f"{name} is longer than {KEY_LENGTH} characters"
            raise RequestRefused(ErrorCode.BAD_REQUEST, what, field=name, remedy="see docs/payments.md")


POLL_PAUSES_MS: Final = (15_000, 30_000, 60_000, 120_000, 300_000, 900_000, 3_600_000)
"""Pauses before a provider is asked again; the last one goes on."""
POLL_FOR_MS: Final = 26 * 3_600_000
"""How long a provider is asked; a page of Stripe's is good for 24 hours."""
MIN_PAUSE_MS: Final = 2_000
"""A customer who looks makes the bridge ask no more often than this."""
ANSWER_TIMEOUT_S: Final = 8.0


class ProviderPolling:
    """Follows orders until something final is known of them."""

    def __init__(
        self,
        session: Session,
        booking_steps: BookingSteps,
        event_handler: ProviderEventHandler,
        providers: Mapping[str, Provider],
    ) -> None:
        self._session = session
        self._booking_steps = booking_steps
        self._event_handler = event_handler
        self._providers = providers
        self._attempts: dict[str, int] = {}
        self._last_polled_at: dict[str, int] = {}
        self.follow(
            order_queries.unpaid_since(session.reader, session.clock.now() - POLL_FOR_MS, session.shard)
        )

    def follow(self, orders: Iterable[Order]) -> None:
        """Begin to ask for orders."""
        for order in orders:
            self._attempts[order.id], self._last_polled_at[order.id] = 0, self._session.clock.steady_ms()

    async def poll_now(self, order: Order) -> None:
        """Ask because a customer looks, unless that was done a moment ago."""
        last = self._last_polled_at.get(order.id)
        if (
            last is not None
            and self._session.can_change
            and self._session.clock.steady_ms() - last >= MIN_PAUSE_MS
        ):
            await self._poll(order)

    async def tick(self) -> None:
        """Ask for the orders that are due, and follow no more those of which something final is known."""
        now, steady = self._session.clock.now(), self._session.clock.steady_ms()
        for order_id in list(self._attempts):
            if not self._session.can_change:
                return
            if self._is_due(order_id, steady):
                order = await asyncio.to_thread(order_queries.get_order, self._session.reader, order_id)
                if order is None or now - order.created_at > POLL_FOR_MS:
                    self._stop_polling(order_id)
                elif self._is_due(order_id, steady):  # no customer looked meanwhile
                    await self._poll(order)

    def _is_due(self, order_id: str, steady: int) -> bool:
        attempts = self._attempts.get(order_id)
        if attempts is None:
            return False
        return (
            steady - self._last_polled_at[order_id] >= POLL_PAUSES_MS[min(attempts, len(POLL_PAUSES_MS) - 1)]
        )

    def _stop_polling(self, order_id: str) -> None:
        self._attempts.pop(order_id, None)
        self._last_polled_at.pop(order_id, None)

    async def _poll(self, order: Order) -> None:
        """Poll a provider; poll again later if there is no answer or it cannot be stored."""
        self._attempts[order.id] += 1
        self._last_polled_at[order.id] = self._session.clock.steady_ms()
        case = await self._booking_steps.read_case(Subject(order.provider, order.id, None))
        if order_state(case) not in UNDECIDED_STATES:
            self._stop_polling(order.id)
            return
        provider, started = self._providers.get(order.provider), checkout_of(case)
        if provider is None or started is None or started.handle is None:
            return
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                events = await provider.fetch_events(order, started.handle)
        except (ProviderDownError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            _LOGGER.warning("%s was asked for %s: %s", order.provider, order.id, reason)
            return
        try:
            for event in events:
                await self._event_handler.handle(order.provider, event)
        except RequestRefused as refused:
            if refused.code is not ErrorCode.STORAGE_UNAVAILABLE:
                raise
            message = "What %s told of %s could not be settled yet, it is asked again: %s"
            _LOGGER.warning(message, order.provider, order.id, refused.message)
            if order.id in self._attempts:
                self._attempts[order.id] = 0  # the next pause is the first one's, not up to an hour
