"""Booking what payments come to: each step once, in one transaction with its entry of the journal."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, override

from sqlalchemy import Connection, select

from meter_bridge.actor import Actor
from meter_bridge.core.ledger import journal
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.money import MAX_AMOUNT
from meter_bridge.engine.accounts.booking import Booking, BookOperation, book_entry
from meter_bridge.engine.accounts.reversals import ReversalOperation
from meter_bridge.engine.accounts.top_ups import MAX_METHOD_LENGTH, TopUp
from meter_bridge.engine.ledger.amounts import check_amount
from meter_bridge.engine.ledger.credit import credit_now
from meter_bridge.engine.ledger.journal import EntryDraft, post_accruals
from meter_bridge.engine.operations.operation import Executed, Operation, Operations
from meter_bridge.engine.state.events import entry_id
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.errors import RequestRefused
from meter_bridge.payments.order import BookingStep, NextStep, Order, PaymentCase, ProviderEventKind
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.orders.order_queries import Subject
from meter_bridge.protocol import requests
from meter_bridge.protocol.messages import ErrorCode, OperationResult, Role, TopUpResult
from meter_bridge.storage import changeset as ops, tables

KEY_LENGTH: Final = 200
"""Longest id of a payment, so that with its provider's it still fits an idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRecord:
    """What is written down beside an entry."""

    provider: str
    name: str
    """The provider's name as customers read it."""
    step: BookingStep
    key: str
    payment_id: str
    order_id: str | None
    amount: int
    note: str = ""
    tenancy: int | None = None
    """Tenancy of the order, whose customer alone it concerns; None where a person said whose it is."""

    def check_tenancy(self, account: Account) -> None:
        """Refuse a step of a customer who moved out since it was decided, for a person to decide anew."""
        if self.tenancy is not None and (
            account.tenancy.n != self.tenancy or account.tenancy.end is not None
        ):
            raise RequestRefused(
                ErrorCode.CONFLICT,
                f"the customer of {account.name} who ordered this payment has moved out",
                remedy="'meter-bridge payments waiting' shows it",
            )

    @property
    def operation_key(self) -> str:
        """Return the idempotency key: the provider's id of what is booked."""
        return f"{self.provider}:{self.key}"

    def row(self, account_id: str | None, entry: str | None, tx: Transaction) -> dict[str, object]:
        """Return the row of ``payment_booking``."""
        return {
            "provider": self.provider,
            "step": self.step.value,
            "key": self.key,
            "payment_id": self.payment_id,
            "order_id": self.order_id,
            "account_id": account_id,
            "amount": self.amount,
            "entry_id": entry,
            "actor": tx.actor,
            "note": self.note,
            "at": tx.at,
        }


@dataclass(frozen=True, slots=True)
class CreditPayment(Operation[TopUpResult]):
    """Money that a provider received becomes credit, whatever the account's limits: it was paid."""

    record: BookingRecord
    record_decision: Callable[[Transaction], None] | None = None
    """Writes down, in the same transaction, that a person decided it."""

    name: ClassVar[str] = "payment"
    answer: ClassVar[type] = TopUpResult

    @override
    def fingerprint(self) -> list[object]:
        return [self.record.amount, self.record.order_id]

    @override
    def check(self, session: Session, account: Account) -> None:
        self.record.check_tenancy(account)
        headroom = MAX_AMOUNT - max(credit_now(account).balance, 0)
        check_amount(account, self.record.amount, 1, headroom, "a payment")

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> tuple[int, TopUpResult]:
        top_up = TopUp(self.record.amount, self.record.name[:MAX_METHOD_LENGTH], self.record.payment_id)
        seq, result = top_up.execute(session, account, tx)
        tx.changeset.add(ops.INSERT_PAYMENT_BOOKING, self.record.row(account.id, entry_id(seq), tx))
        if self.record_decision is not None:
            self.record_decision(tx)
        return seq, result


@dataclass(frozen=True, slots=True)
class ReinstatePayment(CreditPayment):
    """Money that a provider has again after a refund or charge-back was undone."""

    name: ClassVar[str] = "payment_given_back"


