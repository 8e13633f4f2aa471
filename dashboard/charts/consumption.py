"""Energy per day, hour and hour of the week, and for how long the load is how high."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import (
    ENERGY,
    Chart,
    Palette,
    add_bars,
    band_colours,
    band_name,
    band_order,
    block_colours,
    day_bars,
    layout,
    new_figure,
)
from dashboard.queries.consumption import Curve, HourUse, Profile, Usage
from dashboard.text.formatting import axis_day, day as day_text, hour_of_day, kwh, percent, power, weekdays
from dashboard.text.translate import _, ngettext

HOURS: Final = 24
WEEK_DAYS: Final = 7
HALF: Final = 0.5


def energy_per_day(usages: Sequence[Usage], bands: Sequence[str], palette: Palette) -> Chart:
    """Return the energy per day, stacked by band."""
    figure = new_figure(palette)
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    totals: dict[date, int] = defaultdict(int)
    for use in usages:
        if use.kind == "consumption":
            sums[use.band or ""][use.day] += use.wh
            totals[use.day] += use.wh
    for band in band_order(list(sums)):
        _add_band(figure, band, list(sums[band].items()), bands, palette)
    day_bars(figure, len(totals))
    return Chart(figure, _summary(totals))


def energy_per_hour(uses: Sequence[HourUse], bands: Sequence[str], palette: Palette) -> Chart:
    """Return the energy of each hour, stacked by band."""
    figure = new_figure(palette)
    for band in band_order(list({use.band for use in uses})):
        _add_band(figure, band, [(use.hour, use.wh) for use in uses if use.band == band], bands, palette)
    figure.update_xaxes(
        type="date", tickformat=axis_day(time=True), hoverformat=axis_day(weekday=True, time=True), nticks=6
    )
    return Chart(figure, _hours(uses))


def _add_band(
    figure: go.Figure, band: str, uses: Sequence[tuple[date, int]], bands: Sequence[str], palette: Palette
) -> None:
    times, energy = zip(*uses, strict=True)
    colour = band_colours(bands).get(band, palette.accent)
    add_bars(figure, band_name(band) or _("Energy"), times, energy, ENERGY, colour)


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


def week_heat(profile: Profile, palette: Palette) -> Chart:
    """Return the mean energy of each hour of the week; hours that were never seen stay empty."""
    names = weekdays()
    cells = [[profile.get((weekday, hour)) for hour in range(HOURS)] for weekday in range(1, WEEK_DAYS + 1)]
    figure = go.Figure(
        go.Heatmap(
            z=[[None if wh is None else wh / 1000 for wh in row] for row in cells],
            x=[f"{hour:02}:00" for hour in range(HOURS)],
            y=names,
            customdata=[["" if wh is None else kwh(round(wh)) for wh in row] for row in cells],
            hovertemplate="%{y} %{x}: %{customdata}<extra></extra>",
            colorscale=scale(palette),
            xgap=2,
            ygap=2,
            colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": {"color": palette.muted, "size": 11}},
        ),
        layout=layout(palette),
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(autorange="reversed", showgrid=False, nticks=WEEK_DAYS, dtick=1)
    figure.update_xaxes(nticks=9)
    return Chart(figure, _heat_summary(profile, names))


def scale(palette: Palette) -> list[tuple[float, str]]:
    """Return the scale of quantities: from the panel to the accent, lightness alone."""
    return [(0.0, palette.accent_fill_solid), (1.0, palette.accent)]


def _heat_summary(profile: Profile, names: Sequence[str]) -> str:
    if not profile:
        return _("Not enough full days yet.")
    weekday, hour = max(profile, key=lambda cell: profile[cell])
    most = kwh(round(profile[weekday, hour]))
    return _(
        "Most on {weekday} from {hour}: {most} an hour on average.",
        weekday=names[weekday - 1],
        hour=hour_of_day(hour),
        most=most,
    )


def load_duration_curve(points: Curve, palette: Palette) -> Chart:
    """Return the power of all units together, from its peak to its base."""
    figure = new_figure(palette)
    figure.add_scatter(
        x=[share * 100 for share, _ in points],
        y=[watts / 1000 for _, watts in points],
        customdata=[
            _("{power} or more in {share} of the time", power=power(watts * 1000), share=percent(share))
            for share, watts in points
        ],
        hovertemplate="%{customdata}<extra></extra>",
        mode="lines",
        line={"color": palette.accent, "width": 2},
        fill="tozeroy",
        fillcolor=palette.accent_fill,
    )
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.update_xaxes(range=[0, 100], ticksuffix=f"{chr(0xA0)}%", nticks=6)
    figure.update_yaxes(rangemode="tozero", ticksuffix=f"{chr(0xA0)}kW")
    return Chart(figure, _load_summary(points))


def _load_summary(points: Curve) -> str:
    if not points:
        return _("No energy was used in this period.")
    middle = min(points, key=lambda point: abs(point[0] - HALF))[1]
    return _(
        "Peak {peak}; {middle} or more half of the time; never below {base}.",
        peak=power(points[0][1] * 1000),
        middle=power(middle * 1000),
        base=power(points[-1][1] * 1000),
    )


def use_against_blocks(uses: Sequence[int], limits: Sequence[int], palette: Palette) -> Chart:
    """Return what each unit used in a period, most first, coloured by the block that it got to."""
    figure = new_figure(palette)
    colours = block_colours(len(limits) + 1, palette)
    edges = [0, *limits, max([*uses, *limits], default=0) + 1]
    shown = downsampled(uses)
    many = len(shown)
    for block, (low, high) in enumerate(pairwise(edges)):
        inside = [min(max(wh - low, 0), high - low) for wh in shown]
        if not any(inside):
            continue
        figure.add_scatter(
            name=_("Block {number}", number=block + 1),
            x=[place * 100 / many for place in range(many + 1)],
            y=[wh / 1000 for wh in (*inside, inside[-1])],
            customdata=[kwh(wh) for wh in (*shown, shown[-1])],
            hovertemplate="%{customdata}<extra></extra>",
            mode="lines",
            line={"width": 0, "shape": "hv"},
            stackgroup="use",
            fillcolor=colours[block],
        )
    for limit in limits:
        figure.add_hline(y=limit / 1000, line={"color": palette.muted, "width": 1, "dash": "dot"})
    figure.update_xaxes(range=[0, 100], ticksuffix=f"{chr(0xA0)}%", nticks=6)
    figure.update_yaxes(ticksuffix=f"{chr(0xA0)}kWh")
    figure.update_layout(hovermode="closest", showlegend=bool(limits))
    return Chart(figure, _units_per_block(uses, limits))


def _units_per_block(uses: Sequence[int], limits: Sequence[int]) -> str:
    if not uses:
        return _("No unit used energy in this period.")
    if not limits:
        return _(
            "{units}, from {low} to {high}.",
            units=ngettext("{number} unit", "{number} units", len(uses)),
            low=kwh(uses[-1]),
            high=kwh(uses[0]),
        )
    parts = [
        _(
            "{units} got past {limit}",
            units=ngettext("{number} unit", "{number} units", sum(wh > limit for wh in uses)),
            limit=kwh(limit),
        )
        for limit in limits
    ]
    return _(
        "Of {units}, {parts}.",
        units=ngettext("{number} unit", "{number} units", len(uses)),
        parts=", ".join(parts),
    )


def downsampled(uses: Sequence[int], most: int = 300) -> list[int]:
    """Return a part of a long falling list that keeps its shape, first and last included."""
    if len(uses) <= most:
        return list(uses)
    return [uses[round(place * (len(uses) - 1) / (most - 1))] for place in range(most)]
