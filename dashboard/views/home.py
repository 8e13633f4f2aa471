"""A customer's own page: what is left, how long it lasts, what a kWh costs now, what to do."""

from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.actions.action import Action
from dashboard.actions.dialog import offer
from dashboard.charts.cost import cost_by_block
from dashboard.data.attention import UnitStatus
from dashboard.data.current_price import PriceNow, price_now
from dashboard.data.scope import unit_scope
from dashboard.data.unit_status import unit_statuses
from dashboard.data.warehouse import Warehouse
from dashboard.parts.credit_breakdown import show_credit_breakdown
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import draw, freshness, no_such_unit, palette, show_page, signed_out
from dashboard.parts.unit_figures import where_on_ladder, why_days
from dashboard.queries.owed import owed_by
from dashboard.queries.units import Unit
from dashboard.queries.usage import usage
from dashboard.signin.current import current_viewer
from dashboard.text.formatting import days, kwh, money
from dashboard.text.labels import reason_text, supply_word
from dashboard.text.markup import chip, page_title
from dashboard.text.translate import _

DAYS: Final = 14


def show() -> None:
    """Show the customer's unit; one of several is chosen first."""
    viewer = current_viewer()
    if viewer is None or not viewer.accounts:
        signed_out()
        return
    chosen = viewer.accounts[0]
    if len(viewer.accounts) > 1:
        chosen = (
            st.segmented_control(_("Unit"), viewer.accounts, default=chosen, required=True, key="own")
            or chosen
        )
    show_page(_home, unit_scope(chosen))


def _home(opened: Warehouse, viewer: Viewer) -> None:
    """Show what a household wants to know."""
    standing = next(iter(opened.once(unit_statuses, viewer)), None)
    if standing is None:
        no_such_unit()
        return
    unit = standing.unit
    state = chip(supply_word(unit.supply_state), f"· {reason_text(unit.reason)}" if unit.reason else "")
    st.html(page_title(unit.name, unit.site_name, state))
    freshness(opened, unit.time_zone)
    _left(standing, opened.as_of or 0)
    _what_to_do(viewer, unit)
    _now(opened, viewer, unit, opened.once(price_now, viewer, unit.id))
    show_credit_breakdown(opened, viewer, unit)
    _lately(opened, viewer, unit)


def _left(standing: UnitStatus, now: int) -> None:
    """Show what is left, large."""
    unit, why = standing.unit, why_days(standing, now)
    lasts = _("Lasts about {days}: {why}", days=days(standing.days_left), why=why)
    if unit.never_ends or not standing.days_left or standing.days_left < 0:
        lasts = f"{why[:1].upper()}{why[1:]}"
    later = unit.never_ends and unit.available <= 0
    title, amount = (_("To be billed"), -unit.available) if later else (_("You have"), unit.available)
    st.html(
        f'<p class="pm-lead">{title}</p>'
        f'<p class="pm-big">{money(amount, unit.currency)}</p>'
        f'<p class="pm-lead">{lasts}</p>'
    )


def _what_to_do(viewer: Viewer, unit: Unit) -> None:
    """Say what the household can do now, where there is something."""
    if unit.supply_state == "armed":
        st.warning(_("Your supply is ready. Switch it on when it is safe."), icon=":material/touch_app:")
        offer(
            viewer,
            "confirm",
            lambda: Action("confirm", unit.id, unit.name, unit.currency),
            key="confirm",
            primary=True,
        )
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
        offer(
            viewer,
            "emergency",
            lambda: Action("emergency", unit.id, unit.name, unit.currency),
            key="emergency",
        )


def _now(opened: Warehouse, viewer: Viewer, unit: Unit, price: PriceNow | None) -> None:
    """Show today, the price of the next kWh and what is owed."""
    used = opened.once(usage, viewer, unit.id, 1)
    today = sum(one.amount + one.tax for one in used) + unit.accrued
    figures = [
        Figure(_("Today so far"), money(today, unit.currency), None, kwh(sum(one.wh for one in used))),
    ]
    if price is not None:
        figures.append(
            Figure(_("Next kWh"), money(price.per_kwh, unit.currency), None, where_on_ladder(price))
        )
    owed = opened.once(owed_by, viewer, unit.id)
    if owed:
        figures.append(
            Figure(_("You owe"), money(owed, unit.currency), None, _("deducted from top-ups or over time"))
        )
    show_figures(figures)


def _lately(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    """Show the last two weeks."""
    used = opened.once(usage, viewer, unit.id, DAYS)
    if not used:
        st.info(_("No charges yet; they appear with the first readings."), icon=":material/hourglass_empty:")
        return
    with st.container(border=True):
        st.subheader(_("The last 14 days, {currency}", currency=unit.currency), anchor=False)
        draw(cost_by_block(used, unit.currency, palette()), "lately")


show()
