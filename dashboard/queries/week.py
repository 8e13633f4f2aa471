"""Tell what came in and went out in the last seven days and in the seven before."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

WEEK_MS: Final = 7 * 24 * 3_600_000

_MONEY: Final = """
    SELECT a.currency,
           coalesce(sum(t.amount) FILTER (t."at" > $now - $week), 0)::BIGINT AS now,
           coalesce(sum(t.amount) FILTER (t."at" <= $now - $week), 0)::BIGINT AS before
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN top_up t ON t.account_id = a.id AND t."at" > $now - 2 * $week AND t."at" <= $now
    GROUP BY a.currency ORDER BY a.currency"""
_USE: Final = """
    SELECT a.currency,
           coalesce(sum(s.wh) FILTER (p.used AND s.start_ms >= $now - $week), 0)::BIGINT AS wh_now,
           coalesce(sum(s.wh) FILTER (p.used AND s.start_ms < $now - $week), 0)::BIGINT AS wh_before,
           coalesce(sum(s.amount + s.tax) FILTER (s.start_ms >= $now - $week), 0)::BIGINT AS now,
           coalesce(sum(s.amount + s.tax) FILTER (s.start_ms < $now - $week), 0)::BIGINT AS before
    FROM segment s JOIN account a ON a.id = s.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE s.start_ms >= $now - 2 * $week AND s.start_ms < $now
    GROUP BY a.currency ORDER BY a.currency"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekSums:
    """A sum of the last seven days and of the seven before."""

    now: int
    before: int


def money_in(warehouse: Warehouse, viewer: Viewer) -> dict[str, WeekSums]:
    """Return what was topped up, by currency."""
    rows = warehouse.rows(_MONEY, _parameters(warehouse, viewer))
    return {row["currency"]: WeekSums(now=row["now"], before=row["before"]) for row in rows}


def charged_and_energy(warehouse: Warehouse, viewer: Viewer) -> tuple[dict[str, WeekSums], WeekSums]:
    """Return what was charged, by currency, and the energy in Wh."""
    rows = warehouse.rows(_USE, _parameters(warehouse, viewer))
    charged = {row["currency"]: WeekSums(now=row["now"], before=row["before"]) for row in rows}
    energy = WeekSums(now=sum(row["wh_now"] for row in rows), before=sum(row["wh_before"] for row in rows))
    return charged, energy


def _parameters(warehouse: Warehouse, viewer: Viewer) -> dict[str, object]:
    return viewer.parameters() | {"now": warehouse.as_of or 0, "week": WEEK_MS}
