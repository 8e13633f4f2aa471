"""Debtors as a table for a file."""

from collections.abc import Sequence
from typing import Final

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.queries.debts import Debtor
from dashboard.text.formatting import at_place
from meter_bridge.core.money import to_decimal

COLUMNS: Final = (
    Column("unit"),
    Column("name"),
    Column("customer"),
    Column("site"),
    Column("currency"),
    Column("owed", "amount"),
    Column("debts", "amount"),
    Column("arrears", "amount"),
    Column("emergency credit", "amount"),
    Column("overdrawn", "amount"),
    Column("up to 30 days", "amount"),
    Column("31 to 60 days", "amount"),
    Column("61 to 90 days", "amount"),
    Column("older", "amount"),
    Column("owed since", "moment"),
    Column("last payment", "moment"),
)


def debts_table(debtors: Sequence[Debtor], now: int) -> Sheet:
    """Return debtors with what they owe, by kind and by age."""
    return Sheet(COLUMNS, [_row(each, now) for each in debtors])


def _row(each: Debtor, now: int) -> tuple[Value, ...]:
    kinds = (each.owed, each.debt, each.arrears, each.emergency, each.overdrawn)
    amounts = [to_decimal(amount, each.currency) for amount in (*kinds, *each.ages(now))]
    moments = [None if at is None else at_place(at, each.time_zone) for at in (each.since, each.paid_at)]
    return (
        each.account_id,
        each.name,
        each.customer,
        each.site_name,
        each.currency,
        *amounts,
        *moments,
    )
