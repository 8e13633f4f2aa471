"""The morning page: what needs attention, what came in and went out, and every unit."""

from collections.abc import Sequence

import streamlit as st

from dashboard.access import Viewer
from dashboard.attention import Standing, concerns
from dashboard.figures import moment
from dashboard.markup import page_title, plain
from dashboard.parts.key_figures import show_key_figures
from dashboard.parts.needs_attention import show_concerns
from dashboard.parts.page import freshness, no_units, show_page
from dashboard.parts.unit_table import show_unit_table
from dashboard.queries.site_alerts import SiteAlert, site_alerts
from dashboard.standings import standings_of
from dashboard.warehouse import Warehouse
from dashboard.words import alert_word, counted


def show() -> None:
    """Show the page."""
    show_page(_portfolio)


def _portfolio(opened: Warehouse, viewer: Viewer) -> None:
    """Show every unit that the viewer may see."""
    standings = standings_of(opened, viewer)
    _title(opened, standings)
    if not standings:
        no_units()
        return
    freshness(opened, standings[0].unit.time_zone)
    _installation(site_alerts(opened, viewer))
    found = concerns(standings)
    show_concerns(found, opened.as_of or 0)
    show_key_figures(opened, viewer, standings)
    show_unit_table(standings, found, opened.as_of or 0)


def _title(opened: Warehouse, standings: Sequence[Standing]) -> None:
    """Show what the page is about and as of when."""
    sites = {standing.unit.site_id: standing.unit for standing in standings}
    zones = {site.time_zone for site in sites.values()}
    name = next(iter(sites.values())).site_name if len(sites) == 1 else "Portfolio"
    known = []
    if standings:
        known.append(counted(len(standings), "unit", "units"))
    if len(sites) > 1:
        known.append(counted(len(sites), "site", "sites"))
    if opened.as_of is not None and len(zones) == 1:
        known.append(f"as of {moment(opened.as_of, next(iter(zones)))}")
    st.html(page_title(name, " · ".join(known)))


def _installation(alerts: Sequence[SiteAlert]) -> None:
    """Show what is wrong with a site or the bridge itself."""
    for alert in alerts:
        word = alert_word(alert.kind)
        st.error(f"**{word.text}.** {plain(alert.message)}", icon=f":material/{word.icon}:")


show()
