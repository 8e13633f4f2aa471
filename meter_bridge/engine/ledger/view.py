"""How the ledger looks from outside."""

import json

from sqlalchemy import RowMapping

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.protocol.messages import (
    DebtView,
    TopUpView,
)


def top_up_view(row: RowMapping) -> TopUpView:
    """Return a top-up's journal entry as it goes over the wire."""
    detail = json.loads(row["detail"])
    return TopUpView(
        id=row["id"],
        at=iso(row["at"]),
        amount=detail["amount"],
        method=detail["method"],
        reference=detail["reference"],
        split=detail["split"],
        units_wh=detail.get("units_wh", 0),
        balance_after=row["balance_after"],
    )


def debt_view(debt: Debt) -> DebtView:
    """Return a debt with its terms."""
    return DebtView(
        id=debt.id,
        description=debt.description,
        owed=debt.owed,
        priority=debt.priority,
        rate=debt.rate,
        every=debt.every.value,
        next_recovery=iso(debt.due) if debt.by_time else None,
        percent_ppm=debt.percent_ppm,
        cap=debt.cap,
        cap_every=debt.cap_every.value,
    )
