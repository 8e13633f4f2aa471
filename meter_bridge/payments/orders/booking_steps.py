"""Taking one step for a payment: the operation that books it, on the account that it belongs to."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from meter_bridge.actor import Actor
from meter_bridge.engine.operations.operation import Operation, Operations
from meter_bridge.engine.state.session import Session
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import BookingStep, NextStep, Order, PaymentCase
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.bookings import (
    BookingRecord,
    CreditPayment,
    ReinstatePayment,
    ReversePayment,
)
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.payments.provider_event import ProviderEventKind
from meter_bridge.protocol.messages import ErrorCode, Role
from meter_bridge.storage import changeset as ops

REVERSED_BY_HAND: Final = "a person had taken the top-up back before"
NOTHING_TO_REINSTATE: Final = "other refunds and charge-backs still stand for all of the payment"


class BookingSteps:
    """Books steps on one session."""

    def __init__(self, session: Session, operations: Operations, name_of: Callable[[str], str]) -> None:
        """Keep what steps go through; ``name_of`` names a provider for people."""
        self._session = session
        self._operations = operations
        self._name_of = name_of

    async def read_case(self, subject: Subject) -> PaymentCase:
        """Return all that is known of a subject now."""
        return await asyncio.to_thread(
            order_queries.read_case, self._session.reader, subject, self.has_current_customer
        )

    async def with_order(self, subject: Subject) -> Subject:
        """Return a subject with the order of its payment, where the payment alone was named."""
        if subject.order_id is not None or subject.payment_id is None:
            return subject
        provider, payment = subject.provider, subject.payment_id
        reader = self._session.reader
        known = await asyncio.to_thread(order_queries.order_id_of_payment, reader, provider, payment)
        return replace(subject, order_id=known)

    def has_current_customer(self, connection: Connection, order: Order) -> bool:
        """Return whether the customer who ordered still has the account, which may be another shard's."""
        if not self.is_local_account(order.account_id):
            return order_queries.is_current_customer(connection, order)
        account = self._session.installation.accounts.get(order.account_id)
        return account is not None and account.tenancy.n == order.tenancy and account.tenancy.end is None

    def is_local_account(self, account_id: str) -> bool:
        """Return whether this session keeps the books of an account: no other bridge may write in them."""
        installation = self._session.installation
        return (
            self._session.shard.whole
            or account_id in installation.accounts
            or account_id in installation.closed
        )

    async def book(self, subject: Subject, case: PaymentCase, step: NextStep) -> None:
        """Book a step, or note that a person had booked it."""
        actor = Actor(name=f"provider {subject.provider}", role=Role.UNKNOWN)
        record = self._record(subject, case, step)
        account_id = step.account_id(case)
        if step.step is BookingStep.CREDIT:
            await self._run_operation(actor, account_id, CreditPayment(record), record)
            return
        credited = case.credited[step.payment_id]
        if step.step is BookingStep.REINSTATE and not step.amount:
            await self.record_without_entry(actor, record, account_id, NOTHING_TO_REINSTATE)
            return
        if step.step is BookingStep.REINSTATE:
            await self._run_operation(actor, account_id, ReinstatePayment(record), record)
            return
        earlier = [
            each
            for each in case.bookings
            if each.step is BookingStep.REVERSE and each.payment_id == step.payment_id
        ]
        is_whole = not earlier and -step.amount == credited.amount
        is_first = not any(each.entry_id for each in earlier)
        operation = ReversePayment(record, credited.entry_id or "", is_whole, is_first)
        try:
            await self._run_operation(actor, account_id, operation, record)
        except RequestRefused as refused:
            if refused.code is not ErrorCode.ALREADY_REVERSED:
                raise
            await self.record_without_entry(actor, record, account_id, REVERSED_BY_HAND)

    def _record(self, subject: Subject, case: PaymentCase, step: NextStep) -> BookingRecord:
        name = self._name_of(subject.provider)
        charged_back = any(
            each.kind is ProviderEventKind.CHARGED_BACK and each.reversal_id == step.key
            for each in case.events
        )
        label = "Charge-back" if charged_back else "Refund"
        is_order_account = case.order is not None and case.order.account_id == step.account_id(case)
        return BookingRecord(
            provider=subject.provider,
            name=f"{label} undone, {name}" if step.step is BookingStep.REINSTATE else name,
            step=step.step,
            key=step.key,
            payment_id=step.payment_id,
            order_id=None if case.order is None else case.order.id,
            amount=step.amount,
            note=f"{label}, {name}" if step.step is BookingStep.REVERSE else "",
            tenancy=case.order.tenancy if case.order is not None and is_order_account else None,
        )

    async def _run_operation[T](
        self, actor: Actor, account_id: str, operation: Operation[T], record: BookingRecord
    ) -> None:
        await self._operations.run(actor, account_id, operation, record.operation_key)

    async def record_without_entry(
        self, actor: Actor, record: BookingRecord, account_id: str | None, note: str
    ) -> None:
        """Write a step down that moved no money."""
        tx = self._session.begin(actor)
        row = record.row(account_id, None, tx) | {"note": note}
        tx.changeset.add(ops.INSERT_PAYMENT_BOOKING, row)
        await self._session.commit(tx)
