"""Units as a table for a file."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.status.attention import UnitStatus
from dashboard.status.depletion import BEYOND_FORECAST
from dashboard.text.formatting import at_place
from dashboard.text.labels import alert_label, reason_text, supply_label
from meter_bridge.core.money import to_decimal

COLUMNS: Final = (
    Column("unit"),
    Column("name"),
    Column("customer"),
    Column("site"),
    Column("supply"),
    Column("reason"),
    Column("currency"),
    Column("available", "amount"),
    Column("days left", "amount"),
    Column("alerts"),
    Column("last top-up", "moment"),
    Column("last top-up amount", "amount"),
)


def units_table(statuses: Sequence[UnitStatus]) -> Sheet:
    """Return units with how they stand."""
    return Sheet(COLUMNS, [_row(standing) for standing in statuses])


def _row(status: UnitStatus) -> tuple[Value, ...]:
    unit = status.unit
    return (
        unit.id,
        unit.name,
        unit.customer,
        unit.site_name,
        supply_label(unit.supply_state).said,
        reason_text(unit.reason),
        unit.currency,
        to_decimal(unit.available, unit.currency),
        _days(status.days_left),
        ", ".join(alert_label(kind).said for kind in unit.alerts),
        None if unit.top_up_at is None else at_place(unit.top_up_at, unit.time_zone),
        None if unit.top_up_amount is None else to_decimal(unit.top_up_amount, unit.currency),
    )


def _days(left: float | None) -> Decimal | None:
    return None if left is None or left == BEYOND_FORECAST else Decimal(f"{left:.1f}")
