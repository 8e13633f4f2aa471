"""Energy per day by time-of-use band."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, band_colours, band_name, band_order, day_bars, layout
from dashboard.queries.hourly import HourUse
from dashboard.queries.usage import Usage
from dashboard.text.formatting import axis_day, day as day_text, hour_of_day, kwh
from dashboard.text.translate import _


def energy_per_day(usages: Sequence[Usage], bands: Sequence[str], palette: Palette) -> Chart:
    """Return the energy per day, stacked by band."""
    figure = go.Figure(layout=layout(palette))
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for use in usages:
        if use.kind == "consumption":
            sums[use.band or ""][use.day] += use.wh
    colours = band_colours(bands)
    for band in band_order(list(sums)):
        energy = sums[band]
        figure.add_bar(
            name=band_name(band) or _("Energy"),
            x=list(energy),
            y=[watt_hours / 1000 for watt_hours in energy.values()],
            customdata=[kwh(watt_hours) for watt_hours in energy.values()],
            hovertemplate="%{customdata}",
            marker={"color": colours.get(band, palette.accent), "line": {"width": 0}},
        )
    totals: dict[date, int] = defaultdict(int)
    for energy in sums.values():
        for day, watt_hours in energy.items():
            totals[day] += watt_hours
    day_bars(figure, len(totals))
    return Chart(figure, _summary(totals))


def energy_per_hour(uses: Sequence[HourUse], bands: Sequence[str], palette: Palette) -> Chart:
    """Return the energy of each hour, stacked by band."""
    figure = go.Figure(layout=layout(palette))
    colours = band_colours(bands)
    for band in band_order(sorted({use.band for use in uses})):
        mine = [use for use in uses if use.band == band]
        figure.add_bar(
            name=band_name(band) or _("Energy"),
            x=[use.hour for use in mine],
            y=[use.wh / 1000 for use in mine],
            customdata=[kwh(use.wh) for use in mine],
            hovertemplate="%{customdata}",
            marker={"color": colours.get(band, palette.accent), "line": {"width": 0}},
        )
    figure.update_xaxes(
        type="date", tickformat=axis_day(time=True), hoverformat=axis_day(weekday=True, time=True), nticks=6
    )
    return Chart(figure, _hours(uses))


def _hours(uses: Sequence[HourUse]) -> str:
    hours: dict[datetime, int] = defaultdict(int)
    for use in uses:
        hours[use.hour] += use.wh
    if not hours:
        return _("No energy was used in this period.")
    largest = max(hours, key=lambda hour: hours[hour])
    return _(
        "{total} in {days} days; most from {hour} on {day} with {most}.",
        total=kwh(sum(hours.values())),
        days=len({hour.date() for hour in hours}),
        hour=hour_of_day(largest.hour),
        day=day_text(largest.date()),
        most=kwh(hours[largest]),
    )


def _summary(totals: dict[date, int]) -> str:
    total = sum(totals.values())
    if not total:
        return _("No energy was used in this period.")
    largest = max(totals, key=lambda day: totals[day])
    return _(
        "{total} in {days} days, {mean} a day; most on {day} with {most}.",
        total=kwh(total),
        days=len(totals),
        mean=kwh(total // len(totals)),
        day=day_text(largest),
        most=kwh(totals[largest]),
    )
