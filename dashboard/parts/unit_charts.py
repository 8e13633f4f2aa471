"""A unit's charts: balance, cost by block or band, energy."""

from collections.abc import Sequence

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.balance import BalanceNow, balance_over_time
from dashboard.charts.cost import cost_by_band, cost_by_block
from dashboard.charts.energy import energy_per_day
from dashboard.parts.page import draw, ink
from dashboard.queries.balance import balance_steps
from dashboard.queries.units import Unit
from dashboard.queries.usage import Usage, bands, usage
from dashboard.warehouse import Warehouse


def show_charts(
    opened: Warehouse, viewer: Viewer, unit: Unit, thresholds: tuple[int, ...], days: int
) -> None:
    """Show the charts of the last days."""
    with st.container(border=True):
        _balance(opened, viewer, unit, thresholds, days)
    used = usage(opened, viewer, unit.id, days)
    if not used:
        st.info(
            "No charges in this time yet; they appear with the first readings.",
            icon=":material/hourglass_empty:",
        )
        return
    names = bands(opened, viewer)
    cost, energy = st.columns(2)
    with cost.container(border=True, height="stretch"):
        _cost(used, names, unit.currency)
    with energy.container(border=True, height="stretch"):
        st.subheader("Energy per day, kWh", anchor=False)
        draw(energy_per_day(used, names, ink()), "energy")


def _cost(used: Sequence[Usage], names: Sequence[str], currency: str) -> None:
    """Show the cost per day by block, or by band."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(f"Cost per day, {currency}", anchor=False, width="content")
        by = st.segmented_control(
            "Stacked by",
            ["Block", "Band"],
            default="Block",
            required=True,
            key="by",
            label_visibility="collapsed",
        )
    by_band = by == "Band"
    draw(
        cost_by_band(used, names, currency, ink()) if by_band else cost_by_block(used, currency, ink()),
        "cost",
    )


def _balance(opened: Warehouse, viewer: Viewer, unit: Unit, thresholds: tuple[int, ...], days: int) -> None:
    """Show the balance over time."""
    st.subheader(f"Balance, {unit.currency}", anchor=False)
    now = BalanceNow(
        at=opened.as_of or 0,
        available=unit.available,
        currency=unit.currency,
        time_zone=unit.time_zone,
        thresholds=thresholds,
    )
    draw(balance_over_time(balance_steps(opened, viewer, unit.id, days), now, ink()), "balance")
