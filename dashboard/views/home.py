"""A customer's own page: what is left, how long it lasts, what a kWh costs now, what to do."""

from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.actions.action import Action
from dashboard.actions.dialog import show_action_button
from dashboard.charts.cost import cost_per_day
from dashboard.data.snapshot_sql import unit_scope
from dashboard.data.warehouse import Warehouse
from dashboard.parts.credit_breakdown import show_credit_breakdown
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import (
    card,
    draw,
    palette,
    show_no_such_unit,
    show_page,
    show_signed_out,
    show_staleness,
)
from dashboard.parts.unit_figures import depletion_text, tier_text
from dashboard.queries.consumption import usage
from dashboard.queries.debts import owed_amount
from dashboard.queries.units import Unit
from dashboard.signin.current import current_viewer
from dashboard.status.attention import UnitStatus, unit_statuses
from dashboard.status.current_price import CurrentPrice, current_price
from dashboard.text.formatting import days, kwh, money
from dashboard.text.labels import reason_text, supply_label
from dashboard.text.markup import chip, page_title
from dashboard.text.translate import _

DAYS: Final = 14


def show() -> None:
    """Show the customer's unit; one of several is chosen first."""
    viewer = current_viewer()
    if viewer is None or not viewer.accounts:
        show_signed_out()
        return
    chosen = viewer.accounts[0]
    if len(viewer.accounts) > 1:
        chosen = (
            st.segmented_control(_("Unit"), viewer.accounts, default=chosen, required=True, key="own")
            or chosen
        )
    show_page(_home, unit_scope(chosen))


def _home(opened: Warehouse, viewer: Viewer) -> None:
    status = next(iter(opened.cached(unit_statuses, viewer)), None)
    if status is None:
        show_no_such_unit()
        return
    unit = status.unit
    state = chip(supply_label(unit.supply_state), f"· {reason_text(unit.reason)}" if unit.reason else "")
    st.html(page_title(unit.name, unit.site_name, state))
    show_staleness(opened, unit.time_zone)
    _left(status, opened.as_of or 0)
    _next_steps(viewer, unit)
    _now(opened, viewer, unit, opened.cached(current_price, viewer, unit.id))
    show_credit_breakdown(opened, viewer, unit)
    _recent_use(opened, viewer, unit)


def _left(status: UnitStatus, now: int) -> None:
    unit, why = status.unit, depletion_text(status, now)
    lasts = _("Lasts about {days}: {why}", days=days(status.days_left), why=why)
    if unit.is_billed_later or not status.days_left or status.days_left < 0:
        lasts = f"{why[:1].upper()}{why[1:]}"
    later = unit.is_billed_later and unit.available <= 0
    title, amount = (_("To be billed"), -unit.available) if later else (_("You have"), unit.available)
    st.html(
        f'<p class="pm-lead">{title}</p>'
        f'<p class="pm-big">{money(amount, unit.currency)}</p>'
        f'<p class="pm-lead">{lasts}</p>'
    )


def _next_steps(viewer: Viewer, unit: Unit) -> None:
    if unit.supply_state == "armed":
        st.warning(_("Your supply is ready. Switch it on when it is safe."), icon=":material/touch_app:")
        action = Action("confirm", unit.id, unit.name, unit.currency)
        show_action_button(viewer, action, key="confirm", primary=True)
    elif unit.supply_state == "disconnected":
        st.error(
            _(
                "Your supply is off: {reason}. It comes back when credit does.",
                reason=reason_text(unit.reason),
            ),
            icon=":material/power_off:",
        )
    if "emergency_credit_available" in unit.alerts:
        st.info(
            _("You can use emergency credit; your next top-up repays it first."), icon=":material/add_card:"
        )
        action = Action("emergency", unit.id, unit.name, unit.currency)
        show_action_button(viewer, action, key="emergency")


def _now(opened: Warehouse, viewer: Viewer, unit: Unit, price: CurrentPrice | None) -> None:
    used = opened.cached(usage, viewer, unit.id, 1)
    today = sum(one.amount + one.tax for one in used) + unit.accrued
    figures = [
        Figure(_("Today so far"), money(today, unit.currency), kwh(sum(one.wh for one in used))),
    ]
    if price is not None:
        figures.append(Figure(_("Next kWh"), money(price.per_kwh, unit.currency), tier_text(price)))
    owed = opened.cached(owed_amount, viewer, unit.id)
    if owed:
        figures.append(
            Figure(_("You owe"), money(owed, unit.currency), _("deducted from top-ups or over time"))
        )
    show_figures(figures)


def _recent_use(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    used = opened.cached(usage, viewer, unit.id, DAYS)
    if not used:
        st.info(_("No charges yet; they appear with the first readings."), icon=":material/hourglass_empty:")
        return
    with card(_("The last 14 days, {currency}", currency=unit.currency)):
        draw(cost_per_day(used, None, unit.currency, palette()), "lately")


show()
