"""A building's meter against the sum of its units: losses, and energy that no meter measured."""

from collections.abc import Sequence
from datetime import timedelta
import json
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.energy_balance import balance_by_day, balance_by_hour, energy_flow
from dashboard.data.warehouse import Warehouse
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import (
    card,
    draw,
    palette,
    show_head,
    show_next_step,
    show_page,
    show_paged,
)
from dashboard.parts.period import choose_period
from dashboard.queries.energy_balance import (
    DayBalance,
    Member,
    UsageDrop,
    balance_days,
    balance_hours,
    members,
    usage_drops,
)
from dashboard.queries.sums import newest_day
from dashboard.queries.units import UnitName
from dashboard.text.formatting import day, kwh, money, percent
from dashboard.text.labels import alert_label, supply_label, unique_labels
from dashboard.text.markup import Cell, chip, muted, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

MANY_UNITS: Final = 1_000
WEEK: Final = timedelta(days=6)
"""Of so many units, the last seven days say when energy is missing; more would keep people waiting."""
LIKELY: Final = 0.7
"""A unit that measures at least so much of what all others do may be the building's own meter."""
HOW: Final = N_(
    "Add the meter at the building's connection as a unit of its own to the site file, with "
    "`building meter: yes`, `payment mode: credit`, so that it is never cut, and a tariff that costs nothing."
)


def show() -> None:
    """Show the page."""
    show_page(_balance)


def _balance(opened: Warehouse, viewer: Viewer) -> None:
    detail = _("the building's meter against the sum of its units")
    known = show_head(opened, viewer, _("Energy balance"), detail)
    today = opened.cached(newest_day, viewer)
    if not known or today is None:
        return
    first_column, second_column, third_column = st.columns(3)
    with first_column:
        site = _choose_site(known)
    with third_column:
        first, last = choose_period().between(today)
    every = opened.cached(members, viewer, site.site_id, first, last)
    with second_column:
        building = _choose_building(every, site.site_id)
    if building is None:
        show_next_step(_("Which meter is the building's?"), "", _(HOW), "electric_meter")
        return
    units = [each for each in every if each.account_id != building.account_id]
    days = opened.cached(balance_days, viewer, site.site_id, building.account_id, first, last)
    _figures(days, units, site.currency)
    with card(_("Day by day, kWh")):
        draw(balance_by_day(days, palette()), "balance by day")
    left, right = st.columns(2)
    with card(_("When it is missing, kWh per hour"), left):
        begin = first if len(units) < MANY_UNITS else max(first, last - WEEK)
        st.caption(_("Average of the days since {day}.", day=day(begin)))
        hours = opened.cached(balance_hours, viewer, site.site_id, building.account_id, begin, last)
        draw(balance_by_hour(hours, palette()), "balance by hour")
    with card(_("Where it goes"), right):
        draw(energy_flow(building.wh or 0, units, palette()), "energy flow")
    _show_usage_drops(opened.cached(usage_drops, viewer, site.site_id, building.account_id, today))


def _choose_site(known: Sequence[UnitName]) -> UnitName:
    sites = {place.site_id: place for place in known}
    labels = unique_labels(sites, lambda each: sites[each].site_name)
    chosen = st.selectbox(
        _("Site"), list(sites), format_func=labels.__getitem__, key="site", bind="query-params"
    )
    return sites[chosen]


def _choose_building(every: Sequence[Member], site_id: str) -> Member | None:
    """Ask for the building's meter; propose the one that measures about as much as all others."""
    known = {each.account_id: each for each in every}
    labels = unique_labels(known, lambda each: known[each].name)
    likely = likely_building(every)
    chosen = st.selectbox(
        _("Building's meter"),
        list(known),
        index=None if likely is None else list(known).index(likely),
        placeholder=_("Choose a unit"),
        format_func=labels.__getitem__,
        key=f"building of {site_id}",
    )
    return known.get(chosen or "")


def likely_building(every: Sequence[Member]) -> str | None:
    """Return the unit whose meter the site file calls the building's, else the one that probably is.

    That is one that is billed later and near the sum of all others.
    """
    for each in every:
        if json.loads(each.policy).get("building_meter"):
            return each.account_id
    total = sum(each.wh or 0 for each in every)
    for each in every:
        others = total - (each.wh or 0)
        if _is_billed_later(each) and others and (each.wh or 0) >= LIKELY * others:
            return each.account_id
    return None


def _is_billed_later(each: Member) -> bool:
    policy = json.loads(each.policy)
    return isinstance(policy, dict) and policy.get("payment_mode") == "credit"


def _figures(days: Sequence[DayBalance], units: Sequence[Member], currency: str) -> None:
    known = [each for each in days if each.building is not None]
    building, measured = sum(each.building or 0 for each in known), sum(each.units for each in known)
    missing = building - measured
    charged, used = sum(each.charged or 0 for each in units), sum(each.wh or 0 for each in units)
    price = charged * missing // used if used else 0
    share = percent(missing / building) if building else _("not known")
    silent = len(days) - len(known)
    show_figures(
        [
            Figure(
                _("Building"),
                kwh(building),
                ngettext("{number} day without data", "{number} days without data", silent)
                if silent
                else _("data for every day"),
            ),
            Figure(_("All units"), kwh(measured), _("on the same days")),
            Figure(_("Missing"), kwh(missing), _("{share} of the building", share=share)),
            Figure(_("Worth"), money(price, currency), _("at the units' average price per kWh")),
        ]
    )


def _show_usage_drops(found: Sequence[UsageDrop]) -> None:
    with card(_("Units to check")):
        st.caption(
            _(
                "Meters that report tampering, and units that used less than half of their usual energy in"
                " the last seven days. This accuses nobody: a holiday looks the same."
            )
        )
        show_paged(
            found,
            _row,
            (N_("Unit"), N_("A day now"), N_("Usual"), N_("State")),
            key="units to check",
            caption=_("Units to check"),
            many=20,
            none=_("None."),
        )


def _row(each: UsageDrop) -> list[Cell]:
    less = "" if not each.usual else muted(_("{share} of usual", share=percent(each.now / each.usual)))
    marks = chip(alert_label("tamper")) if each.tamper else ""
    return [
        Cell(f"{unit_link(each.account_id, each.name)}{muted(each.customer) if each.customer else ''}"),
        Cell(f"{kwh(each.now)}{less}", number=True),
        Cell(kwh(each.usual), number=True),
        Cell(f'<span class="pm-chips">{marks}{chip(supply_label(each.supply_state))}</span>'),
    ]


show()
