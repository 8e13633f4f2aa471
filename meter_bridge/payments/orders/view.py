"""Orders as they go over the wire."""

import json
from typing import Final

from meter_bridge.core.calendar import iso
from meter_bridge.core.money import amount_digits
from meter_bridge.payments.order import BookingStep, OrderState, PaymentCase, order_state
from meter_bridge.payments.provider_event import ProviderEventKind
from meter_bridge.payments.providers.provider import Checkout
from meter_bridge.protocol.payments import PaymentState, PaymentView

_PAYABLE: Final = frozenset({OrderState.OPEN, OrderState.PENDING, OrderState.FAILED})


def checkout_of(case: PaymentCase) -> Checkout | None:
    """Return where the customer was sent, or None where the order was not started yet."""
    for each in case.events:
        if each.kind is ProviderEventKind.STARTED:
            detail = json.loads(each.detail)
            return Checkout(detail["url"], detail["instructions"], detail["handle"])
    return None


def payment_view(case: PaymentCase, provider_name: str) -> PaymentView:
    """Return an order; where to pay is told only as long as it can be paid."""
    order, state = case.order, order_state(case)
    assert order is not None, "a payment without an order has no view"
    started = checkout_of(case) if state in _PAYABLE else None
    credited = [each for each in case.bookings if each.step is BookingStep.CREDIT]
    return PaymentView(
        id=order.id,
        account_id=order.account_id,
        provider=order.provider,
        provider_name=provider_name,
        amount=order.amount,
        currency=order.currency,
        amount_digits=amount_digits(order.currency),
        reference=order.reference,
        state=PaymentState(state.value),
        created_at=iso(order.created_at),
        url=None if started is None else started.url,
        instructions=None if started is None else started.instructions,
        top_up=credited[0].entry_id if credited else None,
        taken_back=sum(each.amount for each in credited) - sum(each.amount for each in case.bookings),
    )
