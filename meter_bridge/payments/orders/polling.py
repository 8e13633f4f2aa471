"""Asking providers what became of orders of which nothing is heard: no webhook may ever come."""

import asyncio
from collections.abc import Iterable, Mapping
import logging
from typing import Final

from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import UNDECIDED_STATES, Order, order_state
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.bookings import BookingSteps
from meter_bridge.payments.orders.order_queries import Subject, checkout_of
from meter_bridge.payments.orders.webhooks import ProviderEventHandler
from meter_bridge.payments.providers.provider import Provider, ProviderDownError
from meter_bridge.protocol.messages import ErrorCode

_LOGGER: Final = logging.getLogger(__name__)
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
        """Follow the orders that were made before the start and not paid."""
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
        if last is not None and self._can_store() and self._session.clock.steady_ms() - last >= MIN_PAUSE_MS:
            await self._poll(order)

    async def tick(self) -> None:
        """Ask for the orders that are due, and follow no more those of which something final is known."""
        now, steady = self._session.clock.now(), self._session.clock.steady_ms()
        for order_id in list(self._attempts):
            if not self._can_store():
                return
            if self._is_due(order_id, steady):
                order = await asyncio.to_thread(order_queries.get_order, self._session.reader, order_id)
                if order is None or now - order.created_at > POLL_FOR_MS:
                    self._stop_polling(order_id)
                elif self._is_due(order_id, steady):  # no customer looked meanwhile
                    await self._poll(order)

    def _is_due(self, order_id: str, steady: int) -> bool:
        """Return whether it is time to ask for an order that is still followed."""
        attempts = self._attempts.get(order_id)
        if attempts is None:
            return False
        return (
            steady - self._last_polled_at[order_id] >= POLL_PAUSES_MS[min(attempts, len(POLL_PAUSES_MS) - 1)]
        )

    def _can_store(self) -> bool:
        """Return whether an answer could be stored; otherwise the provider is asked later."""
        return self._session.can_change

    def _stop_polling(self, order_id: str) -> None:
        self._attempts.pop(order_id, None)
        self._last_polled_at.pop(order_id, None)

    async def _poll(self, order: Order) -> None:
        """Ask a provider what became of an order; again later where nothing is answered or stored."""
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
