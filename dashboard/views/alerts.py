"""What is and was wrong, and whether every relay is where it should be."""

from collections.abc import Sequence
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.actions.action import ACTION_KINDS, Action
from dashboard.actions.dialog import show_action_button
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import card, show_head, show_page, show_paged
from dashboard.queries.alerts import Alert, Command, RelayState, alerts, commands, relays
from dashboard.text.formatting import ago, short_moment
from dashboard.text.labels import (
    NEVER_ASKED,
    POSITIONS,
    alert_label,
    alert_message,
    outcome_text,
    proof_label,
    reason_text,
    unique_labels,
)
from dashboard.text.markup import Cell, chip, muted, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

DAY_MS: Final = 24 * 3_600_000
HISTORY_DAYS: Final = 90
WITH_BUTTON: Final = 12
"""So many open alerts get a button each; the others are reached by the filter."""


def show() -> None:
    """Show the page; what closed longer ago than three months is on the unit's page."""
    midnight = int(time.time() * 1000) // DAY_MS * DAY_MS
    show_page(_alerts, Scope(kind="alerts", since=midnight - HISTORY_DAYS * DAY_MS))


def _alerts(opened: Warehouse, viewer: Viewer) -> None:
    every = opened.cached(alerts, viewer)
    now_open = [alert for alert in every if alert.closed_at is None]
    detail = ngettext("{number} open alert", "{number} open alerts", len(now_open))
    if not show_head(opened, viewer, _("Alerts and relays"), detail):
        return
    _open(now_open, viewer, opened.as_of or 0)
    _relays(opened.cached(relays, viewer))
    _history([alert for alert in every if alert.closed_at is not None], opened.cached(commands, viewer))


def _open(now_open: Sequence[Alert], viewer: Viewer, now: int) -> None:
    with card(_("Open alerts")):
        if not now_open:
            st.caption(_("No alert is open."))
            return
        kinds = sorted({alert.kind for alert in now_open})
        wanted = st.pills(
            _("Kind"),
            kinds,
            format_func=lambda kind: alert_label(kind).said,
            key="alert kind",
            label_visibility="collapsed",
        )
        chosen = [alert for alert in now_open if wanted in (None, alert.kind)]
        shown = show_paged(
            chosen,
            lambda alert: _open_row(alert, now),
            (N_("Alert"), N_("Unit"), N_("Since")),
            key="open alerts",
            caption=_("Open alerts"),
            many=WITH_BUTTON,
        )
        _acknowledge([alert for alert in shown if alert.acknowledged_at is None], viewer)


def _acknowledge(waiting: Sequence[Alert], viewer: Viewer) -> None:
    if not waiting or viewer.token is None or viewer.role not in ACTION_KINDS["acknowledge"].roles:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        known = {alert.id: alert for alert in waiting}
        labels = unique_labels(known, lambda each: _alert_text(known[each]))
        wanted = st.selectbox(
            _("Acknowledge"),
            list(known),
            format_func=labels.__getitem__,
            key="to acknowledge",
            width=360,
        )
        chosen = known.get(wanted or "")
        if chosen is not None:
            action = Action("acknowledge", chosen.id, _alert_text(chosen))
            show_action_button(viewer, action, key="acknowledge")


def _alert_text(alert: Alert) -> str:
    return " · ".join(part for part in (alert_label(alert.kind).said, alert.name or alert.site_name) if part)


def _open_row(alert: Alert, now: int) -> list[Cell]:
    seen = (
        muted(_("acknowledged by {name}", name=alert.acknowledged_by or "?"))
        if alert.acknowledged_at is not None
        else ""
    )
    return [
        Cell(f"{chip(alert_label(alert.kind))}{muted(alert_message(alert.kind, alert.facts))}"),
        Cell(_where(alert)),
        Cell(f"{ago(alert.opened_at, now)}{seen}", number=True),
    ]


def _where(alert: Alert) -> str:
    return unit_link(alert.account_id, alert.name) if alert.name else muted(_("whole site"))


def _relays(every: Sequence[RelayState]) -> None:
    with card(_("Relays")):
        if not every:
            st.caption(_("No relay has been switched yet."))
            return
        proven = sum(relay.proof in {"confirmed", "no_load"} for relay in every)
        requested = sum(bool(relay.requested) for relay in every)
        st.caption(
            _("{proven} of {all} are proven to be in the requested position.", proven=proven, all=requested)
        )
        show_paged(
            every,
            _relay_row,
            (N_("Unit"), N_("Requested"), N_("Reported"), N_("Proof")),
            key="relays",
            caption=_("Relays"),
            many=20,
        )


def _relay_row(relay: RelayState) -> list[Cell]:
    return [
        Cell(f"{unit_link(relay.account_id, relay.name)}{muted(relay.meter_name)}"),
        Cell(
            _position(relay.requested, relay.requested_at, relay.time_zone)
            if relay.requested
            else muted(_("nothing")),
            labelled=True,
        ),
        Cell(_position(relay.reported, relay.reported_at, relay.time_zone), labelled=True),
        Cell(_proof(relay)),
    ]


def _proof(relay: RelayState) -> str:
    if not relay.requested:
        return chip(NEVER_ASKED)
    proof = chip(proof_label(relay.proof))
    if relay.proof_at is None:
        return proof
    return proof + muted(_("since {when}", when=short_moment(relay.proof_at, relay.time_zone)))


def _position(position: str, at: int | None, zone: str) -> str:
    text = _(POSITIONS.get(position, "not known"))
    return text + (muted(short_moment(at, zone)) if at is not None else "")


def _history(closed: Sequence[Alert], sent: Sequence[Command]) -> None:
    left, right = st.columns(2)
    with card(_("Closed alerts, 90 days"), left):
        show_paged(
            closed,
            _closed_row,
            (N_("Alert"), N_("Unit"), N_("Open")),
            key="closed",
            caption=_("Closed alerts"),
            many=12,
            none=_("None."),
        )
    with card(_("Relay commands, 90 days"), right):
        show_paged(
            sent,
            _command_row,
            (N_("Unit"), N_("Command"), N_("When")),
            key="commands",
            caption=_("Relay commands"),
            many=12,
            none=_("None."),
        )


def _closed_row(alert: Alert) -> list[Cell]:
    until = short_moment(alert.closed_at or 0, alert.time_zone)
    return [
        Cell(chip(alert_label(alert.kind))),
        Cell(_where(alert)),
        Cell(
            f"{short_moment(alert.opened_at, alert.time_zone)}{muted(_('until {when}', when=until))}",
            number=True,
        ),
    ]


def _command_row(command: Command) -> list[Cell]:
    return [
        Cell(unit_link(command.account_id, command.name)),
        Cell(f"{_(POSITIONS.get(command.position, command.position))}{muted(reason_text(command.reason))}"),
        Cell(
            f"{short_moment(command.created_at, command.time_zone)}{muted(outcome_text(command.outcome))}",
            number=True,
        ),
    ]


show()
