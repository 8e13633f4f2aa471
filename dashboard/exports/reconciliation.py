"""A reconciliation as a table for a file."""

from typing import Final

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.queries.payments import Payment
from dashboard.reconciling.matching import Reconciliation
from dashboard.reconciling.reading import StatementLine
from dashboard.text.formatting import at_place
from meter_bridge.core.money import to_decimal

COLUMNS: Final = (
    Column("state"),
    Column("line", "number"),
    Column("day", "day"),
    Column("statement reference"),
    Column("statement amount", "amount"),
    Column("entry"),
    Column("unit"),
    Column("paid at", "moment"),
    Column("ledger reference"),
    Column("ledger amount", "amount"),
)


def reconciliation_table(found: Reconciliation, currency: str) -> Sheet:
    """Return every line and payment with its state, those to look at first."""
    rows = [("not booked", *_line(line, currency), *_payment(None)) for line in found.only_statement]
    rows += [("differs", *_line(pair.line, currency), *_payment(pair.payment)) for pair in found.differ]
    rows += [("not on statement", *_line(None, currency), *_payment(each)) for each in found.only_ledger]
    rows += [("agrees", *_line(pair.line, currency), *_payment(pair.payment)) for pair in found.agree]
    return Sheet(COLUMNS, rows)


def _line(line: StatementLine | None, currency: str) -> tuple[Value, ...]:
    if line is None:
        return (None, None, None, None)
    return (line.number, line.day, line.reference, to_decimal(line.amount, currency))


def _payment(payment: Payment | None) -> tuple[Value, ...]:
    if payment is None:
        return (None, None, None, None, None)
    return (
        payment.id,
        payment.account_id,
        at_place(payment.at, payment.time_zone),
        payment.reference,
        to_decimal(payment.amount, payment.currency),
    )
