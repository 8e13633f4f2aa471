"""What a building's own meter measured against the sum of its units, by day, hour and unit."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_SITE: Final = """
    SELECT a.id AS account_id, a.name, a.customer, a.policy, sum(r.wh)::BIGINT AS wh,
           sum(r.amount + r.tax)::HUGEINT AS charged
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    LEFT JOIN rollup r ON r.account_id = a.id AND r.local_day BETWEEN $first AND $last
    WHERE a.site_id = $site GROUP BY ALL ORDER BY wh DESC NULLS LAST, a.name, a.id"""
_DAYS: Final = """
    SELECT r.local_day AS day,
           sum(r.wh) FILTER (r.account_id = $building)::BIGINT AS building,
           coalesce(sum(r.wh) FILTER (r.account_id <> $building), 0)::BIGINT AS units
    FROM rollup r JOIN account a ON a.id = r.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE a.site_id = $site AND r.wh > 0 AND r.local_day BETWEEN $first AND $last
    GROUP BY 1 ORDER BY 1"""
# Only days on which the building's meter measured: else the units' energy would count as a gain.
_HOURS: Final = """
    WITH measured AS (
        SELECT DISTINCT local_day FROM rollup
        WHERE account_id = $building AND wh > 0 AND local_day BETWEEN $first AND $last)
    SELECT s.local_slot // 4 AS hour,
           coalesce(sum(s.wh) FILTER (s.account_id = $building), 0)::BIGINT
               / greatest((SELECT count(*) FROM measured), 1) AS building,
           coalesce(sum(s.wh) FILTER (s.account_id <> $building), 0)::BIGINT
               / greatest((SELECT count(*) FROM measured), 1) AS units
    FROM segment s JOIN account a ON a.id = s.account_id
    JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    WHERE a.site_id = $site AND s.wh > 0 AND s.local_day BETWEEN $first AND $last
      AND s.local_day IN (SELECT local_day FROM measured)
    GROUP BY 1 ORDER BY 1"""
_USAGE_DROPS: Final = """
    WITH daily AS (
        SELECT r.account_id, r.local_day, sum(r.wh) AS wh
        FROM rollup r JOIN account a ON a.id = r.account_id
        JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
        WHERE a.site_id = $site AND r.account_id <> $building
          AND r.local_day > $last::DATE - 36 AND r.local_day < $last
        GROUP BY ALL),
    compared AS (
        SELECT account_id, sum(wh) FILTER (local_day > $last::DATE - 8) / 7 AS now,
               median(wh) FILTER (local_day <= $last::DATE - 8) AS usual,
               count(*) FILTER (local_day <= $last::DATE - 8) AS days
        FROM daily GROUP BY account_id)
    SELECT c.account_id, a.name, a.customer, coalesce(c.now, 0)::BIGINT AS now, c.usual::BIGINT AS usual,
           c.account_id IN (
               SELECT account_id FROM alert WHERE kind = 'tamper' AND closed_at IS NULL) AS tamper,
           coalesce(t.supply_state, '') AS supply_state
    FROM compared c JOIN account a ON a.id = c.account_id
    LEFT JOIN account_status t ON t.account_id = a.id
    WHERE c.days >= 14 AND c.usual > 0 AND coalesce(c.now, 0) < c.usual * 0.5
       OR c.account_id IN (SELECT account_id FROM alert WHERE kind = 'tamper' AND closed_at IS NULL)
    ORDER BY tamper DESC, coalesce(c.now, 0) / nullif(c.usual, 0), a.name LIMIT 50"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A unit of a site with what it used and was charged in some days."""

    account_id: str
    name: str
    customer: str
    policy: str
    wh: int | None
    charged: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBalance:
    """What the building's meter and all units measured on a day; None where the building's has no data."""

    day: date
    building: int | None
    units: int

    @property
    def missing(self) -> int | None:
        """Return what no unit's meter measured; below zero they measured more than the building's."""
        return None if self.building is None else self.building - self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class HourBalance:
    """The same of an hour of the clock, mean Wh of the days on which the building's has data."""

    hour: int
    building: float
    units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageDrop:
    """A unit that uses far less than it did, or whose meter suspects tampering."""

    account_id: str
    name: str
    customer: str
    now: int
    """Mean Wh of the last seven full days."""
    usual: int
    """Median Wh of the four weeks before."""
    tamper: bool
    supply_state: str


def members(warehouse: Warehouse, viewer: Viewer, site_id: str, first: date, last: date) -> list[Member]:
    """Return the units of a site, those that used most first."""
    return warehouse.records(Member, viewer, _SITE, site=site_id, first=first, last=last)


def balance_days(
    warehouse: Warehouse, viewer: Viewer, site_id: str, building: str, first: date, last: date
) -> list[DayBalance]:
    """Return building against units for each local day with any energy."""
    return warehouse.records(
        DayBalance, viewer, _DAYS, site=site_id, building=building, first=first, last=last
    )


def balance_hours(
    warehouse: Warehouse, viewer: Viewer, site_id: str, building: str, first: date, last: date
) -> list[HourBalance]:
    """Return building against units for each hour of the clock, in the mean of the days."""
    return warehouse.records(
        HourBalance, viewer, _HOURS, site=site_id, building=building, first=first, last=last
    )


def usage_drops(
    warehouse: Warehouse, viewer: Viewer, site_id: str, building: str, today: date
) -> list[UsageDrop]:
    """Return units worth a look: use below half of what is usual, or an open alert of tampering."""
    return warehouse.records(UsageDrop, viewer, _USAGE_DROPS, site=site_id, building=building, last=today)
