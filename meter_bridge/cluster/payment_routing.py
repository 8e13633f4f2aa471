"""Which shards what a provider tells, and what a person decides on a payment, concern."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Engine

from meter_bridge.cluster.routes import FIRST
from meter_bridge.engine.state.clock import wall_ms
from meter_bridge.payments.orders import shard_lookup
from meter_bridge.payments.providers.provider import Provider, UnreadableError, WrongSignatureError
from meter_bridge.protocol.payment_requests import PaymentDecision

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

    def of_message(self, provider_id: str, headers: Mapping[str, str], body: bytes) -> Sequence[int]:
        """Return the shards that keep what a message tells; the first one refuses whatever is wrong."""
        provider = self._providers.get(provider_id)
        if provider is None:
            return _ALONE
        try:
            told = provider.read(headers, body, self._now())
        except WrongSignatureError, UnreadableError:
            return _ALONE
        found = {shard_lookup.shard_of_told(self._reader, provider_id, each) for each in told}
        return sorted(found) or _ALONE

    def of_decision(self, body: bytes) -> int:
        """Return the shard that carries a decision out: of the account to be credited, else of the order."""
        try:
            asked = msgspec.json.decode(body, type=PaymentDecision)
        except msgspec.DecodeError, UnicodeDecodeError:
            return FIRST
        if asked.decision == "credit" and asked.account is not None:
            return shard_lookup.of_account(self._reader, asked.account)
        return shard_lookup.shard_of_payment(self._reader, asked.provider, asked.payment)
