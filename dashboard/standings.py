"""The viewer's units with how long their credit lasts."""

from dashboard.access import Viewer
from dashboard.attention import Standing
from dashboard.forecast import days_left
from dashboard.queries.pace import paces
from dashboard.queries.units import units
from dashboard.warehouse import Warehouse


def standings_of(opened: Warehouse, viewer: Viewer) -> list[Standing]:
    """Return the units that the viewer may see, each with its forecast."""
    pace = opened.once(paces, viewer)
    return [
        Standing(unit, None if unit.never_ends else days_left(unit.available, pace.get(unit.id)))
        for unit in opened.once(units, viewer)
    ]
