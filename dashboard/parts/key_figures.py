"""Key figures: units, money in, charges and energy of the last seven days against the seven before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse
from dashboard.queries.week import WeekSums, charged_and_energy, money_in
from dashboard.status.attention import UnitStatus
from dashboard.text.formatting import change, count, kwh, money
from dashboard.text.translate import _
from meter_bridge.text.formats import MINUS


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it is compared with."""

    label: str
    value: str
    delta: str | None
    description: str | None


def show_key_figures(opened: Warehouse, viewer: Viewer, statuses: Sequence[UnitStatus]) -> None:
    """Show the key figures, money once for each currency."""
    charged, energy = opened.cached(charged_and_energy, viewer)
    figures = [
        _units(statuses),
        *(_money_figures(_("Paid in, 7 days"), opened.cached(money_in, viewer)) if viewer.sees_money else ()),
        *_money_figures(_("Charged, 7 days"), charged),
        Figure(_("Energy, 7 days"), kwh(energy.now), change(energy.now, energy.before), _comparison(energy)),
    ]
    show_figures(figures)


def show_figures(figures: Sequence[Figure]) -> None:
    """Show figures side by side, two abreast on a phone."""
    for column, figure in zip(st.columns(len(figures)), figures, strict=True):
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
    return Figure(_("Units"), count(len(statuses)), None, text)


def _money_figures(label: str, sums: Mapping[str, WeekSums]) -> list[Figure]:
    return [
        Figure(label, money(weeks.now, currency), change(weeks.now, weeks.before), _comparison(weeks))
        for currency, weeks in sums.items()
    ]


def _comparison(weeks: WeekSums) -> str:
    if not weeks.before:
        return _("first week")
    changed = change(weeks.now, weeks.before) is not None
    return _("vs. the 7 before") if changed else _("about the same as the 7 before")
