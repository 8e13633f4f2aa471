"""Tell when in the week a unit uses energy."""

from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    WITH used AS (
        SELECT s.local_day, s.local_slot // 4 AS hour, sum(s.wh) AS wh
        FROM segment s JOIN account_clock c ON c.account_id = s.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
        WHERE s.account_id = $account AND s.kind = 'consumption' AND s.local_day < c.today
          AND s.local_day >= c.today - $days::INTEGER
        GROUP BY ALL),
    seen AS (SELECT isodow(local_day) AS weekday, count(DISTINCT local_day) AS days FROM used GROUP BY ALL)
    SELECT isodow(u.local_day) AS weekday, u.hour, (sum(u.wh) / any_value(s.days))::DOUBLE AS wh
    FROM used u JOIN seen s ON s.weekday = isodow(u.local_day)
    GROUP BY ALL"""

type Profile = dict[tuple[int, int], float]
"""Mean Wh of each hour, by weekday (1 is Monday) and hour of the clock."""


def hourly_profile(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int) -> Profile:
    """Return the mean energy of each hour of the week over the last full local days."""
    parameters = viewer.parameters() | {"account": account_id, "days": days}
    return {(row["weekday"], row["hour"]): row["wh"] for row in warehouse.rows(_QUERY, parameters)}