@dataclass(slots=True)
class ReversePayment(BookOperation):
    """A refund or charge-back at the provider: an entry of its own that names the top-up.

    The first that takes everything back gives unused units back as well, as a reversal does; a part of a
    payment is taken from the balance.
    """

    record: BookingRecord
    entry: str
    """The top-up that it concerns."""
    is_whole: bool
    """Nothing of the payment was taken back before, and this takes everything."""
    is_first: bool
    """The bridge itself booked no reversal of it before: one that there is was booked by a person."""
    reversal: ReversalOperation = field(init=False)

    name: ClassVar[str] = "payment_taken_back"
    exclusive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.reversal = ReversalOperation(requests.Reversal(entry=self.entry, reason=self.record.note))

    @override
    def fingerprint(self) -> list[object]:
        return [self.record.amount, self.entry]

    @override
    def prefetch(self, session: Session, account_id: str) -> None:
        """Find the top-up; raises ``RequestRefused`` with ALREADY_REVERSED where a person took it back."""
        if self.is_whole:
            self.reversal.prefetch(session, account_id)
        if self.is_whole or not self.is_first:
            return
        entry = tables.journal_entry.c
        query = select(entry.id).where(
            entry.account_id == account_id, entry.refers_to == self.entry, entry.kind == EntryKind.REVERSAL
        )
        with session.reader.connect() as connection:
            found = connection.execute(query).scalar()
        if found is not None:
            raise RequestRefused(
                ErrorCode.ALREADY_REVERSED,
                f"entry {self.entry} was taken back by {found}",
                field="entry",
                value=self.entry,
                remedy="there is nothing to do",
            )

    @override
    def check(self, session: Session, account: Account) -> None:
        self.record.check_tenancy(account)
        if self.is_whole:
            self.reversal.check(session, account)

    @override
    def execute(self, session: Session, account: Account, tx: Transaction) -> Executed[OperationResult]:
        if self.is_whole:
            seq, result = self.reversal.execute(session, account, tx)
        else:
            seq, result = super().execute(session, account, tx)
        entry = None if seq is None else entry_id(seq)
        tx.changeset.add(ops.INSERT_PAYMENT_BOOKING, self.record.row(account.id, entry, tx))
        return seq, result

    @override
    def book(self, session: Session, account: Account, tx: Transaction) -> Booking:
        """Take a part of the payment from the balance."""
        post_accruals(session.installation, account, tx)
        detail = {"amount": -self.record.amount, "reason": self.record.note, "reference": self.record.key}
        seq = None
        if self.record.amount:
            amounts: dict[str, int] = {Bucket.BALANCE: self.record.amount}
            postings = journal.balanced_postings(account.site.currency, amounts, against=Bucket.FUNDS)
            entry = EntryDraft(EntryKind.REFUND, postings, self.record.note, detail, self.entry)
            seq = book_entry(session, account, tx, entry)
        return seq, detail


def provider_actor(provider_id: str) -> Actor:
    """Return who acts when a provider reports something."""
    return Actor(name=f"provider {provider_id}", role=Role.UNKNOWN)


REVERSED_BY_HAND: Final = "a person had taken the top-up back before"
NOTHING_TO_REINSTATE: Final = "other refunds and charge-backs still stand for all of the payment"


class BookingSteps:
    """Books steps on one session."""

    def __init__(self, session: Session, operations: Operations, name_of: Callable[[str], str]) -> None:
        """``name_of`` returns a provider's name for people."""
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
        return account_id in installation.accounts or account_id in installation.closed

    async def book(self, subject: Subject, case: PaymentCase, step: NextStep) -> None:
        """Book a step, or note that a person had booked it."""
        actor = provider_actor(subject.provider)
        record = self._record(subject, case, step)
        account_id = step.account_id(case)
        if step.step is BookingStep.CREDIT:
            await self._operations.run(actor, account_id, CreditPayment(record), record.operation_key)
            return
        credited = case.credited[step.payment_id]
        if step.step is BookingStep.REINSTATE and not step.amount:
            await self.record_without_entry(actor, record, account_id, NOTHING_TO_REINSTATE)
            return
        if step.step is BookingStep.REINSTATE:
            await self._operations.run(actor, account_id, ReinstatePayment(record), record.operation_key)
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
            await self._operations.run(actor, account_id, operation, record.operation_key)
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

    async def record_without_entry(
        self, actor: Actor, record: BookingRecord, account_id: str | None, note: str
    ) -> None:
        """Write a step down that moved no money."""
        tx = self._session.begin(actor)
        row = record.row(account_id, None, tx) | {"note": note}
        tx.changeset.add(ops.INSERT_PAYMENT_BOOKING, row)
        await self._session.commit(tx)
