"""What a building's meter measured, against the sum of its units."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import (
    ENERGY,
    Chart,
    Palette,
    add_bars,
    add_marks,
    date_axis,
    layout,
    new_figure,
)
from dashboard.queries.energy_balance import DayBalance, HourBalance, Member
from dashboard.text.formatting import day as day_text, hour_of_day, kwh, percent
from dashboard.text.translate import _

MAX_FLOWS: Final = 14
FLOW_HEIGHT: Final = 26


def balance_by_day(days: Sequence[DayBalance], palette: Palette) -> Chart:
    """Return the units' sum and what is missing as a stack, with the building's meter as a line."""
    figure = new_figure(palette)
    dates = [each.day for each in days]
    add_bars(figure, _("All units"), dates, [each.units for each in days], ENERGY, palette.accent)
    missing = [max(each.missing or 0, 0) for each in days]
    texts = [_("not known") if each.missing is None else kwh(each.missing) for each in days]
    add_bars(figure, _("Missing"), dates, missing, ENERGY, palette.amber, customdata=texts)
    known = [each for each in days if each.building is not None]
    measured = [each.building or 0 for each in known]
    name, known_dates = _("Building's meter"), [each.day for each in known]
    add_marks(figure, name, known_dates, measured, ENERGY, size=14, line={"width": 2, "color": palette.text})
    date_axis(figure, len(days))
    return Chart(figure, _summary(known))


def _summary(known: Sequence[DayBalance]) -> str:
    building = sum(each.building or 0 for each in known)
    if not building:
        return _("The building's meter measured nothing in this period.")
    missing = sum(each.missing or 0 for each in known)
    worst = max(known, key=lambda each: each.missing or 0)
    if missing < 0:
        return _(
            "The units measured {amount} more than the building's meter: is it the right one?",
            amount=kwh(-missing),
        )
    return _(
        "{missing} of {building} are in no unit's meter, {share}; most on {day} with {most}.",
        missing=kwh(missing),
        building=kwh(building),
        share=percent(missing / building),
        day=day_text(worst.day),
        most=kwh(worst.missing or 0),
    )


def balance_by_hour(hours: Sequence[HourBalance], palette: Palette) -> Chart:
    """Return what is missing in each hour of the clock, in the mean."""
    figure = new_figure(palette)
    missing = [each.building - each.units for each in hours]
    figure.add_bar(
        x=[f"{each.hour:02}:00" for each in hours],
        y=[each / 1000 for each in missing],
        customdata=[kwh(round(each)) for each in missing],
        hovertemplate="%{x}: %{customdata}<extra></extra>",
        marker={"color": palette.amber, "line": {"width": 0}},
    )
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_xaxes(nticks=9)
    if not hours:
        return Chart(figure, _("No energy was used in this period."))
    most = max(hours, key=lambda each: each.building - each.units)
    least = min(hours, key=lambda each: each.building - each.units)
    text = _(
        "Most is missing from {most} with {amount}, least from {least} with {little}.",
        most=hour_of_day(most.hour),
        amount=kwh(round(most.building - most.units)),
        least=hour_of_day(least.hour),
        little=kwh(round(least.building - least.units)),
    )
    return Chart(figure, text)


def energy_flow(building: int, units: Sequence[Member], palette: Palette) -> Chart:
    """Return where the building's energy goes: to the units that use most, all others, and nowhere known."""
    shown = [each for each in units if each.wh][:MAX_FLOWS]
    rest = sum(each.wh or 0 for each in units) - sum(each.wh or 0 for each in shown)
    missing = max(building - sum(each.wh or 0 for each in units), 0)
    flows = [(each.name, each.wh or 0, palette.accent_fill, palette.accent) for each in shown]
    if rest:
        flows.append((_("All other units"), rest, palette.accent_fill, palette.accent))
    if missing:
        flows.append((_("Missing"), missing, palette.line, palette.amber))
    figure = go.Figure(
        go.Sankey(
            arrangement="snap",
            node={
                "label": [
                    f"{_('Building')} {kwh(building)}",
                    *(f"{name} {kwh(wh)}" for name, wh, *_ in flows),
                ],
                "color": [palette.text, *(colour for *_, colour in flows)],
                "pad": 10,
                "thickness": 10,
                "line": {"width": 0},
                "hovertemplate": "%{label}<extra></extra>",
            },
            link={
                "source": [0] * len(flows),
                "target": list(range(1, len(flows) + 1)),
                "value": [max(wh, 1) / 1000 for _, wh, *_ in flows],
                "color": [fill for _, _, fill, _ in flows],
                "hoverinfo": "skip",
            },
            textfont={"color": palette.text, "size": 12},
        ),
        layout=layout(palette),
    )
    figure.update_layout(height=max(FLOW_HEIGHT * (len(flows) + 2), 200))
    largest = max(flows, key=lambda each: each[1], default=None)
    if largest is None or not building:
        return Chart(figure, _("No energy was used in this period."))
    return Chart(
        figure,
        _("{share} of it goes to {name}.", share=percent(largest[1] / building), name=largest[0]),
    )
