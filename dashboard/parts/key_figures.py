"""Key figures, and charts of the last seven days beside the seven before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.template import ENERGY, Measure, money_measure
from dashboard.charts.weeks import week_on_week
from dashboard.data.warehouse import Warehouse
from dashboard.parts.page import card, draw, palette
from dashboard.queries.sums import DaySums, WeekSums, charged_and_energy, days, money_in, newest_day
from dashboard.status.attention import UnitStatus
from dashboard.text.formatting import change, count, kwh, money
from dashboard.text.translate import _
from meter_bridge.text.formats import MINUS

MAX_ABREAST: Final = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it is compared with."""

    label: str
    value: str
    description: str | None = None
    delta: str | None = None


def show_key_figures(opened: Warehouse, viewer: Viewer, statuses: Sequence[UnitStatus]) -> None:
    """Show the key figures, money once for each currency."""
    charged, energy = opened.cached(charged_and_energy, viewer)
    figures = [
        _units(statuses),
        *(_money_figures(_("Paid in, 7 days"), opened.cached(money_in, viewer)) if viewer.sees_money else ()),
        *_money_figures(_("Charged, 7 days"), charged),
        Figure(_("Energy, 7 days"), kwh(energy.now), _comparison(energy), change(energy.now, energy.before)),
    ]
    show_figures(figures)


def show_figures(figures: Sequence[Figure]) -> None:
    """Show figures side by side, in two rows where amounts would wrap, two abreast on a phone."""
    abreast = len(figures) if len(figures) <= MAX_ABREAST else -(-len(figures) // 2)
    columns = [column for _row in range(0, len(figures), abreast) for column in st.columns(abreast)]
    for column, figure in zip(columns, figures, strict=False):
        column.metric(
            figure.label,
            figure.value,
            figure.delta,
            delta_color="off",
            delta_arrow="down" if figure.delta and figure.delta.startswith(MINUS) else "up",
            delta_description=figure.description,
            border=True,
            height="stretch",
        )


def _units(statuses: Sequence[UnitStatus]) -> Figure:
    without = sum(standing.unit.supply_state != "connected" for standing in statuses)
    text = _("{number} not connected", number=count(without)) if without else _("all connected")
    return Figure(_("Units"), count(len(statuses)), text)


def _money_figures(label: str, sums: Mapping[str, WeekSums]) -> list[Figure]:
    return [
        Figure(label, money(weeks.now, currency), _comparison(weeks), change(weeks.now, weeks.before))
        for currency, weeks in sums.items()
    ]


def _comparison(weeks: WeekSums) -> str:
    if not weeks.before:
        return _("first week")
    changed = change(weeks.now, weeks.before) is not None
    return _("vs. the 7 before") if changed else _("about the same as the 7 before")


TWO_WEEKS: Final = 14


def show_weeks(opened: Warehouse, viewer: Viewer) -> None:
    """Show the last week beside the one before; money once for each currency."""
    sums = opened.cached(days, viewer, TWO_WEEKS)
    today = opened.cached(newest_day, viewer)
    if today is None or not sums:
        return
    charts = [
        *(_money_charts(sums) if viewer.sees_money else ()),
        (_("Energy, kWh"), _energy(sums), ENERGY),
    ]
    for column, (place, (title, values, measure)) in zip(
        st.columns(len(charts)), enumerate(charts), strict=True
    ):
        with card(title, column):
            draw(week_on_week(today, values, measure, palette()), f"weeks {place}")


def _money_charts(sums: Sequence[DaySums]) -> list[tuple[str, dict[date, int], Measure]]:
    """Return what was paid in by currency, and what was charged where there is one currency alone."""
    charts = []
    currencies = sorted({each.currency for each in sums})
    for code in currencies:
        mine, measure = [each for each in sums if each.currency == code], money_measure(code)
        charts.append((_("Paid in, {currency}", currency=code), {day.day: day.paid for day in mine}, measure))
        if len(currencies) == 1:
            title = _("Charged, {currency}", currency=code)
            charts.append((title, {day.day: day.charged for day in mine}, measure))
    return charts


def _energy(sums: Sequence[DaySums]) -> dict[date, int]:
    energy: dict[date, int] = defaultdict(int)
    for day in sums:
        energy[day.day] += day.wh
    return energy
