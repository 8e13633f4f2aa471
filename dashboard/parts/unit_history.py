"""What happened to a unit: top-ups with their split, alerts, supply decisions."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.parts.receipts import show_receipts
from dashboard.queries.alerts import Command, commands
from dashboard.queries.history import SupplyChange, UnitAlert, supply_changes, unit_alerts
from dashboard.queries.payments import unit_payments
from dashboard.queries.top_ups import TopUp, top_ups
from dashboard.queries.units import Unit
from dashboard.text.formatting import count, money, short_moment
from dashboard.text.labels import (
    METHODS,
    POSITIONS,
    alert_label,
    alert_message,
    outcome_text,
    reason_text,
    spelled,
    split_label,
    supply_label,
)
from dashboard.text.markup import Cell, chip, muted, table
from dashboard.text.translate import _
from meter_bridge.protocol.messages import Role

SHOWN: Final = 8
RECEIPTS: Final = 50


def show_history(opened: Warehouse, viewer: Viewer, unit: Unit) -> None:
    """Show payments beside alerts, supply decisions and relay commands."""
    left, right = st.columns(2)
    if viewer.role is not Role.CARETAKER:
        with left.container(border=True, height="stretch"):
            st.subheader(_("Top-ups"), anchor=False)
            paid = opened.cached(top_ups, viewer, unit.id)
            _show_listing(_top_ups(paid, unit), _("No top-up yet."), _("top-ups"))
            show_receipts(opened.cached(unit_payments, viewer, unit.id, RECEIPTS), viewer)
    with right.container(border=True, height="stretch"):
        st.subheader(_("Alerts"), anchor=False)
        found = opened.cached(unit_alerts, viewer, unit.id)
        _show_listing(_alerts(found, unit), _("No alert so far."), _("alerts"))
        st.subheader(_("Supply"), anchor=False)
        changes = opened.cached(supply_changes, viewer, unit.id)
        _show_listing(_supply(changes, unit), _("No supply decision yet."), _("decisions"))
        sent = opened.cached(commands, viewer)
        if viewer.is_staff and sent:
            st.subheader(_("Relay"), anchor=False)
            _show_listing(_commands(sent, unit), "", _("commands"))


type Listing = tuple[tuple[str, ...], list[list[Cell]]]


def _show_listing(listing: Listing, none: str, name: str) -> None:
    """Show the newest rows, and the others on demand."""
    headers, rows = listing
    if not rows:
        st.caption(none)
        return
    st.html(table(headers, rows[:SHOWN], name))
    if rows[SHOWN:]:
        with st.expander(_("{number} older {things}", number=count(len(rows) - SHOWN), things=name)):
            st.html(table(headers, rows[SHOWN:], name))


def _top_ups(paid: Sequence[TopUp], unit: Unit) -> Listing:
    """Return the top-ups with where each went."""
    rows = [
        [
            Cell(f"{short_moment(one.at, unit.time_zone)}{muted(_method_text(one))}"),
            Cell(f"{money(one.amount, unit.currency)}{muted(_split(one, unit.currency))}", number=True),
            Cell(money(one.balance_after, unit.currency), number=True),
        ]
        for one in paid
    ]
    return (_("When"), _("Paid"), _("Balance after")), rows


def _method_text(one: TopUp) -> str:
    """Return method and reference."""
    method = _(METHODS.get(one.method or "", spelled(one.method or "").capitalize())) if one.method else ""
    return " · ".join(part for part in (method, one.reference) if part)


def _split(one: TopUp, currency: str) -> str:
    """Return where the money went."""
    if set(one.split) <= {"balance"}:
        return _("all to balance")
    return ", ".join(f"{money(part, currency)} {split_label(name)}" for name, part in one.split.items())


def _alerts(alerts: Sequence[UnitAlert], unit: Unit) -> Listing:
    """Return the alerts, open ones first."""
    rows = [
        [
            Cell(f"{chip(alert_label(one.kind))}{muted(alert_message(one.kind, one.facts))}"),
            Cell(f"{short_moment(one.opened_at, unit.time_zone)}{muted(_ended(one, unit))}", number=True),
        ]
        for one in alerts
    ]
    return (_("Alert"), _("Since")), rows


def _ended(one: UnitAlert, unit: Unit) -> str:
    """Return whether an alert is still open, or when it closed."""
    if one.closed_at is None:
        return _("open")
    return _("closed {when}", when=short_moment(one.closed_at, unit.time_zone))


def _supply(changes: Sequence[SupplyChange], unit: Unit) -> Listing:
    """Return the supply decisions with their reasons."""
    rows = [
        [
            Cell(f"{chip(supply_label(one.state))}{muted(_reason_text(one))}"),
            Cell(
                f"{short_moment(one.at, unit.time_zone)}{muted(_('by {name}', name=one.actor))}", number=True
            ),
        ]
        for one in changes
    ]
    return (_("Supply"), _("When")), rows


def _commands(sent: Sequence[Command], unit: Unit) -> Listing:
    """Return relay commands with what became of them."""
    rows = [
        [
            Cell(f"{_(POSITIONS.get(one.position, one.position))}{muted(one.meter_name)}"),
            Cell(
                f"{short_moment(one.created_at, unit.time_zone)}{muted(outcome_text(one.outcome))}",
                number=True,
            ),
        ]
        for one in sent
    ]
    return (_("Command"), _("When")), rows


def _reason_text(one: SupplyChange) -> str:
    """Return the reason of a decision with its note."""
    reason = reason_text(one.reason)
    return f"{reason}: {one.note}" if one.note else reason
