"""Tell what a unit's customer owes: debts, arrears and emergency credit."""

from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT -coalesce(sum(o.amount), 0)::BIGINT AS owed
    FROM owed o JOIN account a ON a.id = o.account_id AND a.currency = o.asset
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = o.account_id
    WHERE o.account_id = $account
      AND (starts_with(o.bucket, 'debt:') OR o.bucket IN ('arrears', 'emergency_credit'))"""


def owed_amount(warehouse: Warehouse, viewer: Viewer, account_id: str) -> int:
    """Return what a unit's customer owes in its currency; zero or more."""
    owed: int = warehouse.rows(_QUERY, viewer.parameters() | {"account": account_id})[0]["owed"]
    return owed
