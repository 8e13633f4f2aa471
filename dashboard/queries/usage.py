"""Tell what a unit used and cost per day, by block, band and kind."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT r.local_day AS day, r.kind, r.band, r.block, sum(r.wh)::BIGINT AS wh,
           sum(r.amount)::BIGINT AS amount, sum(r.tax)::BIGINT AS tax
    FROM rollup r JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    JOIN account_clock c ON c.account_id = r.account_id
    WHERE r.account_id = $account AND r.local_day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_BANDS: Final = """
    SELECT DISTINCT r.band FROM rollup r JOIN permitted($every, $sites, $accounts) p USING (account_id)
    WHERE r.band IS NOT NULL ORDER BY r.band"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Sum of a unit's segments of one local day, kind, band and block."""

    day: date
    kind: str
    band: str | None
    block: int | None
    wh: int
    amount: int
    tax: int


def usage(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int) -> list[Usage]:
    """Return a unit's usage of the last local days, today included."""
    parameters = viewer.parameters() | {"account": account_id, "days": days}
    return [Usage(**row) for row in warehouse.rows(_QUERY, parameters)]


def bands(warehouse: Warehouse, viewer: Viewer) -> list[str]:
    """Return the names of all bands that were ever charged."""
    return [row["band"] for row in warehouse.rows(_BANDS, viewer.parameters())]
