"""Tell what a time brought: by unit, by day, by price list."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_UNITS: Final = """
    WITH used AS (
        SELECT account_id, sum(wh)::BIGINT AS wh, sum(amount + tax)::BIGINT AS charged FROM rollup
        WHERE local_day BETWEEN $first AND $last GROUP BY account_id),
    paid AS (
        SELECT t.account_id, sum(t.amount)::BIGINT AS paid
        FROM top_up t JOIN account a ON a.id = t.account_id
        WHERE (to_timestamp(t."at" / 1000.0) AT TIME ZONE a.time_zone)::DATE BETWEEN $first AND $last
          AND t.id NOT IN (SELECT refers_to FROM reversal)
        GROUP BY t.account_id)
    SELECT a.id AS account_id, a.name, a.customer, a.site_name, a.currency, coalesce(u.wh, 0) AS wh,
           coalesce(u.charged, 0) AS charged, coalesce(p.paid, 0) AS paid
    FROM account a JOIN permitted_use($every, $sites, $accounts) r ON r.account_id = a.id
    LEFT JOIN used u ON u.account_id = a.id LEFT JOIN paid p ON p.account_id = a.id
    WHERE r.used OR coalesce(u.charged, 0) <> 0 OR coalesce(p.paid, 0) <> 0
    ORDER BY a.site_name, a.name, a.id"""
_DAYS: Final = """
    SELECT a.currency, r.local_day AS day, coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount + r.tax)::BIGINT AS charged
    FROM rollup r JOIN account a ON a.id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE r.local_day BETWEEN $first AND $last GROUP BY ALL ORDER BY ALL"""
_LINES: Final = """
    SELECT a.currency, r.version_id, r.kind, r.block, r.band,
           coalesce(sum(r.wh) FILTER (p.used), 0)::BIGINT AS wh,
           sum(r.amount)::BIGINT AS amount, sum(r.tax)::BIGINT AS tax
    FROM rollup r JOIN account a ON a.id = r.account_id
    JOIN permitted_use($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE r.local_day BETWEEN $first AND $last AND (p.used OR r.amount <> 0 OR r.tax <> 0) GROUP BY ALL
    ORDER BY a.currency, r.version_id, r.kind, r.block NULLS LAST, r.band NULLS LAST"""
_ALERTS: Final = """
    SELECT l.kind, count(*) AS many, count(*) FILTER (l.closed_at IS NULL) AS still_open
    FROM alert l JOIN account a ON a.id = l.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE (to_timestamp(l.opened_at / 1000.0) AT TIME ZONE a.time_zone)::DATE BETWEEN $first AND $last
    GROUP BY l.kind ORDER BY many DESC, l.kind"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSums:
    """What a unit used, was charged and paid."""

    account_id: str
    name: str
    customer: str
    site_name: str
    currency: str
    wh: int
    charged: int
    paid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySums:
    """What a day brought in one currency."""

    currency: str
    day: date
    wh: int
    charged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSums:
    """What a line of a price list brought."""

    currency: str
    version_id: str
    kind: str
    block: int | None
    band: str | None
    wh: int
    amount: int
    tax: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCount:
    """How many alerts of a kind opened, and how many are open still."""

    kind: str
    many: int
    still_open: int


def unit_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[UnitSums]:
    """Return what each unit used, was charged and paid in some local days, without what was taken back."""
    return [UnitSums(**row) for row in warehouse.rows(_UNITS, _parameters(viewer, first, last))]


def day_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[DaySums]:
    """Return what each day brought, by currency."""
    return [DaySums(**row) for row in warehouse.rows(_DAYS, _parameters(viewer, first, last))]


def line_sums(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[LineSums]:
    """Return what each line of each price list brought."""
    return [LineSums(**row) for row in warehouse.rows(_LINES, _parameters(viewer, first, last))]


def alert_counts(warehouse: Warehouse, viewer: Viewer, first: date, last: date) -> list[AlertCount]:
    """Return the alerts that opened in some days, the most frequent first."""
    return [AlertCount(**row) for row in warehouse.rows(_ALERTS, _parameters(viewer, first, last))]


def _parameters(viewer: Viewer, first: date, last: date) -> dict[str, object]:
    return viewer.parameters() | {"first": first, "last": last}
