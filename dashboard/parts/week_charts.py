"""Money in, charged and energy, day by day against the week before."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.weeks import Measure, week_on_week
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import draw, palette
from dashboard.queries.daily import DaySums, days, newest_day
from dashboard.text.formatting import kwh, main_units, money
from dashboard.text.translate import _

TWO_WEEKS: Final = 14


def show_weeks(opened: Warehouse, viewer: Viewer) -> None:
    """Show the last week beside the one before; money once for each currency."""
    sums = opened.cached(days, viewer, TWO_WEEKS)
    today = opened.cached(newest_day, viewer)
    if today is None or not sums:
        return
    charts = [
        *(_charts_of_money(sums) if viewer.sees_money else ()),
        (_("Energy, kWh"), Measure(_energy(sums), lambda wh: wh / 1000, kwh)),
    ]
    for column, (place, (title, measure)) in zip(st.columns(len(charts)), enumerate(charts), strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(title, anchor=False)
            draw(week_on_week(today, measure, palette()), f"weeks {place}")


def _charts_of_money(sums: Sequence[DaySums]) -> list[tuple[str, Measure]]:
    currencies = sorted({each.currency for each in sums})
    charts = [
        (
            _("Paid in, {currency}", currency=code),
            _money({one.day: one.paid for one in sums if one.currency == code}, code),
        )
        for code in currencies
    ]
    if len(currencies) == 1:
        code = currencies[0]
        charts.append(
            (_("Charged, {currency}", currency=code), _money({one.day: one.charged for one in sums}, code))
        )
    return charts


def _money(amounts: dict[date, int], currency: str) -> Measure:
    return Measure(
        amounts,
        partial(main_units, currency=currency),
        partial(money, currency=currency),
    )


def _energy(sums: Sequence[DaySums]) -> dict[date, int]:
    energy: dict[date, int] = {}
    for each in sums:
        energy[each.day] = energy.get(each.day, 0) + each.wh
    return energy
