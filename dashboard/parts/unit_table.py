"""The table of every unit: searched, filtered, sorted and paged at the server."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import search_box, show_part
from dashboard.queries.sums import costs_of
from dashboard.queries.units import Unit
from dashboard.status.attention import AttentionItem, UnitStatus, supply_state, urgency
from dashboard.text.formatting import ago, count, days, money, short_moment
from dashboard.text.labels import alert_label
from dashboard.text.markup import Cell, chip, muted, sparkline, table, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

SPARK_DAYS: Final = 14
DAY_MS: Final = 24 * 3_600_000
ORDERS: Final[dict[str, Callable[[UnitStatus], tuple[object, ...]]]] = {
    N_("Needs attention"): urgency,
    N_("Name"): lambda s: (s.unit.name.casefold(), s.unit.id),
    N_("Balance, lowest first"): lambda s: (s.unit.currency, s.unit.available, s.unit.name),
    N_("Balance, highest first"): lambda s: (s.unit.currency, -s.unit.available, s.unit.name),
    N_("Days left"): lambda s: (s.days_left is None, s.days_left or 0, s.unit.name),
    N_("Last top-up, oldest first"): lambda s: (s.unit.top_up_at or 0, s.unit.name),
    N_("Last top-up, newest first"): lambda s: (-(s.unit.top_up_at or 0), s.unit.name),
}


def show_unit_table(
    opened: Warehouse, viewer: Viewer, statuses: Sequence[UnitStatus], found: Sequence[AttentionItem]
) -> Sequence[UnitStatus]:
    """Show the controls and the page of units that they ask for; return all that they ask for."""
    chosen = _chosen(statuses, found)
    if not chosen:
        text = _("No unit matches. Clear the search or the filter to see all.")
        st.info(text, icon=":material/search_off:")
        return chosen

    def markup(shown: Sequence[UnitStatus]) -> str:
        ids = tuple(status.unit.id for status in shown)
        return _table(shown, opened.cached(costs_of, viewer, ids, SPARK_DAYS), opened.as_of or 0)

    show_part(
        len(chosen),
        lambda first, many: chosen[first : first + many],
        markup,
        key="page",
        all_text=ngettext("{number} unit", "{number} units", len(chosen)),
    )
    return chosen


def _chosen(standings: Sequence[UnitStatus], found: Sequence[AttentionItem]) -> list[UnitStatus]:
    search, order = st.columns([3, 2])
    text = search_box(_("Unit, customer or site"), "search", search, bind="query-params")
    ordered = order.selectbox(_("Sort by"), list(ORDERS), format_func=_, key="sort", bind="query-params")
    wanted = _filtered(standings, found)
    return sorted(matching(wanted, text), key=ORDERS[ordered])


def _filtered(standings: Sequence[UnitStatus], found: Sequence[AttentionItem]) -> Sequence[UnitStatus]:
    if not found:
        return standings
    labels = {each.cause.key: f"{each.cause.label.said} {count(len(each.statuses))}" for each in found}
    picked = st.pills(
        _("Show"),
        list(labels),
        format_func=lambda key: labels.get(key, key),
        key="show",
        label_visibility="collapsed",
    )
    return next((concern.statuses for concern in found if concern.cause.key == picked), standings)


def matching(statuses: Sequence[UnitStatus], text: str) -> list[UnitStatus]:
    """Return the units in whose name, customer, site or id every word is found."""
    words = text.casefold().split()
    return [standing for standing in statuses if all(word in _search_text(standing) for word in words)]


def _search_text(status: UnitStatus) -> str:
    unit = status.unit
    return f"{unit.name} {unit.customer or ''} {unit.site_name} {unit.id}".casefold()


def _table(statuses: Sequence[UnitStatus], costs: Mapping[str, Sequence[float]], now: int) -> str:
    names = ("Unit", "Supply", "Balance", "Days left", "14 days", "Alerts", "Last top-up")
    several = len({standing.unit.site_id for standing in statuses}) > 1
    rows = [
        _row(standing, costs.get(standing.unit.id, ()), now, several_sites=several) for standing in statuses
    ]
    return table(tuple(map(_, names)), rows, _("Units"), wide=True)


def _row(status: UnitStatus, costs: Sequence[float], now: int, *, several_sites: bool) -> list[Cell]:
    unit = status.unit
    who = " · ".join(part for part in (unit.customer, unit.site_name if several_sites else None) if part)
    alerts = "".join(chip(alert_label(kind)) for kind in unit.alerts)
    return [
        Cell(f"{unit_link(unit.id, unit.name)}{muted(who) if who else ''}"),
        Cell(_supply(unit)),
        Cell(money(unit.available, unit.currency), number=True),
        Cell(_days(status), number=True),
        Cell(_spark(costs, unit.currency)),
        Cell(f'<span class="pm-chips">{alerts}</span>' if alerts else ""),
        Cell(_top_up(status, now), number=True),
    ]


def _spark(costs: Sequence[float], currency: str) -> str:
    if not costs:
        return ""
    mean = money(round(sum(costs) / len(costs)), currency)
    return sparkline(costs, _("Cost of {days} days, {mean} a day", days=len(costs), mean=mean))


def _supply(unit: Unit) -> str:
    label, why = supply_state(unit)
    return chip(label) if unit.reason == "in_credit" or not why else f"{chip(label)}{muted(why)}"


def _days(status: UnitStatus) -> str:
    if status.unit.is_billed_later or status.unit.vacant_since is not None:
        return muted("–")
    left = days(status.days_left)
    return muted(left) if status.days_left is None else left


def _top_up(status: UnitStatus, now: int) -> str:
    unit = status.unit
    if unit.top_up_at is None or unit.top_up_amount is None:
        return muted(_("none yet"))
    when = (
        ago(unit.top_up_at, now)
        if now - unit.top_up_at < DAY_MS
        else short_moment(unit.top_up_at, unit.time_zone)
    )
    return f"{money(unit.top_up_amount, unit.currency)}{muted(when)}"
