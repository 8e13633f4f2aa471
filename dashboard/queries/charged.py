"""Tell what each unit used and was charged in some days."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

# Units that were paid for when they were bought stand with their purchase, not with their use.
_QUERY: Final = """
    WITH spent AS (
        SELECT account_id, sum(wh)::BIGINT AS wh, sum(amount + tax)::BIGINT AS amount
        FROM rollup WHERE local_day BETWEEN $first AND $last GROUP BY account_id)
    SELECT a.id AS account_id, a.name, a.currency, a.policy, coalesce(t.start_ms, a.opened_at) AS since,
           coalesce(s.wh, 0) AS wh, coalesce(s.amount, 0) AS amount
    FROM account a JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN spent s ON s.account_id = a.id LEFT JOIN tenancy t ON t.account_id = a.id
    WHERE list_contains($chosen, a.id) OR ($everyone AND p.used) ORDER BY a.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargedUnit:
    """A unit's energy and charges, with what a tariff has to know of it."""

    account_id: str
    name: str
    currency: str
    policy: str
    since: int
    wh: int
    amount: int


def charged_units(
    warehouse: Warehouse, viewer: Viewer, first: date, last: date, accounts: tuple[str, ...] | None = None
) -> list[ChargedUnit]:
    """Return what units used and were charged, first and last day included; all without ``accounts``."""
    parameters = {"first": first, "last": last, "everyone": accounts is None, "chosen": list(accounts or ())}
    return [ChargedUnit(**row) for row in warehouse.rows(_QUERY, viewer.parameters() | parameters)]
