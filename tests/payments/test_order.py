"""What an order comes to does not depend on what its provider repeats, reorders or retracts."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

from hypothesis import given, settings, strategies as st
import pytest

from meter_bridge.payments.order import (
    Booking,
    BookingStep,
    Order,
    PaymentCase,
    ProviderEvent,
    ProviderEventKind,
    ReviewReason,
    next_step,
    order_state,
    review_items,
)
from meter_bridge.protocol.payments import PaymentState

ORDER = Order(
    id="pay-1",
    account_id="flat-1",
    tenancy=1,
    provider="p",
    amount=100,
    currency="ZAR",
    reference="R",
    actor="tenant",
    created_at=0,
)


def told(kind: ProviderEventKind, **more: object) -> ProviderEvent:
    made = ProviderEvent(event_id="", kind=kind, order_id="pay-1", **more)  # type: ignore[arg-type]
    return replace(made, event_id=repr(made))


PAID = told(ProviderEventKind.SUCCEEDED, payment_id="a", amount=100, currency="ZAR")
SECOND = told(ProviderEventKind.SUCCEEDED, payment_id="b", amount=100, currency="ZAR")
LESS = told(ProviderEventKind.SUCCEEDED, payment_id="c", amount=99, currency="ZAR")
OTHER = told(ProviderEventKind.SUCCEEDED, payment_id="d", amount=100, currency="USD")
PART = told(ProviderEventKind.REFUNDED, payment_id="a", reversal_id="r1", amount=30, currency="ZAR")
MUCH = told(ProviderEventKind.REFUNDED, payment_id="a", reversal_id="r2", amount=80, currency="ZAR")
BACK = told(ProviderEventKind.CHARGED_BACK, payment_id="a", reversal_id="cb", amount=100, currency="ZAR")
WON = told(ProviderEventKind.REINSTATED, payment_id="a", reversal_id="cb")
UNDONE = told(ProviderEventKind.REINSTATED, payment_id="a", reversal_id="r1")
SIGNED = told(ProviderEventKind.REFUNDED, payment_id="a", reversal_id="r3", amount=-70, currency="ZAR")
PENDING, FAILED, EXPIRED, CANCELLED = (
    told(each)
    for each in (
        ProviderEventKind.PENDING,
        ProviderEventKind.FAILED,
        ProviderEventKind.EXPIRED,
        ProviderEventKind.CANCELLED,
    )
)
EVERYTHING = (PAID, LESS, OTHER, PART, MUCH, BACK, WON, UNDONE, SIGNED, PENDING, FAILED, EXPIRED, CANCELLED)


def heard(events: Sequence[ProviderEvent], order: Order | None = ORDER) -> PaymentCase:
    """Hear events one after the other, settling after each as the bridge does."""
    case = PaymentCase(order, (), ())
    for event in events:
        if event.event_id not in {each.event_id for each in case.events}:
            case = replace(case, events=(*case.events, event))
        case = settled(case)
    return case


def settled(case: PaymentCase) -> PaymentCase:
    for _ in range(20):
        step = next_step(case)
        if step is None:
            return case
        assert (step.step, step.key) not in {(each.step, each.key) for each in case.bookings}
        booking = Booking(
            step=step.step,
            key=step.key,
            payment_id=step.payment_id,
            account_id="flat-1",
            amount=step.amount,
            entry_id="e",
        )
        case = replace(case, bookings=(*case.bookings, booking))
    raise AssertionError("settling never ends")


def booked(case: PaymentCase) -> int:
    return sum(each.amount for each in case.bookings)


@pytest.mark.parametrize(
    "events,amount,state",
    [
        ((), 0, PaymentState.OPEN),
        ((PENDING,), 0, PaymentState.PENDING),
        ((FAILED,), 0, PaymentState.FAILED),
        ((PAID,), 100, PaymentState.PAID),
        ((PAID, FAILED), 100, PaymentState.PAID),
        ((FAILED, PAID), 100, PaymentState.PAID),
        ((EXPIRED, PAID), 100, PaymentState.PAID),
        ((PAID, CANCELLED, PENDING), 100, PaymentState.PAID),
        ((PAID, PART), 70, PaymentState.PARTLY_REFUNDED),
        ((PART, PAID), 70, PaymentState.PARTLY_REFUNDED),
        ((PAID, PART, UNDONE), 100, PaymentState.PAID),
        ((UNDONE, PAID, PART), 100, PaymentState.PAID),
        ((PAID, PART, MUCH), 0, PaymentState.REFUNDED),
        ((PAID, BACK), 0, PaymentState.CHARGED_BACK),
        ((BACK, PAID, WON), 100, PaymentState.PAID),
        ((PAID, PART, MUCH, UNDONE), 20, PaymentState.PARTLY_REFUNDED),
        ((LESS,), 0, PaymentState.REVIEW),
        ((OTHER,), 0, PaymentState.REVIEW),
        ((PAID, SECOND), 100, PaymentState.REVIEW),
        ((LESS, PAID), 100, PaymentState.REVIEW),
    ],
)
def test_what_was_told_comes_to(events: Sequence[ProviderEvent], amount: int, state: PaymentState) -> None:
    case = heard(events)
    assert (booked(case), order_state(case)) == (amount, state)


@pytest.mark.invariant(4)
def test_every_order_of_all_kinds_of_events_books_the_same() -> None:
    events = (PAID, FAILED, PART, BACK, WON, PENDING, EXPIRED)
    totals = {booked(heard(each)) for each in permutations(events)}
    assert totals == {70}


@pytest.mark.invariant(4)
@given(
    st.lists(st.sampled_from(EVERYTHING), max_size=14).flatmap(
        lambda each: st.tuples(st.just(each), st.permutations(each + each[:3]))
    )
)
@settings(max_examples=500)
def test_repeats_and_any_order_book_the_same(both: tuple[list[ProviderEvent], list[ProviderEvent]]) -> None:
    one, other = heard(both[0]), heard(both[1])
    assert booked(one) == booked(other)
    assert 0 <= booked(one) <= ORDER.amount
    assert {each.reason for each in review_items(one)} == {each.reason for each in review_items(other)}
    assert sum(each.step is BookingStep.CREDIT for each in one.bookings) == (PAID in both[0])


@given(st.lists(st.sampled_from(EVERYTHING), max_size=10))
def test_nothing_that_comes_after_a_payment_but_its_reversal_takes_credit(
    events: list[ProviderEvent],
) -> None:
    reversals = {ProviderEventKind.REFUNDED, ProviderEventKind.CHARGED_BACK}
    after = [each for each in events if each.kind not in reversals]
    assert booked(heard([PAID, *after])) == 100


def test_a_payment_that_waits_says_why() -> None:
    assert [each.reason for each in review_items(heard((LESS,)))] == [ReviewReason.WRONG_AMOUNT]
    assert [each.reason for each in review_items(heard((OTHER,)))] == [ReviewReason.WRONG_CURRENCY]
    assert [each.reason for each in review_items(heard((PAID, SECOND)))] == [ReviewReason.SECOND_PAYMENT]
    assert [each.reason for each in review_items(heard((PAID,), order=None))] == [ReviewReason.UNKNOWN_ORDER]
    closed = replace(PaymentCase(ORDER, (PAID,), ()), customer_present=False)
    assert [each.reason for each in review_items(closed)] == [ReviewReason.CLOSED_ACCOUNT]
    assert next_step(closed) is None


def test_a_second_payment_that_its_provider_gave_back_waits_no_more() -> None:
    back = told(ProviderEventKind.REFUNDED, payment_id="b", reversal_id="r9", amount=100, currency="ZAR")
    case = heard((PAID, SECOND, back))
    assert review_items(case) == []
    assert booked(case) == 100


def test_a_refund_in_another_currency_waits() -> None:
    odd = told(ProviderEventKind.REFUNDED, payment_id="a", reversal_id="r9", amount=30, currency="USD")
    assert [each.reason for each in review_items(heard((PAID, odd)))] == [ReviewReason.WRONG_CURRENCY]


@pytest.mark.invariant(4)
@given(st.lists(st.sampled_from(EVERYTHING), max_size=10))
def test_nothing_that_is_told_makes_more_credit_than_was_paid(events: Sequence[ProviderEvent]) -> None:
    assert 0 <= booked(heard(events)) <= ORDER.amount
