"""What happened to a unit: top-ups with their split, alerts, supply decisions."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.parts.files import show_receipts
from dashboard.parts.page import card
from dashboard.queries.alerts import Alert, Command, SupplyChange, commands, supply_changes, unit_alerts
from dashboard.queries.payments import Payment, unit_payments
from dashboard.queries.units import Unit
from dashboard.text.formatting import count, money, short_moment
from dashboard.text.labels import (
    POSITIONS,
    alert_label,
    alert_message,
    outcome_text,
    reason_text,
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
        with card(_("Top-ups"), left):
            paid = opened.cached(unit_payments, viewer, unit.id)
            _show_listing(_top_ups(paid, unit), _("No top-up yet."), _("top-ups"))
            newest = sorted(paid, key=lambda each: (each.at, each.seq), reverse=True)
            show_receipts(newest[:RECEIPTS], viewer)
    with card(_("Alerts"), right):
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
    headers, rows = listing
    if not rows:
        st.caption(none)
        return
    st.html(table(headers, rows[:SHOWN], name))
    if rows[SHOWN:]:
        with st.expander(_("{number} older {things}", number=count(len(rows) - SHOWN), things=name)):
            st.html(table(headers, rows[SHOWN:], name))


def _top_ups(paid: Sequence[Payment], unit: Unit) -> Listing:
    rows = [
        [
            Cell(f"{short_moment(one.at, unit.time_zone)}{muted(one.method_text)}"),
            Cell(f"{money(one.amount, unit.currency)}{muted(one.split_text)}", number=True),
            Cell(money(one.balance_after, unit.currency), number=True),
        ]
        for one in paid
    ]
    return (_("When"), _("Paid"), _("Balance after")), rows


def _alerts(alerts: Sequence[Alert], unit: Unit) -> Listing:
    rows = [
        [
            Cell(f"{chip(alert_label(one.kind))}{muted(alert_message(one.kind, one.facts))}"),
            Cell(f"{short_moment(one.opened_at, unit.time_zone)}{muted(_ended(one, unit))}", number=True),
        ]
        for one in alerts
    ]
    return (_("Alert"), _("Since")), rows


def _ended(one: Alert, unit: Unit) -> str:
    if one.closed_at is None:
        return _("open")
    return _("closed {when}", when=short_moment(one.closed_at, unit.time_zone))


def _supply(changes: Sequence[SupplyChange], unit: Unit) -> Listing:
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
    reason = reason_text(one.reason)
    return f"{reason}: {one.note}" if one.note else reason
