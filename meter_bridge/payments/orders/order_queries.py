"""Queries for orders, their events, their bookings and their shards."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import json
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
)

from meter_bridge.core.calendar import iso
from meter_bridge.core.money import amount_digits
from meter_bridge.payments.order import (
    UNDECIDED_STATES,
    Booking,
    BookingStep,
    Order,
    PaymentCase,
    ProviderEvent,
    ProviderEventKind,
    order_state,
)
from meter_bridge.payments.providers.provider import Checkout
from meter_bridge.protocol.payments import PaymentView
from meter_bridge.storage import tables
from meter_bridge.storage.shards import Shard, shard_of_account

_ORDER: Final = tables.payment_order
_EVENT: Final = tables.payment_event
_BOOKING: Final = tables.payment_booking

# Questions that are asked of every case are put into words once: to make them took longer than to ask them.
_OF_PROVIDER: Final = _EVENT.c.provider == bindparam("provider")
_ORDER_BY_ID: Final = select(_ORDER).where(_ORDER.c.id == bindparam("order_id"))
_PAYMENT_IDS_OF_ORDER: Final = select(_EVENT.c.payment_id).where(
    _OF_PROVIDER, _EVENT.c.order_id == bindparam("order_id"), _EVENT.c.payment_id.is_not(None)
)
_EVENTS_OF_ORDER: Final = (
    select(_EVENT)
    .where(
        or_(
            and_(_OF_PROVIDER, _EVENT.c.order_id == bindparam("order_id")),
            and_(
                _OF_PROVIDER,
                _EVENT.c.order_id.is_(None),
                _EVENT.c.payment_id.in_(bindparam("payments", expanding=True)),
            ),
        )
    )
    .order_by(_EVENT.c.n)
)
_BOOKINGS: Final = (
    select(_BOOKING)
    .where(
        _BOOKING.c.provider == bindparam("provider"),
        _BOOKING.c.payment_id.in_(bindparam("payments", expanding=True)),
    )
    .order_by(_BOOKING.c.at, _BOOKING.c.step, _BOOKING.c.key)
)

type IsOpen = Callable[[Connection, Order], bool]
"""Says whether the customer who ordered still has the account."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event is about: an order, or a payment of a provider that belongs to none."""

    provider: str
    order_id: str | None
    payment_id: str | None


def order_from(row: RowMapping) -> Order:
    """Return the order of a row."""
    return Order(**{name: value for name, value in row.items() if name != "key"})


def get_order(reader: Engine, order_id: str) -> Order | None:
    """Return an order, or None."""
    return _one(reader, select(_ORDER).where(_ORDER.c.id == order_id))


def order_by_reference(reader: Engine, provider: str, reference: str) -> Order | None:
    """Return the order of a provider that a customer named by its reference, or None."""
    query = select(_ORDER).where(_ORDER.c.reference == reference, _ORDER.c.provider == provider)
    return _one(reader, query)


def order_by_key(reader: Engine, account_id: str, key: str) -> Order | None:
    """Return the order that was made under a key, or None."""
    return _one(reader, select(_ORDER).where(_ORDER.c.account_id == account_id, _ORDER.c.key == key))


def _one(reader: Engine, query: Select[Any]) -> Order | None:
    with reader.connect() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else order_from(row)


def newest_orders(reader: Engine, account_id: str, tenancy: int | None, limit: int) -> list[Order]:
    """Return the newest orders of an account, those of one tenancy or of all."""
    query = select(_ORDER).where(_ORDER.c.account_id == account_id)
    if tenancy is not None:
        query = query.where(_ORDER.c.tenancy == tenancy)
    with reader.connect() as connection:
        rows = connection.execute(query.order_by(_ORDER.c.created_at.desc()).limit(limit)).mappings()
        return [order_from(row) for row in rows]


def count_orders_since(reader: Engine, account_id: str, at: int) -> int:
    """Return how many orders an account made from an instant on."""
    query = select(func.count()).where(_ORDER.c.account_id == account_id, _ORDER.c.created_at >= at)
    with reader.connect() as connection:
        return int(connection.execute(query).scalar_one())


