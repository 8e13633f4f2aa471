"""Tell what each supply of a unit used on its full local days: what a forecast is learned from."""

from datetime import date, timedelta
from typing import Final

from dashboard.access import Viewer
from dashboard.warehouse import Warehouse
from meter_bridge.core.habit import History

DAYS: Final = 240
# Neither today nor the day of opening is a full day.
_QUERY: Final = """
    SELECT r.supply_id, r.local_day AS day, sum(r.wh)::BIGINT AS wh, any_value(c.today) AS today
    FROM rollup r JOIN account_clock c ON c.account_id = r.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.account_id = $account AND r.wh > 0 AND r.local_day < c.today AND r.local_day > c.opened
      AND r.local_day >= c.today - $days::INTEGER
    GROUP BY r.supply_id, r.local_day"""


def histories(warehouse: Warehouse, viewer: Viewer, account_id: str) -> dict[str, History]:
    """Return the energy of each supply's days up to yesterday; a day without any is not known."""
    found: dict[str, dict[date, int]] = {}
    today = date.min
    given = viewer.parameters() | {"account": account_id, "days": DAYS}
    for row in warehouse.rows(_QUERY, given):
        found.setdefault(row["supply_id"], {})[row["day"]] = row["wh"]
        today = row["today"]
    return {supply: _history(days, today) for supply, days in found.items()}


def _history(days: dict[date, int], today: date) -> History:
    """Return days from the first that is known on."""
    first, last = min(days), today - timedelta(days=1)
    uses = [days.get(first + timedelta(days=each)) for each in range((last - first).days + 1)]
    return History(last, tuple(uses))
