"""Every unit: searched, filtered, sorted, paged, with what the last days cost; and as a file."""

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.attention import concerns
from dashboard.data.unit_status import unit_statuses
from dashboard.data.warehouse import Warehouse
from dashboard.exports.offer import offer_table
from dashboard.exports.units import units_table
from dashboard.parts.page import freshness, no_units, show_page
from dashboard.parts.unit_table import show_unit_table
from dashboard.text.markup import page_title
from dashboard.text.translate import _, ngettext


def show() -> None:
    """Show the page."""
    show_page(_units)


def _units(opened: Warehouse, viewer: Viewer) -> None:
    """Show the units that the viewer may see."""
    standings = opened.once(unit_statuses, viewer)
    st.html(
        page_title(
            _("Units"), ngettext("{number} unit", "{number} units", len(standings)) if standings else ""
        )
    )
    if not standings:
        no_units()
        return
    freshness(opened, standings[0].unit.time_zone)
    shown = show_unit_table(opened, viewer, standings, concerns(standings))
    offer_table("units", lambda: units_table(shown), _("These units as a file"))


show()