def unpaid_since(reader: Engine, at: int, shard: Shard) -> list[Order]:
    """Return the orders of a shard made from an instant on for which nothing was booked."""
    paid = exists().where(_BOOKING.c.order_id == _ORDER.c.id)
    query = select(_ORDER).where(_ORDER.c.created_at >= at, ~paid, shard.has_account(_ORDER.c.account_id))
    with reader.connect() as connection:
        return [order_from(row) for row in connection.execute(query).mappings()]


def is_current_customer(connection: Connection, order: Order) -> bool:
    """Return whether the customer who ordered still has the account, as the database has it."""
    account, tenancy = tables.account.c, tables.tenancy.c
    newest = select(func.max(tenancy.n)).where(tenancy.account_id == order.account_id).scalar_subquery()
    query = select(tenancy.n).where(
        tenancy.account_id == order.account_id,
        tenancy.n == order.tenancy,
        tenancy.n == newest,
        tenancy.end_ms.is_(None),
        exists().where(account.id == order.account_id, account.closed_at.is_(None)),
    )
    return connection.execute(query).first() is not None


def site_id_of_account(reader: Engine, account_id: str) -> str | None:
    """Return the site of an account of whichever shard, or None."""
    query = select(tables.account.c.site_id).where(tables.account.c.id == account_id)
    with reader.connect() as connection:
        return connection.execute(query).scalar()


def _event_from(row: RowMapping) -> ProviderEvent:
    return ProviderEvent(
        event_id=row["event_id"],
        kind=ProviderEventKind(row["kind"]),
        order_id=row["order_id"],
        payment_id=row["payment_id"],
        reversal_id=row["reversal_id"],
        amount=row["amount"],
        currency=row["currency"],
        happened_at=row["happened_at"],
        detail=row["detail"],
    )


def get_event(reader: Engine, provider: str, event_id: str) -> ProviderEvent | None:
    """Return what was told under an event's id, or None."""
    query = select(_EVENT).where(_EVENT.c.provider == provider, _EVENT.c.event_id == event_id)
    with reader.connect() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _event_from(row)


def order_id_of_payment(reader: Engine, provider: str, payment_id: str) -> str | None:
    """Return the order to which a payment was told to belong, or None."""
    query = select(_EVENT.c.order_id).where(
        _EVENT.c.provider == provider, _EVENT.c.payment_id == payment_id, _EVENT.c.order_id.is_not(None)
    )
    with reader.connect() as connection:
        return connection.execute(query.order_by(_EVENT.c.n).limit(1)).scalar()


def read_case(reader: Engine, subject: Subject, is_open: IsOpen) -> PaymentCase:
    """Return all that is known of a subject, as of one instant."""
    with reader.connect() as connection:
        return _read_case(connection, subject, is_open)


def _read_case(connection: Connection, subject: Subject, is_open: IsOpen) -> PaymentCase:
    # The events of a case name its order, or only one of its payments.
    order = None
    payments: set[str] = {subject.payment_id} if subject.payment_id is not None else set()
    parameters: dict[str, object] = {"provider": subject.provider, "order_id": subject.order_id}
    if subject.order_id is None:
        ours, payment = _EVENT.c.provider == subject.provider, _EVENT.c.payment_id == subject.payment_id
        query = select(_EVENT).where(ours, payment, _EVENT.c.order_id.is_(None)).order_by(_EVENT.c.n)
        events = connection.execute(query).mappings()
    else:
        order = order_from(connection.execute(_ORDER_BY_ID, parameters).mappings().one())
        payments |= set(connection.execute(_PAYMENT_IDS_OF_ORDER, parameters).scalars())
        events = connection.execute(_EVENTS_OF_ORDER, parameters | {"payments": sorted(payments)}).mappings()
    events_found = [_event_from(each) for each in events]
    return PaymentCase(
        order,
        events_found,
        _bookings(connection, subject.provider, payments),
        order is None or is_open(connection, order),
    )


def _bookings(connection: Connection, provider: str, payments: Iterable[str]) -> list[Booking]:
    parameters = {"provider": provider, "payments": sorted(payments)}
    rows = connection.execute(_BOOKINGS, parameters).mappings()
    names = ("key", "payment_id", "account_id", "amount", "entry_id", "note")
    return [Booking(step=BookingStep(row["step"]), **{name: row[name] for name in names}) for row in rows]


