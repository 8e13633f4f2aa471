"""Tell what came in and went out day by day, of all units together and of each."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_USED: Final = """
    SELECT a.currency, r.local_day AS day, coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount + r.tax)::BIGINT AS charged
    FROM rollup r JOIN account a ON a.id = r.account_id JOIN account_clock c ON c.account_id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.local_day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_PAID: Final = """
    SELECT a.currency, (to_timestamp(t."at" / 1000.0) AT TIME ZONE a.time_zone)::DATE AS day,
           sum(t.amount)::BIGINT AS paid
    FROM top_up t JOIN account a ON a.id = t.account_id JOIN account_clock c ON c.account_id = a.id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_TODAY: Final = """
    SELECT max(c.today) AS today FROM account_clock c
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = c.account_id"""
_COSTS: Final = """
    SELECT account_id, list(cost ORDER BY day) AS costs FROM (
        SELECT r.account_id, r.local_day AS day, sum(r.amount + r.tax)::DOUBLE AS cost
        FROM rollup r JOIN account_clock c ON c.account_id = r.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
        WHERE list_contains($units, r.account_id) AND r.local_day < c.today
          AND r.local_day >= c.today - $days::INTEGER
        GROUP BY ALL)
    GROUP BY account_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """Sums of a local day in one currency."""

    currency: str
    day: date
    wh: int
    charged: int
    paid: int


def days(warehouse: Warehouse, viewer: Viewer, many: int) -> list[DaySums]:
    """Return the sums of the last local days, today included, by currency and day."""
    parameters = viewer.parameters() | {"days": many}
    used = {(row["currency"], row["day"]): row for row in warehouse.rows(_USED, parameters)}
    paid = {(row["currency"], row["day"]): row["paid"] for row in warehouse.rows(_PAID, parameters)}
    return [
        DaySums(
            currency=key[0],
            day=key[1],
            wh=used[key]["wh"] if key in used else 0,
            charged=used[key]["charged"] if key in used else 0,
            paid=paid.get(key, 0),
        )
        for key in sorted(used.keys() | paid.keys())
    ]


def newest_day(warehouse: Warehouse, viewer: Viewer) -> date | None:
    """Return the newest local date of the viewer's units."""
    newest: date | None = warehouse.rows(_TODAY, viewer.parameters())[0]["today"]
    return newest


def costs_of(
    warehouse: Warehouse, viewer: Viewer, units: tuple[str, ...], many: int
) -> dict[str, list[float]]:
    """Return what each of some units cost on its last full local days, oldest first."""
    parameters = viewer.parameters() | {"units": list(units), "days": many}
    return {row["account_id"]: row["costs"] for row in warehouse.rows(_COSTS, parameters)}
