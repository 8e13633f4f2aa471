"""The cashier: customers' orders. Each is stored before anybody is sent to pay."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import json
import logging
import secrets
from typing import Final
from weakref import WeakValueDictionary

from meter_bridge.actor import Actor
from meter_bridge.core.calendar import HOUR_MS
from meter_bridge.engine.accounts.top_ups import TopUp
from meter_bridge.engine.operations.operation import MAX_KEY_LENGTH, Operations, account_closed
from meter_bridge.engine.operations.unusual_amount import check_usual
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused, check_text
from meter_bridge.payments.order import Order, ProviderEvent, ProviderEventKind
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.bookings import BookingSteps
from meter_bridge.payments.orders.order_queries import Subject, checkout_of, payment_view
from meter_bridge.payments.orders.webhooks import ProviderEventHandler, ProviderPolling
from meter_bridge.payments.providers.provider import Provider, ProviderDownError, ReturnLinks
from meter_bridge.payments.settings_file import ProvidersFile
from meter_bridge.payments.vouchers.batches import ALPHABET
from meter_bridge.protocol.messages import ErrorCode, EventKind
from meter_bridge.protocol.payments import PaymentList, PaymentView
from meter_bridge.protocol.requests import PaymentOrder
from meter_bridge.storage import changeset as ops

REFERENCE_LENGTH: Final = 8
MAX_PER_HOUR: Final = 30
"""Orders of one account; each costs a call to the provider."""
MAX_LISTED: Final = 50
START_TIMEOUT_S: Final = 20.0
_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Customer:
    """The customer who pays: an account and its tenancy at the time."""

    account_id: str
    tenancy: int

    @classmethod
    def of(cls, account: Account) -> _Customer:
        """Return the present customer of an account."""
        return cls(account.id, account.tenancy.n)


class OrderService:
    """Orders and payments of one session."""

    def __init__(self, session: Session, operations: Operations, file: ProvidersFile) -> None:
        self._session = session
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self.file = file
        self.booking_steps = BookingSteps(session, operations, self.name_of)
        self.event_handler = ProviderEventHandler(
            session, self.booking_steps, file.providers, incomplete=bool(file.problems)
        )
        self._polling = ProviderPolling(session, self.booking_steps, self.event_handler, file.providers)

    def name_of(self, provider_id: str) -> str:
        """Return the name of a provider, also of one that is configured no more."""
        provider = self.file.providers.get(provider_id)
        return provider_id if provider is None else provider.name

    def offered_providers(self, account: Account) -> list[Provider]:
        """Return the providers with which the customer of an account may pay."""
        site = account.site
        return [each for each in self.file.providers.values() if each.accepts(site.currency, site.id)]

    async def place_order(
        self, actor: Actor, account: Account, request: PaymentOrder, key: str, *, confirmed: bool
    ) -> tuple[PaymentView, bool]:
        """Make an order and let the customer pay it, once per key; a double click is one order."""
        check_text("Idempotency-Key", key, MAX_KEY_LENGTH)
        provider = self._provider(account, request.provider)
        top_up, customer = (
            TopUp.from_request(account, request.amount, provider.name, None),
            _Customer.of(account),
        )
        lock = self._locks.setdefault((account.id, key), asyncio.Lock())
        async with lock:
            checks = self._check if confirmed else self._check_usual
            order, known = await self._find_or_create(actor, customer, provider, top_up, key, checks)
            await self._start(provider, order)
            return await self.view(order), known

    def _provider(self, account: Account, provider_id: str) -> Provider:
        offered = {each.id: each for each in self.offered_providers(account)}
        if provider_id not in offered:
            names = ", ".join(offered)
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                "this way to pay is not offered here",
                field="provider",
                value=provider_id,
                remedy=f"choose from {names}" if offered else "use a voucher, or pay the landlord",
            )
        return offered[provider_id]

    async def _find_or_create(
        self,
        actor: Actor,
        customer: _Customer,
        provider: Provider,
        top_up: TopUp,
        key: str,
        check: Callable[[TopUp, Account], None],
    ) -> tuple[Order, bool]:
        reader = self._session.reader
        known = await asyncio.to_thread(order_queries.order_by_key, reader, customer.account_id, key)
        if known is None:
            check(top_up, self._current_account(customer))
            await self._check_rate(customer.account_id)
            return await self._create(actor, customer, provider, top_up.amount, key), False
        terms = (known.provider, known.amount, known.tenancy)
        if terms != (provider.id, top_up.amount, customer.tenancy):
            raise RequestRefused(
                ErrorCode.IDEMPOTENCY_CONFLICT,
                "this key was used before for another payment",
                field="Idempotency-Key",
                value=key,
                remedy="use a new key for a new payment",
            )
        return known, True

    def _check(self, top_up: TopUp, account: Account) -> None:
        top_up.check(self._session, account)

    def _check_usual(self, top_up: TopUp, account: Account) -> None:
        top_up.check(self._session, account)
        check_usual(account, top_up.typed_amounts(), self._session.clock.now())

    async def _check_rate(self, account_id: str) -> None:
        since = self._session.clock.now() - HOUR_MS
        recent = await asyncio.to_thread(
            order_queries.count_orders_since, self._session.reader, account_id, since
        )
        if recent >= MAX_PER_HOUR:
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many payments were begun and not made within the last hour",
                remedy="finish one of them, or try again in an hour",
            )

    def _current_account(self, customer: _Customer) -> Account:
        """Return a customer's account as it is now: the state may have been reloaded since the request."""
        account = self._session.installation.accounts.get(customer.account_id)
        if account is None:
            raise account_closed(customer.account_id)
        if account.tenancy.end is not None:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"nobody lives in {account.name}: it takes no payments",
                remedy="move the next customer in first",
            )
        if account.tenancy.n != customer.tenancy:
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"the customer of {account.name} has moved out meanwhile; nothing was ordered",
                remedy="look who lives there now, and ask again",
            )
        return account

    async def _create(
        self, actor: Actor, customer: _Customer, provider: Provider, amount: int, key: str
    ) -> Order:
        account = self._current_account(customer)
        tx = self._session.begin(actor)
        order = Order(
            id=f"pay-{secrets.token_hex(12)}",
            account_id=account.id,
            tenancy=account.tenancy.n,
            provider=provider.id,
            amount=amount,
            currency=account.site.currency,
            reference="".join(secrets.choice(ALPHABET) for _ in range(REFERENCE_LENGTH)),
            actor=tx.actor,
            created_at=tx.at,
        )
        row = {name: getattr(order, name) for name in Order.__slots__} | {"key": key}
        tx.changeset.add(ops.INSERT_PAYMENT_ORDER, row)
        data = {"order": order.id, "provider": provider.id, "amount": amount, "by": tx.actor}
        kind = EventKind.PAYMENT_ORDERED
        record_event(self._session.installation, tx, kind, account_id=account.id, data=data)
        await self._session.commit(tx)
        self._polling.follow([order])
        return order

    async def _start(self, provider: Provider, order: Order) -> None:
        case = await self.booking_steps.read_case(Subject(order.provider, order.id, None))
        if checkout_of(case) is not None or case.credited:
            return
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                started = await provider.start_checkout(order, self._return_links(order))
        except (ProviderDownError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            _LOGGER.warning("%s could not start %s: %s", provider.id, order.id, reason)
            raise RequestRefused(
                ErrorCode.PROVIDER_UNAVAILABLE,
                f"{provider.name} does not answer; nothing was paid",
                field="provider",
                value=provider.id,
                remedy="try again in a minute, or use a voucher",
            ) from error
        detail = {"url": started.url, "instructions": started.instructions, "handle": started.handle}
        event_id, text = f"start:{order.id}", json.dumps(detail)
        event = ProviderEvent(
            event_id=event_id, kind=ProviderEventKind.STARTED, order_id=order.id, detail=text
        )
        await self.event_handler.save(provider.id, event, order)

    def _return_links(self, order: Order) -> ReturnLinks | None:
        page = self.file.page
        if page is None:
            return None
        return ReturnLinks(f"{page}/my/paid#{order.id}", f"{page}/my/cancelled#{order.id}")

    async def view(self, order: Order) -> PaymentView:
        """Return an order as it goes over the wire."""
        case = await self.booking_steps.read_case(Subject(order.provider, order.id, None))
        return payment_view(case, self.name_of(order.provider))

    async def list(self, account: Account, tenancy: int | None) -> PaymentList:
        """Return the newest orders of an account, of one tenancy or of all."""
        reader = self._session.reader
        found = await asyncio.to_thread(order_queries.newest_orders, reader, account.id, tenancy, MAX_LISTED)
        return PaymentList(tuple([await self.view(each) for each in found]))

    async def refreshed_view(self, account: Account, tenancy: int | None, order_id: str) -> PaymentView:
        """Return an order; where nothing was heard of it yet, its provider is asked first."""
        order = await asyncio.to_thread(order_queries.get_order, self._session.reader, order_id)
        if order is None or order.account_id != account.id or tenancy not in (None, order.tenancy):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"account {account.id} has no payment {order_id!r}",
                field="payment",
                value=order_id,
                remedy=f"GET /api/v1/accounts/{account.id}/payments lists those that there are",
            )
        await self._polling.poll_now(order)
        return await self.view(order)

    async def tick(self) -> None:
        """Settle what a stop left behind, and ask providers that are silent."""
        if self._session.can_change:
            await self.event_handler.settle_unsettled()
            await self._polling.tick()
