"""Tell when in the week many units together use energy: the heat map of hour by weekday."""

from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.profile import Profile

# A weekday counts as often as it lies in the time on record, so that days without use lower the mean.
_QUERY: Final = """
    WITH used AS (
        SELECT s.local_day, s.local_slot // 4 AS hour, sum(s.wh) AS wh
        FROM segment s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
        WHERE s.wh > 0 AND s.local_day BETWEEN $first AND $last
          AND ($everyone OR list_contains($units, s.account_id))
        GROUP BY ALL),
    span AS (SELECT min(local_day) AS low, max(local_day) AS high FROM used),
    days AS (
        SELECT isodow(d) AS weekday, count(*) AS days
        FROM (SELECT unnest(generate_series(low, high, INTERVAL 1 DAY)) AS d FROM span WHERE low IS NOT NULL)
        GROUP BY ALL)
    SELECT d.weekday, u.hour, (sum(u.wh) / any_value(d.days))::DOUBLE AS wh
    FROM used u JOIN days d ON d.weekday = isodow(u.local_day)
    GROUP BY ALL"""


def week_profile(
    warehouse: Warehouse, viewer: Viewer, first: date, last: date, accounts: tuple[str, ...] | None = None
) -> Profile:
    """Return the mean Wh of each hour of the week over local days, both included; of all units, or some."""
    given = {"first": first, "last": last, "everyone": accounts is None, "units": list(accounts or ())}
    rows = warehouse.rows(_QUERY, viewer.parameters() | given)
    return {(row["weekday"], row["hour"]): row["wh"] for row in rows}
