"""Every unit: searched, filtered, sorted, paged, with what the last days cost; and as a file."""

import streamlit as st

from dashboard.access import Viewer
from dashboard.attention import concerns
from dashboard.exports.offer import offer_table
from dashboard.exports.units import units_table
from dashboard.language import say
from dashboard.markup import page_title
from dashboard.parts.page import freshness, no_units, show_page
from dashboard.parts.unit_table import show_unit_table
from dashboard.standings import standings_of
from dashboard.warehouse import Warehouse
from dashboard.words import counted


def show() -> None:
    """Show the page."""
    show_page(_units)


def _units(opened: Warehouse, viewer: Viewer) -> None:
    """Show the units that the viewer may see."""
    standings = opened.once(standings_of, viewer)
    st.html(page_title(say("Units"), counted(len(standings), "unit", "units") if standings else ""))
    if not standings:
        no_units()
        return
    freshness(opened, standings[0].unit.time_zone)
    shown = show_unit_table(opened, viewer, standings, concerns(standings))
    offer_table("units", lambda: units_table(shown), say("These units as a file"))


show()
