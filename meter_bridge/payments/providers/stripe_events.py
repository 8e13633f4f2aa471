"""What Stripe's events mean, in the words that are the same for all providers."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from meter_bridge.core.money import MoneyError, amount_digits
from meter_bridge.payments.order import ProviderEvent, ProviderEventKind
from meter_bridge.payments.providers.provider import UnreadableError

_ZERO: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE: Final = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_WHOLE: Final = frozenset({"ISK", "UGX"})
"""Written with two decimal places that must be zero."""


class NotPayableError(ValueError):
    """An amount that Stripe cannot take exactly."""


def _digits(currency: str) -> int:
    return 0 if currency in _ZERO else 3 if currency in _THREE else 2


def to_stripe(amount: int, currency: str) -> int:
    """Return an amount as Stripe writes it; raises ``NotPayableError`` where it would have to be rounded."""
    steps: int = 10 ** (amount_digits(currency) - _digits(currency))
    written, rest = divmod(amount, steps)
    coarse = 100 if currency in _WHOLE else 10 if currency in _THREE else 1
    if rest or written % coarse:
        raise NotPayableError(
            f"Stripe cannot take {amount / 10 ** amount_digits(currency)} {currency} exactly"
        )
    return written


def from_stripe(written: int, currency: str) -> int:
    """Return an amount that Stripe wrote, in our steps."""
    steps: int = 10 ** (amount_digits(currency) - _digits(currency))
    return written * steps


ORDER: Final = "prepaid_order"
"""Name under which our order stands in the metadata of what Stripe makes for it."""


class StripeEvent(msgspec.Struct, frozen=True):
    """An event, as far as it matters here."""

    id: str
    type: str
    created: int
    data: dict[str, dict[str, Any]]


_SESSION: Final[Mapping[str, ProviderEventKind]] = {
    "checkout.session.async_payment_succeeded": ProviderEventKind.SUCCEEDED,
    "checkout.session.async_payment_failed": ProviderEventKind.FAILED,
    "checkout.session.expired": ProviderEventKind.EXPIRED,
}
_INTENT: Final[Mapping[str, ProviderEventKind]] = {
    "payment_intent.succeeded": ProviderEventKind.SUCCEEDED,
    "payment_intent.processing": ProviderEventKind.PENDING,
    "payment_intent.payment_failed": ProviderEventKind.FAILED,
}
_DISPUTE: Final[Mapping[str, ProviderEventKind]] = {
    "charge.dispute.funds_withdrawn": ProviderEventKind.CHARGED_BACK,
    "charge.dispute.funds_reinstated": ProviderEventKind.REINSTATED,
}
_REFUND: Final = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
_REFUND_STATUS: Final[Mapping[str, ProviderEventKind]] = {
    "succeeded": ProviderEventKind.REFUNDED,
    "failed": ProviderEventKind.REINSTATED,
    "canceled": ProviderEventKind.REINSTATED,
}


def events_of(event: StripeEvent) -> tuple[ProviderEvent, ...]:
    """Return what an event tells; nothing where it is not of an order of ours, or does not matter."""
    thing = event.data.get("object", {})
    try:
        found = _parse(event, thing)
    except (KeyError, TypeError, MoneyError) as error:
        raise UnreadableError(f"event {event.id} of type {event.type} lacks {error}") from error
    return () if found is None else (found,)


def _parse(event: StripeEvent, thing: Mapping[str, Any]) -> ProviderEvent | None:
    if event.type == "checkout.session.completed" or event.type in _SESSION:
        return event_of_session(event.id, event.created, thing, _SESSION.get(event.type))
    if event.type in _INTENT:
        return _event_of_intent(event, thing, _INTENT[event.type])
    if event.type in _DISPUTE:
        return _event_of_reversal(event, thing, _DISPUTE[event.type])
    if event.type in _REFUND and thing["status"] in _REFUND_STATUS:
        return _event_of_reversal(event, thing, _REFUND_STATUS[thing["status"]])
    return None


def event_of_session(
    event_id: str, created: int, session: Mapping[str, Any], kind: ProviderEventKind | None
) -> ProviderEvent | None:
    """Return the event of a Checkout Session, once complete paid or pending; None if it is not ours."""
    order_id = (session.get("metadata") or {}).get(ORDER)
    if order_id is None:
        return None
    if kind is None:
        kind = (
            ProviderEventKind.SUCCEEDED if session["payment_status"] == "paid" else ProviderEventKind.PENDING
        )
    currency = session["currency"].upper()
    return ProviderEvent(
        event_id=event_id,
        kind=kind,
        order_id=order_id,
        payment_id=session.get("payment_intent"),
        amount=from_stripe(session["amount_total"], currency),
        currency=currency,
        happened_at=created * 1000,
    )


def _event_of_intent(
    event: StripeEvent, intent: Mapping[str, Any], kind: ProviderEventKind
) -> ProviderEvent | None:
    order_id = (intent.get("metadata") or {}).get(ORDER)
    if order_id is None:
        return None
    currency = intent["currency"].upper()
    return ProviderEvent(
        event_id=event.id,
        kind=kind,
        order_id=order_id,
        payment_id=intent["id"],
        amount=from_stripe(intent.get("amount_received") or intent["amount"], currency),
        currency=currency,
        happened_at=event.created * 1000,
    )


def _event_of_reversal(
    event: StripeEvent, thing: Mapping[str, Any], kind: ProviderEventKind
) -> ProviderEvent:
    currency = thing["currency"].upper()
    return ProviderEvent(
        event_id=event.id,
        kind=kind,
        payment_id=thing["payment_intent"],
        reversal_id=thing["id"],
        amount=from_stripe(thing["amount"], currency),
        currency=currency,
        happened_at=event.created * 1000,
    )
