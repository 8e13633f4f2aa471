"""The first page: what needs attention, what came in and went out, what just happened."""

from collections.abc import Sequence
from html import escape
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.parts.key_figures import show_key_figures, show_weeks
from dashboard.parts.page import card, show_alerts, show_no_units, show_page, show_staleness
from dashboard.queries.alerts import site_alerts
from dashboard.queries.payments import Payment, newest_payments
from dashboard.status.attention import AttentionItem, UnitStatus, attention_items, unit_statuses
from dashboard.text.formatting import count, days, moment, money, short_moment
from dashboard.text.labels import Label
from dashboard.text.markup import Cell, chip, link, muted, page_title, table, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

SHOWN_UNITS: Final = 4
ALL_WELL: Final = Label(N_("All well"), "check_circle", "green")


def show_attention(found: Sequence[AttentionItem]) -> None:
    """Show a card for each cause, or that there is none."""
    if not found:
        text = escape(_("Nothing needs your attention."))
        st.html(f'<div class="pm-calm">{chip(ALL_WELL)}<span>{text}</span></div>')
        return
    st.html(f'<div class="pm-cards">{"".join(_card(concern) for concern in found)}</div>')


def _card(concern: AttentionItem) -> str:
    listed = concern.statuses[:SHOWN_UNITS]
    rest = len(concern.statuses) - len(listed)
    items = "".join(
        f"<li>{unit_link(standing.unit.id, standing.unit.name)}"
        f"<span>{_figure(concern.cause.key, standing)}</span></li>"
        for standing in listed
    )
    more = f"<li>{link('units', _('and {number} more', number=count(rest)))}</li>" if rest else ""
    many = f'<span class="pm-count">{count(len(concern.statuses))}</span>'
    header = f"<header>{chip(concern.cause.label)}{many}</header>"
    return f'<section class="pm-card">{header}<ul>{items}{more}</ul></section>'


def _figure(cause: str, status: UnitStatus) -> str:
    unit = status.unit
    if cause == "out":
        return money(unit.available, unit.currency)
    if cause == "soon":
        left = days(status.days_left)
        return left if status.days_left is not None else money(unit.available, unit.currency)
    if cause == "offline" and unit.silent_since is not None:
        return muted(_("since {when}", when=short_moment(unit.silent_since, unit.time_zone)))
    if cause == "armed":
        return money(unit.available, unit.currency)
    return muted(unit.customer or unit.site_name)


NEWEST: Final = 6


def show() -> None:
    """Show the page."""
    show_page(_today)


def _today(opened: Warehouse, viewer: Viewer) -> None:
    statuses = opened.cached(unit_statuses, viewer)
    _title(opened, statuses)
    if not statuses:
        show_no_units()
        return
    show_staleness(opened, statuses[0].unit.time_zone)
    show_alerts(opened.cached(site_alerts, viewer))
    show_attention(opened.cached(_concerns, viewer))
    show_key_figures(opened, viewer, statuses)
    show_weeks(opened, viewer)
    if viewer.sees_money:
        _payments(opened.cached(newest_payments, viewer, NEWEST))


def _concerns(opened: Warehouse, viewer: Viewer) -> list[AttentionItem]:
    return attention_items(opened.cached(unit_statuses, viewer))


def _title(opened: Warehouse, statuses: Sequence[UnitStatus]) -> None:
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


def _payments(payments: Sequence[Payment]) -> None:
    with card(_("Latest payments")):
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