def _subjects_without_step() -> Select[tuple[str, str | None, str | None]]:
    """Return the query for the subjects of events without a booking, oldest first."""
    done = exists().where(
        _BOOKING.c.provider == _EVENT.c.provider,
        or_(_BOOKING.c.key == _EVENT.c.payment_id, _BOOKING.c.key == _EVENT.c.reversal_id),
    )
    paid = and_(_EVENT.c.kind == ProviderEventKind.SUCCEEDED, ~done)
    by_reversal = exists().where(
        _BOOKING.c.provider == _EVENT.c.provider, _BOOKING.c.key == _EVENT.c.reversal_id
    )
    back = and_(_EVENT.c.kind.in_((ProviderEventKind.REFUNDED, ProviderEventKind.CHARGED_BACK)), ~by_reversal)
    query = select(_EVENT.c.provider, _EVENT.c.order_id, _EVENT.c.payment_id).where(or_(paid, back))
    return query.order_by(_EVENT.c.n)


_WITHOUT_STEP: Final = _subjects_without_step()


def unsettled_subjects(reader: Engine, condition: ColumnElement[bool] | None = None) -> list[Subject]:
    """Return the subjects of payments and reversals without a booking, oldest first."""
    query = _WITHOUT_STEP if condition is None else _WITHOUT_STEP.where(condition)
    with reader.connect() as connection:
        found = connection.execute(query).all()
    subjects = dict.fromkeys(
        Subject(provider, order_id or _known_order(reader, provider, payment_id), payment_id)
        for provider, order_id, payment_id in found
    )
    orders: dict[tuple[str, str | None], Subject] = {}
    for each in subjects:
        orders.setdefault((each.provider, each.order_id or each.payment_id), each)
    return list(orders.values())


def _known_order(reader: Engine, provider: str, payment_id: str | None) -> str | None:
    return None if payment_id is None else order_id_of_payment(reader, provider, payment_id)


def newest_event_number(reader: Engine, shard: Shard) -> int:
    """Return the number of the newest event that a shard's bridge heard, the one before its first if none."""
    query = select(func.max(_EVENT.c.n)).where(shard.numbers(_EVENT.c.n))
    with reader.connect() as connection:
        return int(connection.execute(query).scalar() or shard.first)


def newer_than(marks: Mapping[Shard, int]) -> ColumnElement[bool]:
    """Return the condition that a shard's bridge heard an event after a mark."""
    return or_(*(shard.numbers(_EVENT.c.n) & (_EVENT.c.n > mark) for shard, mark in marks.items()))


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
    started = checkout_of(case) if state in UNDECIDED_STATES else None
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
        state=state,
        created_at=iso(order.created_at),
        url=None if started is None else started.url,
        instructions=None if started is None else started.instructions,
        top_up=credited[0].entry_id if credited else None,
        taken_back=sum(each.amount for each in credited) - sum(each.amount for each in case.bookings),
    )


DEFAULT_SHARD: Final = 0
"""The shard that takes what belongs to no order."""


def find_order(reader: Engine, provider: str, event: ProviderEvent) -> Order | None:
    """Return the order that a provider names, by its id or by the reference that a customer typed."""
    order = None
    if event.order_id is not None:
        order = get_order(reader, event.order_id)
    elif event.reference is not None:
        order = order_by_reference(reader, provider, event.reference.upper())
    return order if order is not None and order.provider == provider else None


def shard_of_event(reader: Engine, provider: str, event: ProviderEvent) -> int:
    """Return the shard that keeps what was told: that of its order's account."""
    order = find_order(reader, provider, event)
    if order is None and event.order_id is None and event.payment_id is not None:
        return shard_of_payment(reader, provider, event.payment_id)
    return DEFAULT_SHARD if order is None else account_shard(reader, order.account_id)


def shard_of_payment(reader: Engine, provider: str, payment_id: str) -> int:
    """Return the shard of the order to which a payment was told to belong."""
    order_id = order_id_of_payment(reader, provider, payment_id)
    order = None if order_id is None else get_order(reader, order_id)
    return DEFAULT_SHARD if order is None else account_shard(reader, order.account_id)


def account_shard(reader: Engine, account_id: str) -> int:
    """Return the shard of an account; what is of none belongs where nobody's belongs."""
    with reader.connect() as connection:
        found = connection.execute(shard_of_account(tables.account.c.id == account_id)).scalar()
    return DEFAULT_SHARD if found is None else found
