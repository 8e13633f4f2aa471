"""What a month costs by how much is used in it."""

from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, layout
from dashboard.pricing.curve import CostPoint
from dashboard.text.formatting import kwh, main_units, money, price
from dashboard.text.translate import _

WH_PER_KWH: Final = 1_000


def cost_curve(
    curves: Mapping[str, Sequence[CostPoint]], limits: Sequence[int], currency: str, palette: Palette
) -> Chart:
    """Return a line for each tariff, the first in the accent, with marks where blocks of it begin."""
    figure = go.Figure(layout=layout(palette))
    styles = ({"color": palette.accent, "width": 2.5}, {"color": palette.muted, "width": 2, "dash": "dash"})
    for (name, points), style in zip(curves.items(), styles, strict=False):
        figure.add_scatter(
            name=name,
            x=[point.wh / WH_PER_KWH for point in points],
            y=[main_units(point.amount, currency) for point in points],
            customdata=[_label(point, currency) for point in points],
            hovertemplate="%{customdata}",
            mode="lines",
            line=style,
        )
    for number, limit in enumerate(limits, 2):
        figure.add_vline(
            x=limit / WH_PER_KWH,
            line={"color": palette.muted, "width": 1, "dash": "dot"},
            annotation={
                "text": _("block {number}", number=number),
                "font": {"color": palette.muted, "size": 11},
                "textangle": -90,
                "yanchor": "top",
                "xanchor": "right",
            },
        )
    figure.update_layout(showlegend=len(curves) > 1, hovermode="closest" if len(curves) > 1 else "x")
    figure.update_xaxes(ticksuffix=f"{chr(0xA0)}kWh", nticks=7)
    return Chart(figure, _summary(curves, currency))


def _label(point: CostPoint, currency: str) -> str:
    mean = ""
    if point.wh:
        each = price(round(point.amount * WH_PER_KWH / point.wh / 10_000) * 10_000, currency)
        mean = f"<br>{_('{price} a kWh', price=each)}"
    return f"{kwh(point.wh)}: {money(point.amount, currency)}{mean}<extra></extra>"


def _summary(curves: Mapping[str, Sequence[CostPoint]], currency: str) -> str:
    points = next(iter(curves.values()))
    some = [points[len(points) // 4], points[len(points) // 2], points[-1]]
    text = ", ".join(f"{kwh(point.wh)} {money(point.amount, currency)}" for point in some)
    return _("Taxes and fixed charges included, used evenly: {costs}.", costs=text)
