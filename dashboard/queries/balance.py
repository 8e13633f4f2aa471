"""Tell how a unit's balance went."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

FINE_DAYS: Final = 31
"""Up to this many days every posting is shown, beyond it the last of each hour."""
_HOUR_MS: Final = 3_600_000
_QUERY: Final = """
    SELECT "at", kind, balance_after FROM journal
    WHERE $account IN (FROM permitted($every, $sites, $accounts)) AND "at" >= $since
    QUALIFY kind <> 'charge' OR row_number() OVER (PARTITION BY kind, "at" // $step ORDER BY seq DESC) = 1
    ORDER BY seq"""
_BEFORE: Final = """
    SELECT arg_max(balance_after, seq) AS balance FROM journal
    WHERE $account IN (FROM permitted($every, $sites, $accounts)) AND "at" < $since"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePoint:
    """A posted balance from an instant on."""

    at: int
    kind: str
    balance_after: int


def balance_steps(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int) -> list[BalancePoint]:
    """Return the steps of a unit's posted balance in the last days, begun with the balance before them."""
    since = (warehouse.as_of or 0) - days * 24 * _HOUR_MS
    parameters = viewer.parameters() | {"account": account_id, "since": since}
    step = 1 if days <= FINE_DAYS else _HOUR_MS
    before = warehouse.rows(_BEFORE, parameters)[0]["balance"]
    first = [] if before is None else [BalancePoint(at=since, kind="charge", balance_after=before)]
    return first + [BalancePoint(**row) for row in warehouse.rows(_QUERY, parameters | {"step": step})]
