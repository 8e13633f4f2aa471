"""Which shards what a provider tells, and what a person decides on a payment, concern."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Engine

from meter_bridge.cluster.routes import FIRST
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.providers.provider import Provider, UnreadableError, WrongSignatureError
from meter_bridge.protocol.requests import PaymentDecision

_ALONE: Final = (FIRST,)


class PaymentRouting:
    """Reads what is about payments only so far that it reaches the right bridge, which checks all anew."""

    def __init__(
        self, reader: Engine, providers: Mapping[str, Provider], now: Callable[[], int] = wall_ms
    ) -> None:
        """Keep how to ask, and who may tell; ``now`` is in milliseconds."""
        self._now = now
        self._reader = reader
        self._providers = providers

    def shards_of_message(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> Sequence[int]:
        """Return the shards that keep what a message tells; the first one refuses whatever is wrong."""
        provider = self._providers.get(provider_id)
        if provider is None:
            return _ALONE
        try:
            events = provider.parse_webhook(headers, body, self._now())
        except WrongSignatureError, UnreadableError:
            return _ALONE
        found = {order_queries.shard_of_event(self._reader, provider_id, each) for each in events}
        return sorted(found) or _ALONE

    def shard_of_decision(self, body: bytes) -> int:
        """Return the shard that carries a decision out: of the account to be credited, else of the order."""
        try:
            decision = msgspec.json.decode(body, type=PaymentDecision)
        except msgspec.DecodeError, UnicodeDecodeError:
            return FIRST
        if decision.decision == "credit" and decision.account is not None:
            return order_queries.account_shard(self._reader, decision.account)
        return order_queries.shard_of_payment(self._reader, decision.provider, decision.payment)
