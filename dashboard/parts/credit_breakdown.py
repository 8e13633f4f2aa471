"""Why is my credit gone: the balance then, everything that moved it, and what is left."""

from html import escape
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.balance import change_name, waterfall
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import choose_segment, draw, heading_row, palette
from dashboard.queries.balance import BalanceChange, CreditBreakdown, credit_breakdown
from dashboard.queries.units import Unit
from dashboard.text.formatting import count, kwh, moment, money, signed_money
from dashboard.text.markup import Cell, muted, table
from dashboard.text.translate import _
from meter_bridge.text.marks import N_

PERIODS: Final = {N_("Since the last top-up"): None, N_("7 days"): 7, N_("30 days"): 30}


def show_credit_breakdown(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    """Show what became of a unit's credit, drawn and as a table that adds up."""
    with st.container(border=True):
        with heading_row(_("Where the credit went")):
            chosen = choose_segment(_("Time shown"), list(PERIODS), "Since the last top-up", "credit gone")
        breakdown = opened.cached(
            credit_breakdown, viewer, unit.id, PERIODS[chosen], unit.balance - unit.available
        )
        if breakdown is None or not breakdown.changes:
            st.caption(_("Nothing has changed the balance in this period."))
            return
        st.caption(_("Since {instant}.", instant=moment(breakdown.since, unit.time_zone)))
        left, right = st.columns([3, 2])
        with left:
            draw(waterfall(breakdown, unit.currency, palette()), "where it went")
        right.html(_table(breakdown, unit.currency))


def _table(breakdown: CreditBreakdown, currency: str) -> str:
    rows = [[Cell(_("Balance before")), Cell(money(breakdown.before, currency), number=True)]]
    rows += [
        [
            Cell(f"{escape(change_name(each))}{_quantity(each)}"),
            Cell(signed_money(each.amount, currency), number=True),
        ]
        for each in breakdown.changes
    ]
    rows.append(
        [Cell(f"<strong>{_('Left now')}</strong>"), Cell(money(breakdown.now, currency), number=True)]
    )
    return table((_("What"), _("Amount")), rows, _("Where the credit went"))


def _quantity(each: BalanceChange) -> str:
    if each.wh:
        return muted(kwh(each.wh))
    return muted(_("{number} entries", number=count(each.entries))) if each.entries > 1 else ""
