"""A unit's charts: balance, the month as it accrues, cost and energy per day, the week by hours."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.balance import BalanceNow, balance_over_time
from dashboard.charts.consumption import energy_per_day, energy_per_hour, week_heat
from dashboard.charts.cost import cost_per_day, month_accrual
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import card, choose_segment, draw, heading_row, palette
from dashboard.queries.balance import balance_steps
from dashboard.queries.consumption import Usage, bands, hourly, hourly_profile, usage
from dashboard.queries.sums import newest_day
from dashboard.queries.units import Unit
from dashboard.status.depletion import balance_forecast
from dashboard.text.translate import _

TWO_PERIODS: Final = 62
MIN_PROFILE_DAYS: Final = 28
HOURS_OF_DAYS: Final = 3


def show_charts(
    opened: Warehouse,
    viewer: Viewer,
    unit: Unit,
    thresholds: tuple[int, ...],
    days: int,
    since: date | None = None,
) -> None:
    """Show the charts of the last days; ``since`` is when the present billing period began."""
    with st.container(border=True):
        _balance(opened, viewer, unit, thresholds, days)
    used = opened.cached(usage, viewer, unit.id, days)
    if not used:
        text = _("No charges in this period yet; they appear with the first readings.")
        st.info(text, icon=":material/hourglass_empty:")
        return
    names = opened.cached(bands, viewer)
    with st.container(border=True):
        _month(opened, viewer, unit, names, since)
    cost, energy = st.columns(2)
    with cost.container(border=True, height="stretch"):
        _cost(used, names, unit.currency)
    with energy.container(border=True, height="stretch"):
        _energy(opened, viewer, unit, used, names)
    with card(_("When it is used, kWh per hour")):
        draw(
            week_heat(opened.cached(hourly_profile, viewer, unit.id, max(days, MIN_PROFILE_DAYS)), palette()),
            "heat",
        )


def _month(opened: Warehouse, viewer: Viewer, unit: Unit, names: Sequence[str], since: date | None) -> None:
    today = opened.cached(newest_day, viewer)
    if today is None:
        return
    begun = since or today.replace(day=1)
    used = opened.cached(usage, viewer, unit.id, max((today - begun).days + 1, 1) + TWO_PERIODS)
    by_band = _stacked_by(_("This period so far, {currency}", currency=unit.currency), "month by", names)
    earliest = begun - timedelta(days=TWO_PERIODS)
    wanted = [use for use in used if use.day >= earliest]
    draw(month_accrual(wanted, begun, names if by_band else None, unit.currency, palette()), "month")


def _stacked_by(title: str, key: str, names: Sequence[str]) -> bool:
    """Show a heading with the choice of what its chart is stacked by; return whether that is bands."""
    with heading_row(title):
        return bool(names) and choose_segment(_("Stacked by"), ["Block", "Band"], "Block", key) == "Band"


def _cost(used: Sequence[Usage], names: Sequence[str], currency: str) -> None:
    by_band = _stacked_by(_("Cost per day, {currency}", currency=currency), "by", names)
    draw(cost_per_day(used, names if by_band else None, currency, palette()), "cost")


def _energy(
    opened: Warehouse, viewer: Viewer, unit: Unit, used: Sequence[Usage], names: Sequence[str]
) -> None:
    with heading_row(_("Energy, kWh")):
        per = choose_segment(_("Shown by"), ["Day", "Hour"], "Day", "energy by")
    if per == "Hour":
        hours = opened.cached(hourly, viewer, unit.id, HOURS_OF_DAYS, unit.time_zone)
        draw(energy_per_hour(hours, names, palette()), "energy")
    else:
        draw(energy_per_day(used, names, palette()), "energy")


def _balance(opened: Warehouse, viewer: Viewer, unit: Unit, thresholds: tuple[int, ...], days: int) -> None:
    st.subheader(_("Balance, {currency}", currency=unit.currency), anchor=False)
    now = BalanceNow(
        at=opened.as_of or 0,
        available=unit.available,
        currency=unit.currency,
        time_zone=unit.time_zone,
        thresholds=thresholds,
        forecast=opened.cached(balance_forecast, viewer, unit.id),
    )
    draw(balance_over_time(opened.cached(balance_steps, viewer, unit.id, days), now, palette()), "balance")
