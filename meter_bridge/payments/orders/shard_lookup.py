"""Which shard's bridge takes what a provider tells, where several bridges share the sites."""

from typing import Final

from sqlalchemy import Engine

from meter_bridge.payments.order import Order
from meter_bridge.payments.orders import order_queries
from meter_bridge.payments.provider_event import ProviderEvent
from meter_bridge.storage import tables
from meter_bridge.storage.shards import shard_of_account

DEFAULT_SHARD: Final = 0
"""The shard that takes what belongs to no order."""


def find_order(reader: Engine, provider: str, event: ProviderEvent) -> Order | None:
    """Return the order that a provider names, by its id or by the reference that a customer typed."""
    order = None
    if event.order_id is not None:
        order = order_queries.get_order(reader, event.order_id)
    elif event.reference is not None:
        order = order_queries.order_by_reference(reader, provider, event.reference.upper())
    return order if order is not None and order.provider == provider else None


def shard_of_event(reader: Engine, provider: str, event: ProviderEvent) -> int:
    """Return the shard that keeps what was told: that of its order's account."""
    order = find_order(reader, provider, event)
    if order is None and event.order_id is None and event.payment_id is not None:
        return shard_of_payment(reader, provider, event.payment_id)
    return DEFAULT_SHARD if order is None else account_shard(reader, order.account_id)


def shard_of_payment(reader: Engine, provider: str, payment_id: str) -> int:
    """Return the shard of the order to which a payment was told to belong."""
    order_id = order_queries.order_id_of_payment(reader, provider, payment_id)
    order = None if order_id is None else order_queries.get_order(reader, order_id)
    return DEFAULT_SHARD if order is None else account_shard(reader, order.account_id)


def account_shard(reader: Engine, account_id: str) -> int:
    """Return the shard of an account; what is of none belongs where nobody's belongs."""
    with reader.connect() as connection:
        found = connection.execute(shard_of_account(tables.account.c.id == account_id)).scalar()
    return DEFAULT_SHARD if found is None else found
