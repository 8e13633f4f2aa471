"""One unit, addressed by ``?unit=``: its state, balance, cost, energy, payments and history."""

from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.actions.action import Action
from dashboard.actions.dialog import show_action_button
from dashboard.data.snapshot_sql import unit_scope
from dashboard.data.warehouse import Warehouse
from dashboard.parts.credit_breakdown import show_credit_breakdown
from dashboard.parts.files import show_statements
from dashboard.parts.key_figures import show_figures
from dashboard.parts.page import (
    choose_segment,
    search_box,
    show_no_such_unit,
    show_no_units,
    show_page,
    show_staleness,
)
from dashboard.parts.unit_charts import show_charts
from dashboard.parts.unit_figures import thresholds, unit_figures
from dashboard.parts.unit_history import show_history
from dashboard.parts.unit_table import matching
from dashboard.queries.sums import newest_day
from dashboard.queries.units import Unit, opening_day, units
from dashboard.signin.current import current_viewer
from dashboard.status.attention import UnitStatus, supply_state, unit_statuses
from dashboard.status.current_price import current_price
from dashboard.text.labels import alert_label
from dashboard.text.markup import chip, page_title, unit_link
from dashboard.text.translate import _
from meter_bridge.protocol.messages import Role
from meter_bridge.text.marks import N_

LISTED_UNITS: Final = 40
RANGES: Final = {7: N_("7 days"), 30: N_("30 days"), 90: N_("90 days"), 365: N_("1 year")}
MAX_ID_LENGTH: Final = 200


def show() -> None:
    """Show the unit of the URL, or let the viewer choose one; a customer's own unit needs no choice."""
    wanted = st.query_params.get("unit", "")[:MAX_ID_LENGTH]
    viewer = current_viewer()
    if not wanted and viewer is not None and viewer.role is Role.TENANT:
        wanted = viewer.accounts[0] if viewer.accounts else ""
    if wanted:
        show_page(_unit, unit_scope(wanted))
    else:
        show_page(_choose)


def _choose(opened: Warehouse, viewer: Viewer) -> None:
    st.html(page_title(_("Unit"), _("choose one to see its balance, cost and history")))
    every = [UnitStatus(unit) for unit in opened.cached(units, viewer)]
    if not every:
        show_no_units()
        return
    found = matching(every, search_box(_("Unit, customer or site"), "choose"))
    links = "".join(
        f"<li>{unit_link(unit.id, unit.name)}<span>{chip(supply_state(unit)[0])}</span></li>"
        for unit in (one.unit for one in found[:LISTED_UNITS])
    )
    none = f"<li>{_('No unit matches.')}</li>"
    st.html(f'<section class="pm-card"><ul>{links or none}</ul></section>')
    if len(found) > LISTED_UNITS:
        st.caption(_("{number} more: search to find them.", number=len(found) - LISTED_UNITS))


def _unit(opened: Warehouse, viewer: Viewer) -> None:
    status = next(iter(opened.cached(unit_statuses, viewer)), None)
    if status is None:
        show_no_such_unit()
        return
    unit = status.unit
    _header(status)
    show_staleness(opened, unit.time_zone)
    _actions(viewer, unit)
    price = opened.cached(current_price, viewer, unit.id)
    show_figures(unit_figures(opened, viewer, status, price))
    if viewer.role is not Role.CARETAKER:
        show_credit_breakdown(opened, viewer, unit)
    chosen = choose_segment(_("Time shown"), list(RANGES), 30, "days", lambda days: _(RANGES[days]))
    since = None if price is None else price.since
    show_charts(opened, viewer, unit, thresholds(unit), chosen or 30, since)
    show_history(opened, viewer, unit)
    today = opened.cached(newest_day, viewer)
    show_statements(viewer, unit.id, today, opened.cached(opening_day, viewer, unit.id))


def _header(status: UnitStatus) -> None:
    unit = status.unit
    label, why = supply_state(unit)
    chips = chip(label, f"· {why}" if why else "")
    alerts = "".join(chip(alert_label(kind)) for kind in unit.alerts)
    who = " · ".join(part for part in (unit.customer, unit.site_name) if part)
    st.html(page_title(unit.name, who, f"{chips}{alerts}"))


def _actions(viewer: Viewer, unit: Unit) -> None:
    if viewer.token is None or not viewer.is_staff:
        return
    with st.container(horizontal=True, key="actions"):
        show_action_button(viewer, _action("top_up", unit), key="top up", primary=True)
        if unit.hold:
            show_action_button(viewer, _action("restore", unit), key="restore")
        else:
            show_action_button(viewer, _action("hold", unit), key="hold")
            show_action_button(viewer, _action("keep_on", unit), key="keep on")
        if unit.supply_state == "armed":
            show_action_button(viewer, _action("confirm", unit), key="confirm")


def _action(kind: str, unit: Unit) -> Action:
    return Action(kind, unit.id, unit.name, unit.currency)


show()
