"""What is owed by its age."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, layout
from dashboard.text.formatting import main_units, money, percent
from dashboard.text.translate import _
from meter_bridge.text.marks import N_

AGES: Final = (N_("Up to 30 days"), N_("31 to 60 days"), N_("61 to 90 days"), N_("Older"))
HEIGHT: Final = 220


def ageing(sums: Sequence[int], currency: str, palette: Palette) -> Chart:
    """Return a bar for each age, the oldest strongest."""
    figure = go.Figure(layout=layout(palette))
    figure.add_bar(
        x=[_(name) for name in AGES],
        y=[main_units(amount, currency) for amount in sums],
        customdata=[money(amount, currency) for amount in sums],
        hovertemplate="%{customdata}<extra></extra>",
        text=[money(amount, currency) for amount in sums],
        textposition="outside",
        cliponaxis=False,
        constraintext="none",
        textfont={"color": palette.muted, "size": 12},
        marker={"color": palette.accent, "opacity": [0.35, 0.55, 0.75, 1.0], "line": {"width": 0}},
    )
    figure.update_yaxes(visible=False)  # each bar says its sum
    figure.update_layout(height=HEIGHT, showlegend=False, hovermode="closest", bargap=0.45, margin={"t": 26})
    return Chart(figure, _summary(sums, currency))


def _summary(sums: Sequence[int], currency: str) -> str:
    total = sum(sums)
    if total <= 0:
        return _("Nothing is owed.")
    return _(
        "{total} is owed, {share} of it for more than 90 days.",
        total=money(total, currency),
        share=percent(sums[-1] / total),
    )
