"""A what-if as a table for a file."""

from typing import Final

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.pricing.what_if import WhatIfAnswer
from meter_bridge.core.money import to_decimal

COLUMNS: Final = (
    Column("unit"),
    Column("name"),
    Column("currency"),
    Column("energy Wh", "number"),
    Column("charged", "amount"),
    Column("would have been", "amount"),
    Column("difference", "amount"),
)


def what_if_table(answer: WhatIfAnswer) -> Sheet:
    """Return what each unit paid and would have paid."""
    rows: list[tuple[Value, ...]] = [
        (
            change.account_id,
            change.name,
            answer.currency,
            change.wh,
            *(to_decimal(amount, answer.currency) for amount in (change.old, change.new, change.difference)),
        )
        for change in answer.changes
    ]
    return Sheet(COLUMNS, rows)
