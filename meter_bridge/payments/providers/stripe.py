"""Stripe Checkout, through Stripe's official library.

The library takes some thirty megabytes; it is loaded only where ``payments.yaml`` names Stripe.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast, override

from aiohttp import ClientSession
import msgspec
import stripe

from meter_bridge.payments.order import Order, ProviderEvent, ProviderEventKind
from meter_bridge.payments.providers import signature
from meter_bridge.payments.providers.provider import (
    Checkout,
    Provider,
    ProviderDownError,
    ReturnLinks,
    UnreadableError,
    WrongSignatureError,
)
from meter_bridge.payments.providers.stripe_events import (
    ORDER,
    NotPayableError,
    StripeEvent,
    event_of_session,
    events_of,
    to_stripe,
)

HEADER: Final = "Stripe-Signature"
TIMEOUT_S: Final = 15.0
RETRIES: Final = 2
MAX_ERROR_LENGTH: Final = 300
"""Characters of what Stripe says of a failure that go into the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeProvider(Provider):
    """An account at Stripe."""

    key: str = field(repr=False)
    """Secret or restricted key of the API."""
    api: str | None = None
    """Where the API is, where that is not Stripe's own: a stand-in of tests."""

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[stripe.StripeClient]:
        """Provide an API client; raises ``ProviderDownError`` on any failure."""
        addresses = None if self.api is None else {"api": self.api}
        try:
            async with ClientSession() as session:
                yield stripe.StripeClient(
                    self.key,
                    base_addresses=cast("Any", addresses),
                    max_network_retries=RETRIES,
                    http_client=stripe.AIOHTTPClient(timeout=TIMEOUT_S, session=session),
                )
        except (stripe.StripeError, NotPayableError) as error:
            raise ProviderDownError(self._error_text(error)) from error

    def _error_text(self, error: Exception) -> str:
        """Return a short text for the log, without the secrets that an answer may repeat."""
        text = f"{type(error).__name__}: {error}"
        for secret in (self.key, *self.secrets):
            text = text.replace(secret, "…")
        return text if len(text) <= MAX_ERROR_LENGTH else text[: MAX_ERROR_LENGTH - 1] + "…"

    @override
    async def start_checkout(self, order: Order, links: ReturnLinks | None) -> Checkout:
        if links is None:
            raise ProviderDownError("Stripe wants to know where to send the customer: set page:")
        async with self._client() as client:
            params = cast("Any", _session_parameters(order, links))
            sessions = client.v1.checkout.sessions
            session = await sessions.create_async(params, {"idempotency_key": order.id})
        return Checkout(url=session.url, handle=session.id)

    @override
    async def fetch_events(self, order: Order, handle: str) -> Sequence[ProviderEvent]:
        async with self._client() as client:
            found = await client.v1.checkout.sessions.retrieve_async(handle)
        session = found.to_dict()
        kind = _KIND_OF_STATUS.get(str(session.get("status")))
        if kind is None or (kind is ProviderEventKind.SUCCEEDED and session.get("payment_status") != "paid"):
            return ()
        event = event_of_session(f"asked:{handle}:{kind}", int(session.get("created") or 0), session, kind)
        return () if event is None or event.order_id != order.id else (event,)

    @override
    def parse_webhook(self, headers: Mapping[str, str], body: bytes, now: int) -> Sequence[ProviderEvent]:
        header = headers.get(HEADER)
        # The library refuses only old times, and by its own clock; ours both ways, by the bridge's clock.
        signature.verify(self.secrets, header, body, now // 1000)
        if not any(_is_signed(body, header, secret) for secret in self.secrets):
            raise WrongSignatureError("Stripe's library does not accept the signature")
        try:
            return events_of(msgspec.json.decode(body, type=StripeEvent))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableError(f"this is no event of Stripe's: {error}") from error


_KIND_OF_STATUS: Final = {"complete": ProviderEventKind.SUCCEEDED, "expired": ProviderEventKind.EXPIRED}


def _is_signed(body: bytes, header: str | None, secret: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, header, secret))
    except stripe.SignatureVerificationError, UnicodeDecodeError:
        return False


def _session_parameters(order: Order, links: ReturnLinks) -> dict[str, object]:
    product = {"name": "Electricity, prepaid", "description": f"Reference {order.reference}"}
    price = {
        "currency": order.currency.lower(),
        "unit_amount": to_stripe(order.amount, order.currency),
        "product_data": product,
    }
    metadata = {ORDER: order.id}
    return {
        "mode": "payment",
        "client_reference_id": order.id,
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata, "description": f"Electricity {order.reference}"},
        "success_url": links.done,
        "cancel_url": links.cancelled,
    }
