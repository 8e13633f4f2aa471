"""The morning page: what needs attention, what came in and went out, what just happened."""

from collections.abc import Sequence
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.attention import Concern, UnitStatus, concerns
from dashboard.data.unit_status import unit_statuses
from dashboard.data.warehouse import Warehouse
from dashboard.parts.key_figures import show_key_figures
from dashboard.parts.needs_attention import show_concerns
from dashboard.parts.page import freshness, no_units, show_page
from dashboard.parts.week_charts import show_weeks
from dashboard.queries.payments import Payment, newest_payments
from dashboard.queries.site_alerts import SiteAlert, site_alerts
from dashboard.text.formatting import moment, money, short_moment
from dashboard.text.labels import alert_word
from dashboard.text.markup import Cell, page_title, plain, soft, table, unit_link
from dashboard.text.translate import _, ngettext

NEWEST: Final = 6


def show() -> None:
    """Show the page."""
    show_page(_today)


def _today(opened: Warehouse, viewer: Viewer) -> None:
    """Show how everything stands that the viewer may see."""
    standings = opened.once(unit_statuses, viewer)
    _title(opened, standings)
    if not standings:
        no_units()
        return
    freshness(opened, standings[0].unit.time_zone)
    _installation(opened.once(site_alerts, viewer))
    show_concerns(opened.once(_concerns, viewer), int(time.time() * 1000))
    show_key_figures(opened, viewer, standings)
    show_weeks(opened, viewer)
    if viewer.sees_money:
        _payments(opened.once(newest_payments, viewer, NEWEST))


def _concerns(opened: Warehouse, viewer: Viewer) -> list[Concern]:
    """Return what needs a person."""
    return concerns(opened.once(unit_statuses, viewer))


def _title(opened: Warehouse, standings: Sequence[UnitStatus]) -> None:
    """Show what the page is about and as of when."""
    sites = {standing.unit.site_id: standing.unit for standing in standings}
    zones = {site.time_zone for site in sites.values()}
    name = next(iter(sites.values())).site_name if len(sites) == 1 else _("Today")
    known = []
    if standings:
        known.append(ngettext("{number} unit", "{number} units", len(standings)))
    if len(sites) > 1:
        known.append(ngettext("{number} site", "{number} sites", len(sites)))
    if opened.as_of is not None and len(zones) == 1:
        known.append(_("as of {instant}", instant=moment(opened.as_of, next(iter(zones)))))
    st.html(page_title(name, " · ".join(known)))


def _installation(alerts: Sequence[SiteAlert]) -> None:
    """Show what is wrong with a site or the bridge itself."""
    for alert in alerts:
        word = alert_word(alert.kind)
        st.error(f"**{word.said}.** {plain(alert.message)}", icon=f":material/{word.icon}:")


def _payments(payments: Sequence[Payment]) -> None:
    """Show what came in last."""
    with st.container(border=True):
        st.subheader(_("Latest payments"), anchor=False)
        if not payments:
            st.caption(_("No payment in the last 14 days."))
            return
        rows = [
            [
                Cell(f"{unit_link(one.account_id, one.name)}{soft(one.how)}"),
                Cell(short_moment(one.at, one.time_zone), number=True),
                Cell(money(one.amount, one.currency), number=True),
            ]
            for one in payments
        ]
        st.html(table((_("Unit"), _("When"), _("Paid")), rows, _("Latest payments")))


show()
