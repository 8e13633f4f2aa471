"""Reconciling: what a provider's statement and the journal say of payments, and what either lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine, RowMapping, select

from meter_bridge.core.calendar import iso
from meter_bridge.core.money import amount_digits
from meter_bridge.payments.order import BookingStep, ProviderEventKind
from meter_bridge.payments.orders.statement_file import StatementFile, StatementLine, first_and_last
from meter_bridge.protocol.payments import Difference, Reconciliation
from meter_bridge.storage import tables


@dataclass(slots=True)
class BookedPayment:
    """What the journal holds of a payment, or of one of its reversals."""

    account_id: str | None
    currency: str
    amount: int = 0
    """What was credited; of a reversal what was taken back, negative."""
    net: int = 0
    entry_id: str | None = None
    at: int = 0
    payment: str = ""
    """Of a reversal, its payment."""
    dismissed: bool = False


@dataclass(slots=True)
class ProviderBooks:
    """Everything that was booked and heard of a provider."""

    booked: dict[str, BookedPayment] = field(default_factory=dict)
    event_kinds: dict[str, str | None] = field(default_factory=dict)
    """Payments that were told, with the account of their order."""


def read_books(reader: Engine, provider: str) -> ProviderBooks:
    """Return what was booked and heard of a provider's payments."""
    booking, event, order = tables.payment_booking, tables.payment_event, tables.payment_order
    account = tables.account.join(tables.site, tables.site.c.id == tables.account.c.site_id)
    found = ProviderBooks()
    with reader.connect() as connection:
        query = select(tables.account.c.id, tables.site.c.currency).select_from(account)
        currencies = {row[0]: row[1] for row in connection.execute(query)}
        rows = connection.execute(select(booking).where(booking.c.provider == provider)).mappings()
        for row in sorted(rows, key=lambda each: (each["at"], each["step"] != BookingStep.CREDIT)):
            _add_booking(found.booked, row, currencies.get(row["account_id"], ""))
        events_query = (
            select(event.c.payment_id, order.c.account_id)
            .select_from(event.outerjoin(order, order.c.id == event.c.order_id))
            .where(event.c.provider == provider, event.c.kind == ProviderEventKind.SUCCEEDED)
        )
        for payment, account_id in connection.execute(events_query):
            found.event_kinds[payment] = account_id or found.event_kinds.get(payment)
    return found


def _add_booking(booked: dict[str, BookedPayment], row: RowMapping, currency: str) -> None:
    """Add a booking to its payment; a reversal also under its own id."""
    payment, account, amount = row["payment_id"], row["account_id"], row["amount"]
    whole = booked.setdefault(payment, BookedPayment(account, currency))
    whole.net += amount
    if row["step"] in (BookingStep.CREDIT, BookingStep.DISMISS):
        whole.account_id, whole.currency = account, currency or whole.currency
        whole.amount += amount
        whole.at, whole.dismissed = row["at"], row["step"] == BookingStep.DISMISS
        whole.entry_id = row["entry_id"]
    if row["step"] == BookingStep.REVERSE:
        booked[row["key"]] = BookedPayment(
            account, currency, amount, amount, row["entry_id"], row["at"], payment
        )


def reconcile(
    provider: str, file: StatementFile, books: ProviderBooks, first: str | None, last: str | None
) -> Reconciliation:
    """Compare a statement with the books of its period: that which is named, or the statement's own."""
    own_first, own_last = first_and_last(file.lines)
    first, last = first or own_first, last or own_last
    sums: dict[str, list[StatementLine]] = {}
    for line in file.lines:
        sums.setdefault(line.payment, []).append(line)
    matched, total, differences = 0, 0, list[Difference]()
    for payment, lines in sums.items():
        found = _compare(payment, lines, books)
        if found is None:
            matched, total = matched + 1, total + sum(each.amount for each in lines)
        else:
            differences.append(found)
    differences += _missing_on_statement(sums, books, first, last)
    currencies = {each.currency for each in file.lines}
    currency = currencies.pop() if len(currencies) == 1 else None
    return Reconciliation(
        provider=provider,
        first_day=first or None,
        last_day=last or None,
        columns=dict(file.columns),
        matched=matched,
        matched_amount=total if currency else None,
        currency=currency,
        amount_digits=None if currency is None else amount_digits(currency),
        differences=tuple(differences),
        unreadable=tuple(file.unreadable),
    )


def _compare(payment: str, lines: Sequence[StatementLine], books: ProviderBooks) -> Difference | None:
    amount, currency = sum(each.amount for each in lines), lines[0].currency
    booked = books.booked.get(payment)
    if booked is None or booked.dismissed:
        account = books.event_kinds.get(payment)
        reason = "dismissed" if booked else "waiting" if payment in books.event_kinds else "never_told"
        return _difference(payment, lines, "not_booked", reason, None, account)
    if currency == booked.currency and amount in (booked.amount, booked.net):
        return None
    reason = "currency" if currency != booked.currency else "amount"
    return _difference(payment, lines, "different", reason, booked, booked.account_id)


def _difference(
    payment: str,
    lines: Sequence[StatementLine],
    kind: str,
    reason: str,
    booked: BookedPayment | None,
    account: str | None,
) -> Difference:
    line = lines[0] if lines else None
    return Difference(
        payment=payment,
        kind=kind,
        reason=reason,
        line=None if line is None else line.number,
        stated=sum(each.amount for each in lines) if lines else None,
        booked=None if booked is None else booked.amount,
        currency=line.currency if line else booked.currency if booked else "",
        amount_digits=amount_digits(line.currency if line else booked.currency if booked else "XXX"),
        account_id=account,
        entry=None if booked is None else booked.entry_id,
        day=(line.day or None) if line else iso(booked.at)[:10] if booked else None,
    )


def _missing_on_statement(
    sums: Mapping[str, Sequence[StatementLine]], books: ProviderBooks, first: str, last: str
) -> list[Difference]:
    found = []
    for payment, booked in books.booked.items():
        named = payment in sums or booked.payment in sums
        if not named and booked.amount and not booked.dismissed and _within(booked.at, first, last):
            found.append(_difference(payment, (), "not_stated", "missing", booked, booked.account_id))
    return found


def _within(at: int, first: str, last: str) -> bool:
    """Return whether an instant is within a period of days; an empty day is no limit.

    A payment of the first or last day may be on the next statement of a provider in another time zone, and is
    reported all the same.
    """
    day = iso(at)[:10]
    return (not first or day >= first) and (not last or day <= last)
