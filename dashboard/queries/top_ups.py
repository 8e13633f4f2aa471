"""Tell what a unit's customer paid and where it went."""

from dataclasses import dataclass
import json
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT t."at", t.amount, t.balance_after, t.detail
    FROM top_up t JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id
    WHERE t.account_id = $account ORDER BY t.seq DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp:
    """A booked top-up; ``split`` says which part went where."""

    at: int
    amount: int
    balance_after: int
    method: str | None
    reference: str | None
    split: dict[str, int]


def top_ups(warehouse: Warehouse, viewer: Viewer, account_id: str) -> list[TopUp]:
    """Return a unit's top-ups, newest first."""
    rows = warehouse.rows(_QUERY, viewer.parameters() | {"account": account_id})
    return [_top_up(row["at"], row["amount"], row["balance_after"], row["detail"]) for row in rows]


def _top_up(at: int, amount: int, balance_after: int, detail: str) -> TopUp:
    entry_detail = json.loads(detail)
    return TopUp(
        at=at,
        amount=amount,
        balance_after=balance_after,
        method=entry_detail.get("method"),
        reference=entry_detail.get("reference"),
        split={str(part): int(value) for part, value in (entry_detail.get("split") or {}).items()},
    )
