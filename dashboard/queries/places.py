"""Tell which units there are, by name and place alone."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT a.id, a.name, a.customer, a.site_id, a.site_name, a.time_zone, a.currency
    FROM account a JOIN permitted($every, $sites, $accounts) p ON p.account_id = a.id
    ORDER BY a.site_name, a.name, a.id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitName:
    """A unit, its customer and site."""

    id: str
    name: str
    customer: str
    site_id: str
    site_name: str
    time_zone: str
    currency: str


def unit_names(warehouse: Warehouse, viewer: Viewer) -> list[UnitName]:
    """Return the units that the viewer may see, by site and name."""
    return [UnitName(**row) for row in warehouse.rows(_QUERY, viewer.parameters())]
