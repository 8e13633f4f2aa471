"""The viewer's units with how long their credit lasts."""

from dashboard.access import Viewer
from dashboard.attention import Standing
from dashboard.foretold import lasts
from dashboard.queries.sights import sights
from dashboard.queries.units import units
from dashboard.warehouse import Warehouse


def standings_of(opened: Warehouse, viewer: Viewer) -> list[Standing]:
    """Return the units that the viewer may see, each with its forecast."""
    known, now = opened.once(sights, viewer), opened.as_of or 0
    return [Standing(unit, lasts(unit, known.get(unit.id, ()), now)) for unit in opened.once(units, viewer)]
