"""What a unit used and cost: by day, hour and hour of the week; and for how long the load was how high."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT r.local_day AS day, r.kind, r.band, r.block, sum(r.wh)::BIGINT AS wh,
           sum(r.amount)::HUGEINT AS amount, sum(r.tax)::HUGEINT AS tax
    FROM rollup r JOIN permitted($every, $sites, $accounts) p ON p.account_id = r.account_id
    JOIN account_clock c ON c.account_id = r.account_id
    WHERE r.account_id = $account AND r.local_day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""
_BANDS: Final = """
    SELECT DISTINCT r.band FROM rollup r JOIN permitted($every, $sites, $accounts) p USING (account_id)
    WHERE r.band IS NOT NULL ORDER BY r.band"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Sum of a unit's segments of one local day, kind, band and block."""

    day: date
    kind: str
    band: str | None
    block: int | None
    wh: int
    amount: int
    tax: int


def usage(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int) -> list[Usage]:
    """Return a unit's usage of the last local days, today included."""
    return warehouse.records(Usage, viewer, _QUERY, account=account_id, days=days)


def bands(warehouse: Warehouse, viewer: Viewer) -> list[str]:
    """Return the names of all bands that were ever charged."""
    return [row["band"] for row in warehouse.visible_rows(viewer, _BANDS)]


HOUR_MS: Final = 3_600_000
_HOURS: Final = """
    SELECT s.start_ms // 3600000 AS hour, s.band, sum(s.wh)::BIGINT AS wh
    FROM segment s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
    JOIN account_clock c ON c.account_id = s.account_id
    WHERE s.account_id = $account AND s.wh > 0 AND s.local_day > c.today - $days::INTEGER
    GROUP BY ALL ORDER BY ALL"""


@dataclass(frozen=True, slots=True)
class HourUse:
    """Energy of an hour and band; the hour by the site's clock, without a zone."""

    hour: datetime
    band: str
    wh: int


def hourly(warehouse: Warehouse, viewer: Viewer, account_id: str, days: int, time_zone: str) -> list[HourUse]:
    """Return a unit's use of each hour of the last local days, today included."""
    zone = ZoneInfo(time_zone)
    begin = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
    return [
        HourUse(
            (begin + timedelta(hours=row["hour"])).astimezone(zone).replace(tzinfo=None),
            row["band"] or "",
            row["wh"],
        )
        for row in warehouse.visible_rows(viewer, _HOURS, account=account_id, days=days)
    ]


_WEEK: Final = """
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
    return {
        (row["weekday"], row["hour"]): row["wh"]
        for row in warehouse.visible_rows(viewer, _WEEK, account=account_id, days=days)
    }


POINTS: Final = 200
# Quarters of an hour without any energy count as well: they are the end of the curve.
_LOAD_DURATION: Final = """
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
    rows = warehouse.visible_rows(viewer, _LOAD_DURATION, points=points, **parameters)
    return [(row["share"], row["watts"]) for row in rows]
