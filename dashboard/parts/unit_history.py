"""What happened to a unit: top-ups with their split, alerts, supply decisions."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.figures import money, short_moment
from dashboard.markup import Cell, chip, soft, table
from dashboard.queries.history import SupplyChange, UnitAlert, supply_changes, unit_alerts
from dashboard.queries.top_ups import TopUp, top_ups
from dashboard.queries.units import Unit
from dashboard.warehouse import Warehouse
from dashboard.words import METHODS, SPLITS, alert_word, reason_text, spelled, supply_word

SHOWN: Final = 8


def show_history(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    """Show payments beside alerts and supply decisions."""
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        st.subheader("Top-ups", anchor=False)
        _listed(_top_ups(top_ups(opened, viewer, unit.id), unit), "No top-up yet.", "top-ups")
    with right.container(border=True, height="stretch"):
        st.subheader("Alerts", anchor=False)
        _listed(_alerts(unit_alerts(opened, viewer, unit.id), unit), "No alert so far.", "alerts")
        st.subheader("Supply", anchor=False)
        _listed(
            _supply(supply_changes(opened, viewer, unit.id), unit), "No supply decision yet.", "decisions"
        )


type Listing = tuple[tuple[str, ...], list[list[Cell]]]


def _listed(listing: Listing, none: str, name: str) -> None:
    """Show the newest rows, and the others on demand."""
    headers, rows = listing
    if not rows:
        st.caption(none)
        return
    st.html(table(headers, rows[:SHOWN], name))
    if rows[SHOWN:]:
        with st.expander(f"{len(rows) - SHOWN:,} older {name}"):
            st.html(table(headers, rows[SHOWN:], name))


def _top_ups(paid: Sequence[TopUp], unit: Unit) -> Listing:
    """Return the top-ups with where each went."""
    rows = [
        [
            Cell(f"{short_moment(one.at, unit.time_zone)}{soft(_how(one))}"),
            Cell(f"{money(one.amount, unit.currency)}{soft(_split(one, unit.currency))}", number=True),
            Cell(money(one.balance_after, unit.currency), number=True),
        ]
        for one in paid
    ]
    return ("When", "Paid", "Balance after"), rows


def _how(one: TopUp) -> str:
    """Return method and reference."""
    method = METHODS.get(one.method or "", spelled(one.method or "").capitalize())
    return " · ".join(part for part in (method, one.reference) if part)


def _split(one: TopUp, currency: str) -> str:
    """Return where the money went."""
    if set(one.split) <= {"balance"}:
        return "all to balance"
    return ", ".join(
        f"{money(part, currency)} {SPLITS.get(name, spelled(name))}" for name, part in one.split.items()
    )


def _alerts(alerts: Sequence[UnitAlert], unit: Unit) -> Listing:
    """Return the alerts, open ones first."""
    rows = [
        [
            Cell(f"{chip(alert_word(one.kind))}{soft(one.message)}"),
            Cell(f"{short_moment(one.opened_at, unit.time_zone)}{soft(_ended(one, unit))}", number=True),
        ]
        for one in alerts
    ]
    return ("Alert", "Since"), rows


def _ended(one: UnitAlert, unit: Unit) -> str:
    """Return whether an alert is still open, or when it closed."""
    return "open" if one.closed_at is None else f"closed {short_moment(one.closed_at, unit.time_zone)}"


def _supply(changes: Sequence[SupplyChange], unit: Unit) -> Listing:
    """Return the supply decisions with their reasons."""
    rows = [
        [
            Cell(f"{chip(supply_word(one.state))}{soft(_why(one))}"),
            Cell(f"{short_moment(one.at, unit.time_zone)}{soft(f'by {one.actor}')}", number=True),
        ]
        for one in changes
    ]
    return ("Supply", "When"), rows


def _why(one: SupplyChange) -> str:
    """Return the reason of a decision with its note."""
    reason = reason_text(one.reason)
    return f"{reason}: {one.note}" if one.note else reason
