"""Orders, what providers report of them, and the bookings that follow.

Pure: an order, its events and its bookings determine the next step. The result does not depend on the
sequence of events, because each step books the difference to a value that is a function of the set of
events.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from meter_bridge.protocol.payments import PaymentState


class ProviderEventKind(StrEnum):
    """What a provider may tell."""

    STARTED = "started"
    """The customer was sent to pay; told by the bridge itself."""
    PENDING = "pending"
    """The money is on its way."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    """Money of a payment, or some of it, went back to who paid."""
    CHARGED_BACK = "charged_back"
    """The payer's bank took it back."""
    REINSTATED = "reinstated"
    """A refund or charge-back was undone: the money is here again."""


REVERSALS = frozenset({ProviderEventKind.REFUNDED, ProviderEventKind.CHARGED_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """What a provider told once, in words that are the same for all of them."""

    event_id: str
    """The provider's own; kept for ever."""
    kind: ProviderEventKind
    order_id: str | None = None
    reference: str | None = None
    payment_id: str | None = None
    reversal_id: str | None = None
    """Of a refund, a charge-back, or what undoes one."""
    amount: int | None = None
    currency: str | None = None
    happened_at: int | None = None
    detail: str = ""
    """Of a start: where the customer was sent."""


class BookingStep(StrEnum):
    """What the bridge does for what it was told; each once for each payment or reversal."""

    CREDIT = "credit"
    REVERSE = "take_back"
    REINSTATE = "give_back"
    DISMISS = "dismiss"
    """A person said that a payment is not to be credited: it was returned to who paid."""


class ReviewReason(StrEnum):
    """Why a payment or reversal waits for a person."""

    WRONG_AMOUNT = "wrong_amount"
    WRONG_CURRENCY = "wrong_currency"
    SECOND_PAYMENT = "second_payment"
    """The order was paid already, by another payment."""
    UNKNOWN_ORDER = "unknown_order"
    CLOSED_ACCOUNT = "closed_account"
    """Its customer moved out, or the unit is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a customer set out to pay; amount, currency and account of every credit come from here."""

    id: str
    account_id: str
    tenancy: int
    """Number of the tenancy in which it was made."""
    provider: str
    amount: int
    currency: str
    reference: str
    """Short enough to be typed by who pays."""
    actor: str
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What the journal holds for a payment or a reversal; ``amount`` as it moved the account's credit."""

    step: BookingStep
    key: str
    """The payment, or the reversal."""
    payment_id: str
    account_id: str | None
    amount: int
    entry_id: str | None
    """None where nothing was booked, because a person had taken the top-up back already."""
    note: str = ""
    """Why a person decided it, or why nothing was booked."""


@dataclass(frozen=True, slots=True)
class PaymentCase:
    """All that is known of an order, or of a payment without one."""

    order: Order | None
    events: Sequence[ProviderEvent]
    bookings: Sequence[Booking]
    customer_present: bool = True
    """Whether the customer who ordered still has the account."""

    @property
    def credited(self) -> dict[str, Booking]:
        """Return the credit of each payment that was credited, by the payment."""
        return {each.key: each for each in self.bookings if each.step is BookingStep.CREDIT}

    @property
    def credited_or_dismissed(self) -> frozenset[str]:
        """Return the payments that were credited or dismissed."""
        return frozenset(
            each.key for each in self.bookings if each.step in (BookingStep.CREDIT, BookingStep.DISMISS)
        )

    def net_booked(self, payment_id: str) -> int:
        """Return what the journal holds of a payment."""
        return sum(each.amount for each in self.bookings if each.payment_id == payment_id)

    @property
    def reinstated(self) -> frozenset[str | None]:
        """Return the reversals that were undone."""
        return frozenset(
            each.reversal_id for each in self.events if each.kind is ProviderEventKind.REINSTATED
        )

    def keys_of(self, step: BookingStep) -> frozenset[str]:
        """Return the reversals for which a step was taken."""
        return frozenset(each.key for each in self.bookings if each.step is step)

    def payments(self) -> list[ProviderEvent]:
        """Return the payments that succeeded, each once, in the order in which they were heard of."""
        found: dict[str, ProviderEvent] = {}
        for each in self.events:
            if each.kind is ProviderEventKind.SUCCEEDED and each.payment_id is not None:
                known = found.get(each.payment_id)
                if known is None or (self.review_reason(known) and not self.review_reason(each)):
                    found[each.payment_id] = each
        return list(found.values())

    def reversals(self) -> dict[str, tuple[ProviderEvent, str]]:
        """Return refunds and charge-backs of credited payments, by their id, with the payment of each."""
        found: dict[str, tuple[ProviderEvent, str]] = {}
        credited = list(self.credited)
        for each in self.events:
            payment = each.payment_id or (credited[0] if credited else None)
            if each.kind in REVERSALS and each.reversal_id is not None and payment in credited:
                found.setdefault(each.reversal_id, (each, payment))
        return found

    def fully_refunded(self, payment: ProviderEvent) -> bool:
        """Return whether a payment that was never credited was given back whole by its provider."""
        back = {
            each.reversal_id: payment.amount if each.amount is None else each.amount
            for each in self.events
            if each.kind in REVERSALS
            and each.payment_id == payment.payment_id
            and each.reversal_id not in self.reinstated
        }
        return bool(back) and sum(amount or 0 for amount in back.values()) >= (payment.amount or 0)

    def review_reason(self, payment: ProviderEvent) -> ReviewReason | None:
        """Return what keeps a payment from being credited as its order says, besides another payment."""
        if self.order is None:
            return ReviewReason.UNKNOWN_ORDER
        if payment.currency != self.order.currency:
            return ReviewReason.WRONG_CURRENCY
        if payment.amount != self.order.amount:
            return ReviewReason.WRONG_AMOUNT
        return None if self.customer_present else ReviewReason.CLOSED_ACCOUNT


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step; ``amount`` as it will move the account's credit."""

    step: BookingStep
    key: str
    payment_id: str
    amount: int

    def account_id(self, case: PaymentCase) -> str:
        """Return the account that it is booked on: the order's, or that to which the payment was credited."""
        if self.step is BookingStep.CREDIT:
            assert case.order is not None, "only an order is credited without a person"
            return case.order.account_id
        return case.credited[self.payment_id].account_id or ""


def next_step(case: PaymentCase) -> NextStep | None:
    """Return what is to be booked next; None where the journal holds what it should."""
    return _next_credit(case) or _next_reversal(case)


def _next_credit(case: PaymentCase) -> NextStep | None:
    """Credit the first payment that matches the order, if none has been credited."""
    if case.order is None or case.credited:
        return None
    for payment in case.payments():
        if payment.payment_id not in case.credited_or_dismissed and case.review_reason(payment) is None:
            assert payment.payment_id is not None, "a payment without an id is none"
            return NextStep(BookingStep.CREDIT, payment.payment_id, payment.payment_id, case.order.amount)
    return None


def _next_reversal(case: PaymentCase) -> NextStep | None:
    """Book the next refund or charge-back, or undo one."""
    reversed_keys, reinstated = case.keys_of(BookingStep.REVERSE), case.keys_of(BookingStep.REINSTATE)
    for reversal_id, (reversal, payment_id) in case.reversals().items():
        undone = reversal_id in case.reinstated
        if (
            reversal_id not in reversed_keys
            and not undone
            and _same_currency(case, reversal)
            and case.customer_present
        ):
            wanted = _target_amount(case, payment_id, reversed_keys - reinstated | {reversal_id})
            return NextStep(
                BookingStep.REVERSE, reversal_id, payment_id, wanted - case.net_booked(payment_id)
            )
        if reversal_id in reversed_keys - reinstated and undone and case.customer_present:
            wanted = _target_amount(case, payment_id, reversed_keys - reinstated - {reversal_id})
            return NextStep(
                BookingStep.REINSTATE, reversal_id, payment_id, wanted - case.net_booked(payment_id)
            )
    return None


def _target_amount(case: PaymentCase, payment_id: str, standing_ids: Iterable[str]) -> int:
    """Return the amount that the journal should hold for a payment while these reversals stand.

    At least zero and at most what was paid, whatever amounts a provider reports.
    """
    paid, reversals = case.credited[payment_id].amount, case.reversals()
    standing = (
        reversals[each][0] for each in standing_ids if each in reversals and reversals[each][1] == payment_id
    )
    back = sum(paid if each.amount is None else max(each.amount, 0) for each in standing)
    return max(paid - back, 0)


def _same_currency(case: PaymentCase, reversal: ProviderEvent) -> bool:
    return case.order is None or reversal.currency in (None, case.order.currency)


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """Something told that waits for a person."""

    event: ProviderEvent
    reason: ReviewReason


def review_items(case: PaymentCase) -> list[ReviewItem]:
    """Return everything that no step of the bridge's own settles."""
    found = []
    for payment in case.payments():
        if payment.payment_id not in case.credited_or_dismissed and not case.fully_refunded(payment):
            trouble = case.review_reason(payment) or (ReviewReason.SECOND_PAYMENT if case.credited else None)
            if trouble is not None:
                found.append(ReviewItem(payment, trouble))
    reversed_keys = case.keys_of(BookingStep.REVERSE)
    for reversal_id, (reversal, _) in case.reversals().items():
        if reversal_id not in reversed_keys and reversal_id not in case.reinstated:
            if not _same_currency(case, reversal):
                found.append(ReviewItem(reversal, ReviewReason.WRONG_CURRENCY))
            elif not case.customer_present:
                found.append(ReviewItem(reversal, ReviewReason.CLOSED_ACCOUNT))
    return found


UNDECIDED_STATES: Final = frozenset({PaymentState.OPEN, PaymentState.PENDING, PaymentState.FAILED})
"""States in which an order may still be paid."""
_STATES = {
    ProviderEventKind.PENDING: PaymentState.PENDING,
    ProviderEventKind.FAILED: PaymentState.FAILED,
    ProviderEventKind.EXPIRED: PaymentState.EXPIRED,
    ProviderEventKind.CANCELLED: PaymentState.CANCELLED,
}


def order_state(case: PaymentCase) -> PaymentState:
    """Return the state of an order; what was told late never undoes what was paid."""
    if review_items(case):
        return PaymentState.REVIEW
    if case.credited:
        return _state_after_payment(case)
    if next_step(case) is not None:
        return PaymentState.PENDING
    for each in reversed(case.events):
        if each.kind in _STATES:
            return _STATES[each.kind]
    return PaymentState.OPEN


def _state_after_payment(case: PaymentCase) -> PaymentState:
    paid = sum(each.amount for each in case.credited.values())
    net = sum(each.amount for each in case.bookings)
    if net == paid:
        return PaymentState.PAID
    live = case.keys_of(BookingStep.REVERSE) - case.keys_of(BookingStep.REINSTATE)
    kinds = {told.kind for reversal_id, (told, _) in case.reversals().items() if reversal_id in live}
    if ProviderEventKind.CHARGED_BACK in kinds:
        return PaymentState.CHARGED_BACK
    return PaymentState.PARTLY_REFUNDED if net else PaymentState.REFUNDED
