"""How long which load lasts, and how far up the ladder units get."""

from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, block_colours, layout
from dashboard.queries.load_duration import Curve
from dashboard.text.formatting import kwh, percent, power
from dashboard.text.translate import _, ngettext

HALF = 0.5


def load_duration_curve(points: Curve, palette: Palette) -> Chart:
    """Return the power of all units together, from its peak to its base."""
    figure = go.Figure(layout=layout(palette))
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
    return Chart(figure, _summary(points))


def _summary(points: Curve) -> str:
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
    figure = go.Figure(layout=layout(palette))
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
