"""Tell how much power some units took together, and what each used in some days."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.warehouse import Warehouse

SLOTS_PER_HOUR: Final = 4
POINTS: Final = 240
_CURVE: Final = """
    WITH slot AS (
        SELECT s.start_ms // 900000 AS slot, sum(s.wh)::BIGINT AS wh
        FROM segment s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
        WHERE s.local_day BETWEEN $first AND $last AND s.kind = 'consumption'
          AND ($everyone OR list_contains($chosen, s.account_id))
        GROUP BY 1),
    ranked AS (
        SELECT wh, row_number() OVER (ORDER BY wh DESC) - 1 AS place, count(*) OVER () AS many FROM slot)
    SELECT (place / many)::DOUBLE AS share, wh FROM ranked
    WHERE place = 0 OR place = many - 1 OR place % greatest(many // $points, 1) = 0 ORDER BY place"""
_USED: Final = """
    SELECT r.account_id, sum(r.wh)::BIGINT AS wh
    FROM rollup r JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    WHERE r.local_day >= $first AND r.local_day < $after AND r.kind = 'consumption'
      AND list_contains($chosen, r.account_id)
    GROUP BY r.account_id ORDER BY wh DESC, r.account_id"""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """The mean power of a quarter hour, reached in a share of all quarter hours or more."""

    share: float
    watts: int


def load_duration(
    warehouse: Warehouse, viewer: Viewer, first: date, last: date, accounts: tuple[str, ...] | None = None
) -> list[LoadPoint]:
    """Return the quarter hours of some days by the power of all units together, the strongest first."""
    given = viewer.parameters() | {
        "first": first,
        "last": last,
        "everyone": accounts is None,
        "chosen": list(accounts or ()),
        "points": POINTS,
    }
    return [LoadPoint(row["share"], row["wh"] * SLOTS_PER_HOUR) for row in warehouse.rows(_CURVE, given)]


def used_by_unit(
    warehouse: Warehouse, viewer: Viewer, first: date, after: date, accounts: tuple[str, ...]
) -> list[tuple[str, int]]:
    """Return what each unit used from a day on and before another, most first, if it used any."""
    given = viewer.parameters() | {"first": first, "after": after, "chosen": list(accounts)}
    return [(row["account_id"], row["wh"]) for row in warehouse.rows(_USED, given)]
