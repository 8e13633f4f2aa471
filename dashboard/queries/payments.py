"""Tell which payments came in, of all units."""

from dataclasses import dataclass
import json
from typing import Any, Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.text.labels import METHODS, spelled
from dashboard.text.translate import _

_QUERY: Final = """
    SELECT t.seq, t.id, t.account_id, a.name, a.customer, a.site_name, a.time_zone, a.currency, t."at",
           t.amount, t.balance_after, t.detail
    FROM top_up t JOIN account a ON a.id = t.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id"""
_NEWEST: Final = (
    _QUERY
    + """
    WHERE t."at" > $now - 14 * 86400000 ORDER BY t."at" DESC, t.seq DESC LIMIT $many"""
)
_OF_UNIT: Final = """
    SELECT t.seq, t.id, t.account_id, a.name, a.customer, a.site_name, a.time_zone, a.currency, t."at",
           t.amount, t.balance_after, t.detail, t.id IN (SELECT refers_to FROM reversal) AS taken_back
    FROM top_up t JOIN account a ON a.id = t.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = t.account_id
    WHERE t.account_id = $account ORDER BY t."at" DESC, t.seq DESC LIMIT $many"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A booked payment of a unit; ``split`` says which part went where."""

    seq: int
    id: str
    account_id: str
    name: str
    customer: str
    site_name: str
    time_zone: str
    currency: str
    at: int
    amount: int
    balance_after: int
    method: str
    reference: str
    split: tuple[tuple[str, int], ...]
    taken_back: bool = False

    @property
    def method_text(self) -> str:
        """Return method and reference."""
        return " · ".join(part for part in (method_label(self.method), self.reference) if part)


def method_label(method: str) -> str:
    """Return how a payment came, in words."""
    return _(METHODS.get(method, spelled(method).capitalize())) if method else ""


def newest_payments(warehouse: Warehouse, viewer: Viewer, many: int) -> list[Payment]:
    """Return the newest payments of the last fourteen days."""
    parameters = viewer.parameters() | {"now": warehouse.as_of or 0, "many": many}
    return [payment_from(row) for row in warehouse.rows(_NEWEST, parameters)]


def unit_payments(warehouse: Warehouse, viewer: Viewer, account_id: str, many: int) -> list[Payment]:
    """Return the newest payments of a unit."""
    parameters = viewer.parameters() | {"account": account_id, "many": many}
    return [payment_from(row) for row in warehouse.rows(_OF_UNIT, parameters)]


def payment_from(row: dict[str, Any]) -> Payment:
    """Return a payment with what its entry's detail says."""
    entry_detail = json.loads(str(row.pop("detail")))
    split = entry_detail.get("split") or {}
    return Payment(
        **row,
        method=str(entry_detail.get("method") or ""),
        reference=str(entry_detail.get("reference") or ""),
        split=tuple((str(part), int(amount)) for part, amount in split.items()),
    )
