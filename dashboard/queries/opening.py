"""Tell when a unit was opened."""

from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT c.opened FROM account_clock c
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = c.account_id
    WHERE c.account_id = $account"""


def opening_day(warehouse: Warehouse, viewer: Viewer, account_id: str) -> date | None:
    """Return the local day on which a unit was opened."""
    rows = warehouse.rows(_QUERY, viewer.parameters() | {"account": account_id})
    return rows[0]["opened"] if rows else None
