"""Cards of what needs a person, the gravest first."""

from collections.abc import Sequence
from html import escape
from typing import Final

import streamlit as st

from dashboard.status.attention import AttentionItem, UnitStatus
from dashboard.text.formatting import ago, count, days, money
from dashboard.text.labels import Label
from dashboard.text.markup import chip, link, muted, unit_link
from dashboard.text.translate import _
from meter_bridge.text.marks import N_

SHOWN_UNITS: Final = 4
ALL_WELL: Final = Label(N_("All well"), "check_circle", "green")


def show_attention(found: Sequence[AttentionItem], now: int) -> None:
    """Show a card for each cause, or that there is none."""
    if not found:
        text = escape(_("Nothing needs your attention."))
        st.html(f'<div class="pm-calm">{chip(ALL_WELL)}<span>{text}</span></div>')
        return
    st.html(f'<div class="pm-cards">{"".join(_card(concern, now) for concern in found)}</div>')


def _card(concern: AttentionItem, now: int) -> str:
    listed = concern.statuses[:SHOWN_UNITS]
    rest = len(concern.statuses) - len(listed)
    items = "".join(
        f"<li>{unit_link(standing.unit.id, standing.unit.name)}"
        f"<span>{_figure(concern.cause.key, standing, now)}</span></li>"
        for standing in listed
    )
    more = f"<li>{link('units', _('and {number} more', number=count(rest)))}</li>" if rest else ""
    many = f'<span class="pm-count">{count(len(concern.statuses))}</span>'
    header = f"<header>{chip(concern.cause.label)}{many}</header>"
    return f'<section class="pm-card">{header}<ul>{items}{more}</ul></section>'


def _figure(cause: str, status: UnitStatus, now: int) -> str:
    unit = status.unit
    if cause == "out":
        return money(unit.available, unit.currency)
    if cause == "soon":
        left = days(status.days_left)
        return left if status.days_left is not None else money(unit.available, unit.currency)
    if cause == "offline" and unit.read_at is not None:
        return muted(_("last seen {when}", when=ago(unit.read_at, now)))
    if cause == "armed":
        return money(unit.available, unit.currency)
    return muted(unit.customer or unit.site_name)
