"""Tell what the bridge foretold of each unit's supplies, as it stored it last."""

from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from meter_bridge.core.forecast.cost_projection import SupplyForecast
from meter_bridge.engine.forecasting.stored_forecast import supply_forecast_of

# An account of which one supply is not foretold is not foretold.
_QUERY: Final = """
    WITH bought AS (SELECT asset, sum(amount)::BIGINT AS wh FROM held WHERE bucket = 'units' GROUP BY asset)
    SELECT s.account_id, f.points, f.bands, f.in_units, coalesce(b.wh, 0) AS units
    FROM supply s JOIN permitted($every, $sites, $accounts) p ON p.account_id = s.account_id
    LEFT JOIN foresight f ON f.supply_id = s.id
    LEFT JOIN bought b ON b.asset = 'wh:' || s.id
    ORDER BY s.account_id, s.id"""


def forecasts(warehouse: Warehouse, viewer: Viewer) -> dict[str, tuple[SupplyForecast, ...]]:
    """Return what is foretold of each account; units that were bought count as of the newest posting."""
    found: dict[str, list[SupplyForecast | None]] = {}
    for row in warehouse.rows(_QUERY, viewer.parameters()):
        forecast = (
            supply_forecast_of(
                row["points"], row["bands"], in_units=bool(row["in_units"]), units=row["units"]
            )
            if row["points"]
            else None
        )
        found.setdefault(row["account_id"], []).append(forecast)
    whole = {account: [each for each in every if each] for account, every in found.items()}
    return {account: tuple(known) for account, known in whole.items() if len(known) == len(found[account])}
