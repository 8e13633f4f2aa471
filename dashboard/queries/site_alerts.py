"""Tell what is wrong that belongs to no single unit."""

from dataclasses import dataclass
from typing import Final

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse

_QUERY: Final = """
    SELECT kind, facts, opened_at FROM alert
    WHERE account_id = '' AND closed_at IS NULL
      AND ($every OR list_contains($sites, site_id))
    ORDER BY opened_at DESC"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAlert:
    """An open alert of a site or of the whole installation."""

    kind: str
    facts: str
    opened_at: int


def site_alerts(warehouse: Warehouse, viewer: Viewer) -> list[SiteAlert]:
    """Return open alerts without a unit, newest first."""
    parameters = {"every": viewer.every_site, "sites": list(viewer.sites)}
    return [SiteAlert(**row) for row in warehouse.rows(_QUERY, parameters)]
