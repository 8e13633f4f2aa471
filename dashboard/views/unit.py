"""One unit, addressed by ``?unit=``: its state, balance, cost, energy, payments and history."""

import json
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.attention import Standing
from dashboard.figures import ago, days, kwh, moment, money, power
from dashboard.markup import chip, page_title, unit_link
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import freshness, no_units, show_page
from dashboard.parts.unit_charts import show_charts
from dashboard.parts.unit_history import show_history
from dashboard.parts.unit_table import matching
from dashboard.queries.units import Unit, units
from dashboard.queries.week import Weeks, charged_and_energy
from dashboard.standings import standings_of
from dashboard.warehouse import Warehouse
from dashboard.words import alert_word, reason_text, supply_word

HOUR_MS: Final = 3_600_000
LISTED_UNITS: Final = 40
RANGES: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "1 year"}
MAX_ID_LENGTH: Final = 200


def show() -> None:
    """Show the unit of the URL, or let the viewer choose one."""
    wanted = st.query_params.get("unit", "")[:MAX_ID_LENGTH]
    if not wanted:
        show_page(_choose)
        return
    show_page(_unit, wanted)


def _choose(opened: Warehouse, viewer: Viewer) -> None:
    """List the units to choose from."""
    st.html(page_title("Unit", "choose one to see its balance, cost and history"))
    every = [Standing(unit, None) for unit in units(opened, viewer)]
    if not every:
        no_units()
        return
    text = st.text_input("Search", placeholder="Unit, customer or site", type="search", key="choose")
    found = matching(every, text or "")
    links = "".join(
        f"<li>{unit_link(unit.id, unit.name)}<span>{chip(supply_word(unit.supply_state))}</span></li>"
        for unit in (one.unit for one in found[:LISTED_UNITS])
    )
    st.html(f'<section class="pm-card"><ul>{links or "<li>No unit matches.</li>"}</ul></section>')
    if len(found) > LISTED_UNITS:
        st.caption(f"{len(found) - LISTED_UNITS:,} more: search to find them.")


def _unit(opened: Warehouse, viewer: Viewer) -> None:
    """Show the unit that the snapshot is of, if the viewer may see it."""
    standing = next(iter(standings_of(opened, viewer)), None)
    if standing is None:
        _unknown()
        return
    unit = standing.unit
    _header(standing)
    freshness(opened, unit.time_zone)
    _figures(opened, viewer, standing)
    chosen = st.segmented_control(
        "Time shown",
        list(RANGES),
        default=30,
        required=True,
        format_func=RANGES.__getitem__,
        key="days",
        label_visibility="collapsed",
    )
    show_charts(opened, viewer, unit, thresholds(unit), chosen or 30)
    show_history(opened, viewer, unit)


def _unknown() -> None:
    """Say that there is no such unit; one that the viewer may not see looks the same."""
    st.html(page_title("Unit", ""))
    with st.container(border=True):
        st.subheader(":material/search_off: No such unit", anchor=False)
        st.write("The address names a unit that is not here, was closed, or is not yours to see.")
        st.html('<a class="pm-link" href="unit" target="_self">Choose a unit</a>')


def _header(standing: Standing) -> None:
    """Show who and where the unit is and how its supply stands."""
    unit = standing.unit
    chips = chip(supply_word(unit.supply_state), f"· {reason_text(unit.reason)}" if unit.reason else "")
    alerts = "".join(chip(alert_word(kind)) for kind in unit.alerts)
    who = " · ".join(part for part in (unit.customer, unit.site_name) if part)
    st.html(page_title(unit.name, who, f"{chips}{alerts}"))


def _figures(opened: Warehouse, viewer: Viewer, standing: Standing) -> None:
    """Show what is left, for how long, and what today cost."""
    unit = standing.unit
    charged, energy = charged_and_energy(opened, viewer)
    week = charged.get(unit.currency, Weeks(now=0, before=0))
    figures = [
        Figure("Balance", money(unit.available, unit.currency), None, _accrued(unit)),
        Figure("Lasts", days(standing.days_left), None, _why_days(standing)),
        Figure("Charged, 7 days", money(week.now, unit.currency), None, kwh(energy.now)),
        Figure("Power now", power(unit.power_mw), None, _read(unit, opened.as_of or 0)),
    ]
    show_figures(figures)


def _accrued(unit: Unit) -> str:
    """Return what the balance consists of."""
    return f"{money(unit.accrued, unit.currency)} not yet posted"


def _why_days(standing: Standing) -> str:
    """Return what the forecast rests on."""
    if standing.unit.never_ends:
        return "billed later, never cut"
    if standing.days_left is None:
        return "needs two full days of use"
    return "at the recent pace"


def _read(unit: Unit, now: int) -> str:
    """Return when the meter was last heard."""
    if unit.read_at is None:
        return "no reading yet"
    if now - unit.read_at < HOUR_MS:
        return f"read {ago(unit.read_at, now)}"
    return f"read {moment(unit.read_at, unit.time_zone)}"


def thresholds(unit: Unit) -> tuple[int, ...]:
    """Return the account's low-credit thresholds from its policy."""
    policy = json.loads(unit.policy)
    listed = policy.get("low_credit", []) if isinstance(policy, dict) else []
    return tuple(amount for amount in listed if isinstance(amount, int))


show()
