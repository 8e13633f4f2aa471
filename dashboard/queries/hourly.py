"""Tell what a unit used hour by hour of late."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

HOUR_MS: Final = 3_600_000
_QUERY: Final = """
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
        for row in warehouse.rows(_QUERY, viewer.parameters() | {"account": account_id, "days": days})
    ]
