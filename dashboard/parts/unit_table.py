"""The table of every unit: searched, filtered, sorted and paged at the server."""

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from dashboard.attention import Concern, Standing, urgency
from dashboard.figures import ago, days, money, short_moment
from dashboard.markup import Cell, chip, soft, table, unit_link
from dashboard.words import alert_word, counted, reason_text, supply_word

PAGE_ROWS: Final = 50
DAY_MS: Final = 24 * 3_600_000
_NEVER: Final = float("inf")

ORDERS: Final[dict[str, Callable[[Standing], tuple[object, ...]]]] = {
    "Needs attention": urgency,
    "Name": lambda s: (s.unit.name.casefold(), s.unit.id),
    "Balance, lowest first": lambda s: (s.unit.currency, s.unit.available, s.unit.name),
    "Balance, highest first": lambda s: (s.unit.currency, -s.unit.available, s.unit.name),
    "Days left": lambda s: (_NEVER if s.days_left is None else s.days_left, s.unit.name),
    "Last top-up, oldest first": lambda s: (s.unit.top_up_at or 0, s.unit.name),
    "Last top-up, newest first": lambda s: (-(s.unit.top_up_at or 0), s.unit.name),
}


def show_unit_table(standings: Sequence[Standing], found: Sequence[Concern], now: int) -> None:
    """Show the controls and the page of units that they ask for."""
    st.subheader("Units", anchor=False)
    chosen = _chosen(standings, found)
    if not chosen:
        st.info("No unit matches. Clear the search or the filter to see all.", icon=":material/search_off:")
        return
    pages = -(-len(chosen) // PAGE_ROWS)
    page = 1
    below = st.container()
    if pages > 1:
        page = st.pagination(pages, key="page")
    first = (page - 1) * PAGE_ROWS
    shown = chosen[first : first + PAGE_ROWS]
    below.html(_table(shown, now))
    if pages > 1:
        st.caption(f"{first + 1:,} to {first + len(shown):,} of {counted(len(chosen), 'unit', 'units')}")


def _chosen(standings: Sequence[Standing], found: Sequence[Concern]) -> list[Standing]:
    """Return the units that search and filter leave, in the order asked for."""
    search, order = st.columns([3, 2])
    text = search.text_input(
        "Search", placeholder="Unit, customer or site", key="search", bind="query-params", type="search"
    )
    ordered = order.selectbox("Sort by", list(ORDERS), key="sort", bind="query-params")
    wanted = _filtered(standings, found)
    return sorted(matching(wanted, text or ""), key=ORDERS[ordered])


def _filtered(standings: Sequence[Standing], found: Sequence[Concern]) -> Sequence[Standing]:
    """Return the units of the cause that was picked, or all."""
    if not found:
        return standings
    labels = {concern.cause.key: f"{concern.cause.word.text} {len(concern.standings):,}" for concern in found}
    picked = st.pills(
        "Show",
        list(labels),
        format_func=lambda key: labels.get(key, key),
        key="show",
        label_visibility="collapsed",
    )
    return next((concern.standings for concern in found if concern.cause.key == picked), standings)


def matching(standings: Sequence[Standing], text: str) -> list[Standing]:
    """Return the units in whose name, customer, site or id every word is found."""
    words = text.casefold().split()
    return [standing for standing in standings if all(word in _haystack(standing) for word in words)]


def _haystack(standing: Standing) -> str:
    """Return what a search looks through."""
    unit = standing.unit
    return f"{unit.name} {unit.customer or ''} {unit.site_name} {unit.id}".casefold()


def _table(standings: Sequence[Standing], now: int) -> str:
    """Return the markup of a page of units."""
    headers = ("Unit", "Supply", "Balance", "Days left", "Alerts", "Last top-up")
    several = len({standing.unit.site_id for standing in standings}) > 1
    rows = [_row(standing, now, several_sites=several) for standing in standings]
    return table(headers, rows, "Units", wide=True)


def _row(standing: Standing, now: int, *, several_sites: bool) -> list[Cell]:
    """Return the cells of a unit."""
    unit = standing.unit
    who = " · ".join(part for part in (unit.customer, unit.site_name if several_sites else None) if part)
    alerts = "".join(chip(alert_word(kind)) for kind in unit.alerts)
    return [
        Cell(f"{unit_link(unit.id, unit.name)}{soft(who) if who else ''}"),
        Cell(f"{chip(supply_word(unit.supply_state))}{_reason(standing)}"),
        Cell(money(unit.available, unit.currency), number=True),
        Cell(_days(standing), number=True),
        Cell(f'<span class="pm-chips">{alerts}</span>' if alerts else ""),
        Cell(_top_up(standing, now), number=True),
    ]


def _reason(standing: Standing) -> str:
    """Return why a supply is as it is, where that is not plain."""
    reason = standing.unit.reason
    return "" if reason in {None, "in_credit"} else soft(reason_text(reason))


def _days(standing: Standing) -> str:
    """Return the days left, quietly where they are not known."""
    left = days(standing.days_left)
    return soft(left) if standing.days_left is None else left


def _top_up(standing: Standing, now: int) -> str:
    """Return the last top-up with its time."""
    unit = standing.unit
    if unit.top_up_at is None or unit.top_up_amount is None:
        return soft("none yet")
    when = (
        ago(unit.top_up_at, now)
        if now - unit.top_up_at < DAY_MS
        else short_moment(unit.top_up_at, unit.time_zone)
    )
    return f"{money(unit.top_up_amount, unit.currency)}{soft(when)}"
