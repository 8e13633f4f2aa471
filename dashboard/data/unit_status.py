"""The viewer's units with how long their credit lasts."""

from dashboard.access import Viewer
from dashboard.data.attention import Standing
from dashboard.data.depletion import lasts
from dashboard.data.warehouse import Warehouse
from dashboard.queries.forecasts import sights
from dashboard.queries.units import units


def standings_of(opened: Warehouse, viewer: Viewer) -> list[Standing]:
    """Return the units that the viewer may see, each with its forecast."""
    known, now = opened.once(sights, viewer), opened.as_of or 0
    return [Standing(unit, lasts(unit, known.get(unit.id, ()), now)) for unit in opened.once(units, viewer)]
