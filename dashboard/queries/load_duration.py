"""Tell for how much of a time the load was how high: the load duration curve of one unit or many together."""

from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

QUARTER_MS: Final = 900_000
POINTS: Final = 200
# Quarters of an hour without any energy count as well: they are the end of the curve.
_QUERY: Final = """
    WITH used AS (
        SELECT s.start_ms // 900000 AS slot, sum(s.wh) AS wh
        FROM segment s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
        WHERE s.wh > 0 AND s.local_day BETWEEN $first AND $last
          AND ($everyone OR s.account_id IN (SELECT unnest($units)))
        GROUP BY slot),
    span AS (SELECT min(slot) AS low, max(slot) AS high FROM used),
    placed AS (
        SELECT wh, row_number() OVER (ORDER BY wh DESC, slot) - 1 AS place,
               (SELECT high - low + 1 FROM span) AS slots FROM used),
    kept AS (
        SELECT place / slots AS share, wh * 4 AS watts, place * $points // slots AS point FROM placed)
    SELECT min(share)::DOUBLE AS share, max(watts)::BIGINT AS watts FROM kept GROUP BY point
    UNION ALL SELECT count(*) / any_value(slots), 0 FROM placed HAVING count(*) < any_value(slots)
    UNION ALL SELECT 1, coalesce(min(wh) * 4, 0)::BIGINT FROM placed HAVING count(*) = any_value(slots)
    ORDER BY share, watts DESC"""

type Curve = list[tuple[float, int]]
"""Share of the time from 0 to 1, and the mean power of a quarter of an hour that is reached that long, W."""


def load_duration(
    warehouse: Warehouse,
    viewer: Viewer,
    first: date,
    last: date,
    accounts: tuple[str, ...] | None = None,
    points: int = POINTS,
) -> Curve:
    """Return the curve over local days, both included, of some units' load together; all without accounts.

    The time runs from the first quarter of an hour with energy to the last.
    """
    parameters = {"first": first, "last": last, "everyone": accounts is None, "units": list(accounts or ())}
    rows = warehouse.rows(_QUERY, viewer.parameters() | parameters | {"points": points})
    return [(row["share"], row["watts"]) for row in rows]
