"""The morning page: what needs attention, what came in and went out, what just happened."""

from collections.abc import Sequence
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.parts.key_figures import show_key_figures
from dashboard.parts.needs_attention import show_attention
from dashboard.parts.page import show_no_units, show_page, show_staleness
from dashboard.parts.week_charts import show_weeks
from dashboard.queries.payments import Payment, newest_payments
from dashboard.queries.site_alerts import SiteAlert, site_alerts
from dashboard.status.attention import AttentionItem, UnitStatus, attention_items
from dashboard.status.unit_status import unit_statuses
from dashboard.text.formatting import moment, money, short_moment
from dashboard.text.labels import alert_label, alert_message
from dashboard.text.markup import Cell, muted, page_title, plain, table, unit_link
from dashboard.text.translate import _, ngettext

NEWEST: Final = 6


def show() -> None:
    """Show the page."""
    show_page(_today)


def _today(opened: Warehouse, viewer: Viewer) -> None:
    """Show how everything stands that the viewer may see."""
    statuses = opened.cached(unit_statuses, viewer)
    _title(opened, statuses)
    if not statuses:
        show_no_units()
        return
    show_staleness(opened, statuses[0].unit.time_zone)
    _installation(opened.cached(site_alerts, viewer))
    show_attention(opened.cached(_concerns, viewer), int(time.time() * 1000))
    show_key_figures(opened, viewer, statuses)
    show_weeks(opened, viewer)
    if viewer.sees_money:
        _payments(opened.cached(newest_payments, viewer, NEWEST))


def _concerns(opened: Warehouse, viewer: Viewer) -> list[AttentionItem]:
    """Return what needs a person."""
    return attention_items(opened.cached(unit_statuses, viewer))


def _title(opened: Warehouse, statuses: Sequence[UnitStatus]) -> None:
    """Show what the page is about and as of when."""
    sites = {standing.unit.site_id: standing.unit for standing in statuses}
    zones = {site.time_zone for site in sites.values()}
    name = next(iter(sites.values())).site_name if len(sites) == 1 else _("Today")
    known = []
    if statuses:
        known.append(ngettext("{number} unit", "{number} units", len(statuses)))
    if len(sites) > 1:
        known.append(ngettext("{number} site", "{number} sites", len(sites)))
    if opened.as_of is not None and len(zones) == 1:
        known.append(_("as of {instant}", instant=moment(opened.as_of, next(iter(zones)))))
    st.html(page_title(name, " · ".join(known)))


def _installation(alerts: Sequence[SiteAlert]) -> None:
    """Show what is wrong with a site or the bridge itself."""
    for alert in alerts:
        word = alert_label(alert.kind)
        text = plain(alert_message(alert.kind, alert.facts))
        st.error(f"**{word.said}.** {text}", icon=f":material/{word.icon}:")


def _payments(payments: Sequence[Payment]) -> None:
    """Show what came in last."""
    with st.container(border=True):
        st.subheader(_("Latest payments"), anchor=False)
        if not payments:
            st.caption(_("No payment in the last 14 days."))
            return
        rows = [
            [
                Cell(f"{unit_link(one.account_id, one.name)}{muted(one.method_text)}"),
                Cell(short_moment(one.at, one.time_zone), number=True),
                Cell(money(one.amount, one.currency), number=True),
            ]
            for one in payments
        ]
        st.html(table((_("Unit"), _("When"), _("Paid")), rows, _("Latest payments")))


show()
