"""Every unit: searched, filtered, sorted, paged, with what the last days cost; and as a file."""

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.exports.tables import units_table
from dashboard.parts.files import show_downloads
from dashboard.parts.page import show_no_units, show_page, show_staleness
from dashboard.parts.unit_table import show_unit_table
from dashboard.status.attention import attention_items, unit_statuses
from dashboard.text.markup import page_title
from dashboard.text.translate import _, ngettext


def show() -> None:
    """Show the page."""
    show_page(_units)


def _units(opened: Warehouse, viewer: Viewer) -> None:
    statuses = opened.cached(unit_statuses, viewer)
    st.html(
        page_title(_("Units"), ngettext("{number} unit", "{number} units", len(statuses)) if statuses else "")
    )
    if not statuses:
        show_no_units()
        return
    show_staleness(opened, statuses[0].unit.time_zone)
    shown = show_unit_table(opened, viewer, statuses, attention_items(statuses))
    show_downloads("units", lambda: units_table(shown), _("These units as a file"))


show()
