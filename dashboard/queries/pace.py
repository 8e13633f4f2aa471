"""Tell what each unit costs per day of late."""

from typing import Final

from dashboard.access import Viewer
from dashboard.forecast import SMOOTHING, WINDOW_DAYS, Pace
from dashboard.warehouse import Warehouse

# Today and the day of opening are not full days.
_QUERY: Final = """
    WITH daily AS (
        SELECT r.account_id, r.local_day, sum(r.amount + r.tax)::DOUBLE AS cost, any_value(c.today) AS today
        FROM rollup r JOIN account_clock c ON c.account_id = r.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
        WHERE r.local_day < c.today AND r.local_day >= c.today - $window::INTEGER AND r.local_day > c.opened
        GROUP BY r.account_id, r.local_day)
    SELECT account_id, avg(cost) AS mean, count(*) AS days,
           sum(cost * pow($keep, today - local_day)) / sum(pow($keep, today - local_day)) AS recent
    FROM daily GROUP BY account_id"""


def paces(warehouse: Warehouse, viewer: Viewer) -> dict[str, Pace]:
    """Return the pace of each unit that has a full day of data."""
    parameters = viewer.parameters() | {"keep": 1 - SMOOTHING, "window": WINDOW_DAYS}
    rows = warehouse.rows(_QUERY, parameters)
    return {row["account_id"]: Pace(row["recent"], row["mean"], row["days"]) for row in rows}
