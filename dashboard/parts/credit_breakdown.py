"""Why is my credit gone: the balance then, everything that moved it, and what is left."""

from html import escape
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.waterfall import name_of, waterfall
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import draw, ink
from dashboard.queries.credit_breakdown import Gone, Moved, credit_gone
from dashboard.queries.units import Unit
from dashboard.text.formatting import count, kwh, moment, money, signed_money
from dashboard.text.markup import Cell, soft, table
from dashboard.text.translate import say

SPANS: Final = {"Since the last top-up": None, "7 days": 7, "30 days": 30}


def show_where_it_went(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    """Show what became of a unit's credit, drawn and as a table that adds up."""
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.subheader(say("Where the credit went"), anchor=False, width="content")
            chosen = st.segmented_control(
                say("Time shown"),
                list(SPANS),
                default="Since the last top-up",
                required=True,
                format_func=say,
                key="credit gone",
                label_visibility="collapsed",
            )
        gone = opened.once(
            credit_gone, viewer, unit.id, SPANS[chosen or "7 days"], unit.balance - unit.available
        )
        if gone is None or not gone.moved:
            st.caption(say("Nothing has moved the balance in this time."))
            return
        st.caption(say("From {instant} on.", instant=moment(gone.since, unit.time_zone)))
        left, right = st.columns([3, 2])
        with left:
            draw(waterfall(gone, unit.currency, ink()), "where it went")
        right.html(_table(gone, unit.currency))


def _table(gone: Gone, currency: str) -> str:
    """Return every step with its amount."""
    rows = [[Cell(say("Balance before")), Cell(money(gone.before, currency), number=True)]]
    rows += [
        [
            Cell(f"{escape(name_of(each))}{_how_much(each)}"),
            Cell(signed_money(each.amount, currency), number=True),
        ]
        for each in gone.moved
    ]
    rows.append([Cell(f"<strong>{say('Left now')}</strong>"), Cell(money(gone.now, currency), number=True)])
    return table((say("What"), say("Amount")), rows, say("Where the credit went"))


def _how_much(each: Moved) -> str:
    """Return the energy or the number of entries of a step."""
    if each.wh:
        return soft(kwh(each.wh))
    return soft(say("{number} entries", number=count(each.entries))) if each.entries > 1 else ""
