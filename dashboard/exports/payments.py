"""Payments as a table for a file."""

from collections.abc import Sequence
from typing import Final

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.queries.payments import Payment
from dashboard.text.formatting import at_place
from meter_bridge.core.money import to_decimal

PARTS: Final = ("balance", "arrears", "emergency_credit")
COLUMNS: Final = (
    Column("entry"),
    Column("paid at", "moment"),
    Column("unit"),
    Column("name"),
    Column("customer"),
    Column("site"),
    Column("method"),
    Column("reference"),
    Column("currency"),
    Column("amount", "amount"),
    Column("to balance", "amount"),
    Column("to arrears", "amount"),
    Column("to emergency credit", "amount"),
    Column("to debts and others", "amount"),
    Column("balance after", "amount"),
    Column("taken back"),
)


def payments_table(payments: Sequence[Payment]) -> Sheet:
    """Return payments with where each went; amounts are exact."""
    return Sheet(COLUMNS, [_row(payment) for payment in payments])


def _row(payment: Payment) -> tuple[Value, ...]:
    split = dict(payment.split)
    named = [split.get(part, 0) for part in PARTS]
    rest = sum(split.values()) - sum(named)
    return (
        payment.id,
        at_place(payment.at, payment.time_zone),
        payment.account_id,
        payment.name,
        payment.customer,
        payment.site_name,
        payment.method,
        payment.reference,
        payment.currency,
        to_decimal(payment.amount, payment.currency),
        *(to_decimal(amount, payment.currency) for amount in (*named, rest)),
        to_decimal(payment.balance_after, payment.currency),
        "yes" if payment.taken_back else "",
    )
