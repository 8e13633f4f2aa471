"""The viewer's units with how long their credit lasts."""

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.forecasts import forecasts
from dashboard.queries.units import units
from dashboard.status.attention import UnitStatus
from dashboard.status.depletion import credit_duration


def unit_statuses(opened: Warehouse, viewer: Viewer) -> list[UnitStatus]:
    """Return the units that the viewer may see, each with its forecast."""
    known, now = opened.cached(forecasts, viewer), opened.as_of or 0
    return [
        UnitStatus(unit, credit_duration(unit, known.get(unit.id, ()), now))
        for unit in opened.cached(units, viewer)
    ]
