"""What a person decides on payments that no order explains: credit them, or say that they were returned."""

import asyncio
from collections.abc import Callable
from functools import partial
import logging
from typing import Final

from meter_bridge.actor import EVERYTHING, Actor
from meter_bridge.core.calendar import iso
from meter_bridge.core.money import MoneyError, amount_digits, format_amount
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.state.events import record_event
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import (
    Booking,
    BookingStep,
    Order,
    PaymentCase,
    ReviewItem,
    ReviewReason,
    review_items,
)
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.bookings import BookingRecord, CreditPayment
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.payments.orders.service import OrderService
from meter_bridge.protocol.messages import ErrorCode, EventKind
from meter_bridge.protocol.payments import PaymentDecided, WaitingPayment, WaitingPayments
from meter_bridge.protocol.requests import PaymentDecision
from meter_bridge.storage import changeset as ops
from meter_bridge.storage.errors import reason
from meter_bridge.storage.failures import is_storage_failure

_LOGGER: Final = logging.getLogger(__name__)
type FindAccount = Callable[[Actor, str], Account]
_REASON_TEXTS: Final = {
    ReviewReason.WRONG_AMOUNT: "what was paid is not what was ordered",
    ReviewReason.WRONG_CURRENCY: "it was paid in another currency than was ordered",
    ReviewReason.SECOND_PAYMENT: "the order was paid already, by another payment",
    ReviewReason.UNKNOWN_ORDER: "it names no order",
    ReviewReason.CLOSED_ACCOUNT: "the customer who ordered it has moved out",
}


