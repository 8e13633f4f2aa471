"""Any local provider, through one signed webhook: mobile money, a bank's import, a shop's till."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, override
from urllib.parse import quote

import msgspec

from meter_bridge.core.money import MoneyError, format_amount, minor_digits, parse_amount
from meter_bridge.payments.order import REVERSALS, Order, ProviderEvent, ProviderEventKind
from meter_bridge.payments.providers import signature
from meter_bridge.payments.providers.provider import Checkout, Provider, ReturnLinks, UnreadableError

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$(?!\n)")]
_EVENT_KINDS: Final = {
    each.value: each for each in ProviderEventKind if each is not ProviderEventKind.STARTED
}


class Message(msgspec.Struct, frozen=True):
    """What the webhook's body says; what else is in it does not matter."""

    id: _Id
    type: str
    order: _Id | None = None
    reference: _Id | None = None
    """The short reference of an order, where that is what the customer typed."""
    payment: _Id | None = None
    reversal: _Id | None = None
    amount: str | None = None
    """Decimal number in the currency's main unit, written as text."""
    currency: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookProvider(Provider):
    """A provider that tells of payments with signed messages."""

    link: str | None = None
    """Where customers pay; ``{order}``, ``{amount}``, ``{currency}`` and ``{reference}`` are filled in."""
    instructions: str | None = None
    """What customers do; filled in likewise."""

    @override
    async def start_checkout(self, order: Order, links: ReturnLinks | None) -> Checkout:
        amount = format_amount(order.amount, order.currency).partition(" ")[2].replace(",", "")
        filled = {
            "order": order.id,
            "amount": amount,
            "currency": order.currency,
            "reference": order.reference,
        }
        quoted = {name: quote(text, safe="") for name, text in filled.items()}
        shown = filled | {"amount": format_amount(order.amount, order.currency)}
        return Checkout(
            None if self.link is None else self.link.format(**quoted),
            None if self.instructions is None else self.instructions.format(**shown),
        )

    @override
    async def fetch_events(self, order: Order, handle: str) -> Sequence[ProviderEvent]:
        return ()

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[ProviderEvent]:
        signature.verify(self.secrets, headers.get(signature.HEADER), body, now // 1000)
        try:
            message = msgspec.json.decode(body, type=Message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableError(f"the message is not as it should be: {error}") from error
        kind = _EVENT_KINDS.get(message.type)
        if kind is None:
            raise UnreadableError(f"type is {message.type[:40]!r}, none of {', '.join(_EVENT_KINDS)}")
        _check(message, kind)
        return (
            ProviderEvent(
                event_id=message.id,
                kind=kind,
                order_id=message.order,
                reference=message.reference,
                payment_id=message.payment,
                reversal_id=message.reversal,
                amount=_amount(message),
                currency=message.currency,
                happened_at=None if message.at is None else _milliseconds(message.at),
            ),
        )


def _check(message: Message, kind: ProviderEventKind) -> None:
    needed = {"order or reference": message.order or message.reference or message.payment}
    if kind is ProviderEventKind.SUCCEEDED:
        needed |= {"payment": message.payment, "amount": message.amount, "currency": message.currency}
    if kind in REVERSALS or kind is ProviderEventKind.REINSTATED:
        needed |= {"reversal": message.reversal}
    for name, value in needed.items():
        if value is None:
            raise UnreadableError(f"a message of type {kind} needs {name}")


def _amount(message: Message) -> int | None:
    if message.amount is None:
        return None
    try:
        currency = message.currency or ""
        amount = parse_amount(message.amount, currency, digits=minor_digits(currency))
    except MoneyError as error:
        raise UnreadableError(str(error)) from error
    if amount <= 0:
        raise UnreadableError(
            f"amount {message.amount} is not above zero: the type says which way money went"
        )
    return amount


def _milliseconds(at: datetime) -> int:
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
