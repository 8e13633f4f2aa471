"""Tell what each unit used in some days."""

from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT r.account_id, sum(r.wh)::BIGINT AS wh
    FROM rollup r JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.local_day >= $first AND r.local_day < $after AND r.kind = 'consumption'
      AND r.account_id IN (SELECT unnest($chosen))
    GROUP BY r.account_id ORDER BY wh DESC, r.account_id"""


def used_by_unit(
    warehouse: Warehouse, viewer: Viewer, first: date, after: date, accounts: tuple[str, ...]
) -> list[tuple[str, int]]:
    """Return what each unit used from a day on and before another, most first, if it used any."""
    parameters = viewer.parameters() | {"first": first, "after": after, "chosen": list(accounts)}
    return [(row["account_id"], row["wh"]) for row in warehouse.rows(_QUERY, parameters)]