class ManualReview:
    """Where the landlord looks at payments that wait."""

    def __init__(
        self, session: Session, operations: Operations, orders: OrderService, find_account: FindAccount
    ) -> None:
        self._session = session
        self._operations = operations
        self._orders = orders
        self._find_account = find_account

    async def waiting(self, actor: Actor) -> WaitingPayments:
        """Return what waits for a person and what the actor may see of it."""
        found = []
        for subject in await asyncio.to_thread(order_queries.unsettled_subjects, self._session.reader):
            case = await self._orders.booking_steps.read_case(subject)
            if self._orders.event_handler.is_responsible_for(case) and await self._may_see(actor, case.order):
                found += [self._view(subject, case, each) for each in review_items(case)]
        return WaitingPayments(tuple(found))

    async def _may_see(self, actor: Actor, order: Order | None) -> bool:
        """Return whether the actor may see an order; payments without one belong to the installation."""
        if EVERYTHING in actor.sites:
            return True
        if order is None:
            return False
        if not self._orders.booking_steps.is_local_account(order.account_id):
            site = await asyncio.to_thread(
                order_queries.site_id_of_account, self._session.reader, order.account_id
            )
            return site is not None and actor.sees(order.account_id, site)
        account = self._session.installation.accounts.get(order.account_id)
        return account is not None and actor.sees(account.id, account.site.id)

    def _view(self, subject: Subject, case: PaymentCase, item: ReviewItem) -> WaitingPayment:
        event = item.event
        return WaitingPayment(
            provider=subject.provider,
            provider_name=self._orders.name_of(subject.provider),
            payment=event.payment_id or "",
            reversal=event.reversal_id,
            reason=item.reason.value,
            message=_message(case, item),
            amount=event.amount,
            currency=event.currency,
            amount_digits=None if event.currency is None else amount_digits(event.currency),
            order=None if case.order is None else case.order.id,
            account_id=None if case.order is None else case.order.account_id,
            heard_at=iso(event.happened_at or (case.order.created_at if case.order else 0)),
        )

    async def decide(self, actor: Actor, decision: PaymentDecision) -> PaymentDecided:
        """Credit a payment that waits to an account, or dismiss it; each once."""
        async with self._orders.event_handler.lock:
            decided = await self._decide(actor, decision)
        try:
            await self._orders.event_handler.settle_unsettled(after_decision=True)
        except Exception as error:
            if not is_storage_failure(error):
                raise
            _LOGGER.warning("What follows from a decision is settled later: %s", reason(error))
        return decided

    async def _decide(self, actor: Actor, decision: PaymentDecision) -> PaymentDecided:
        order_id = await asyncio.to_thread(
            order_queries.order_id_of_payment, self._session.reader, decision.provider, decision.payment
        )
        subject = Subject(decision.provider, order_id, decision.payment)
        case = await self._orders.booking_steps.read_case(subject)
        if (first := _decided_before(decision, case)) is not None and await self._may_see(actor, case.order):
            return _answer(decision, first.entry_id)
        item = next((each for each in review_items(case) if each.event.payment_id == decision.payment), None)
        if item is None or item.event.reversal_id is not None or not await self._may_see(actor, case.order):
            raise RequestRefused(
                ErrorCode.NOT_FOUND,
                f"payment {decision.payment!r} does not wait for a decision",
                field="payment",
                value=decision.payment,
                remedy="'meter-bridge payments waiting' shows those that do",
            )
        entry = None
        if decision.decision == "credit":
            entry = await self._credit(actor, decision, case, item)
        else:
            await self._dismiss(actor, decision, case)
        return _answer(decision, entry)

    async def _credit(
        self, actor: Actor, decision: PaymentDecision, case: PaymentCase, item: ReviewItem
    ) -> str:
        account_id = decision.account or (case.order.account_id if case.order else None)
        if account_id is None:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "it is not said to which account the payment goes",
                field="account",
                remedy="name the account",
            )
        account = self._find_account(actor, account_id)
        event = item.event
        if event.amount is None or event.currency != account.site.currency:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"it was paid in {event.currency} and {account.id} is kept in {account.site.currency}",
                field="account",
                value=account.id,
                remedy="return it to who paid and dismiss it, or book a top-up of what it came to",
            )
        record = self._record(decision, case, BookingStep.CREDIT, event.amount)
        operation = CreditPayment(record, partial(self._record_event, decision, case))
        result, _ = await self._operations.run(actor, account.id, operation, record.operation_key)
        return result.top_up.id

    async def _dismiss(self, actor: Actor, decision: PaymentDecision, case: PaymentCase) -> None:
        record = self._record(decision, case, BookingStep.DISMISS, 0)
        account_id = None if case.order is None else case.order.account_id
        tx = self._session.begin(actor)
        tx.changeset.add(ops.INSERT_PAYMENT_BOOKING, record.row(account_id, None, tx))
        self._record_event(decision, case, tx)
        await self._session.commit(tx)

    def _record(
        self, decision: PaymentDecision, case: PaymentCase, step: BookingStep, amount: int
    ) -> BookingRecord:
        return BookingRecord(
            provider=decision.provider,
            name=self._orders.name_of(decision.provider),
            step=step,
            key=decision.payment,
            payment_id=decision.payment,
            order_id=None if case.order is None else case.order.id,
            amount=amount,
            note=decision.reason,
        )

    def _record_event(self, decision: PaymentDecision, case: PaymentCase, tx: Transaction) -> None:
        data: dict[str, object] = {"provider": decision.provider, "payment": decision.payment}
        data |= {"decision": decision.decision}
        data |= {"reason": decision.reason, "by": tx.actor}
        account_id = decision.account or (case.order.account_id if case.order else None)
        if case.order is not None and account_id == case.order.account_id:
            data["tenancy"] = case.order.tenancy
        record_event(
            self._session.installation, tx, EventKind.PAYMENT_DECIDED, account_id=account_id, data=data
        )


def _decided_before(decision: PaymentDecision, case: PaymentCase) -> Booking | None:
    """Return what was booked when the same decision was made before: its answer may have been lost."""
    step = BookingStep.CREDIT if decision.decision == "credit" else BookingStep.DISMISS
    account_id = decision.account or (case.order.account_id if case.order else None)
    for each in case.bookings:
        is_same = (each.step, each.key, each.note) == (step, decision.payment, decision.reason)
        if is_same and (step is BookingStep.DISMISS or each.account_id == account_id):
            return each
    return None


def _answer(decision: PaymentDecision, entry: str | None) -> PaymentDecided:
    return PaymentDecided(
        provider=decision.provider, payment=decision.payment, decision=decision.decision, top_up=entry
    )


def _message(case: PaymentCase, item: ReviewItem) -> str:
    event, order = item.event, case.order
    label = "A refund or charge-back" if event.reversal_id else "A payment"
    text = f"{label} of {_amount_text(event.amount, event.currency)} waits: {_REASON_TEXTS[item.reason]}"
    if item.reason in (ReviewReason.WRONG_AMOUNT, ReviewReason.WRONG_CURRENCY) and order is not None:
        text += f", {_amount_text(order.amount, order.currency)}"
    return text


def _amount_text(amount: int | None, currency: str | None) -> str:
    if amount is None or currency is None:
        return "an unknown amount"
    try:
        return format_amount(amount, currency)
    except MoneyError:
        return f"an amount in {currency!r}"
