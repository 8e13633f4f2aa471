"""One look for every chart, in light and dark.

Blocks run through one scale whose lightness falls from cheap to dear, so that it survives every kind of
colour blindness; bands keep their colours on every chart; green, amber and red stay with states.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import plotly.graph_objects as go

from dashboard.text.formatting import axis_day, kwh, main_units, money, separators
from dashboard.text.labels import spelled
from dashboard.text.translate import _

FONT: Final = '"Source Sans", sans-serif'
HEIGHT: Final = 280
MIN_DAYS: Final = 2
WEEK: Final = 7
"""Up to this span an axis needs hours."""

_BLOCKS_LIGHT: Final = ("#a5d6cb", "#6bb9bd", "#3f8fae", "#3a6397", "#403a75", "#31204b")
_BLOCKS_DARK: Final = ("#a3d6cc", "#64b6bc", "#4897bd", "#4a79bb", "#6357a9", "#7a4699")
_BANDS: Final = {
    "#7ba4cf": frozenset({"off_peak", "offpeak", "off-peak", "night", "low", "cheap"}),
    "#8d7fbd": frozenset({"standard", "normal", "shoulder", "mid", "day", "flat", "all"}),
    "#b3567f": frozenset({"peak", "on_peak", "high", "evening"}),
}
_MORE_BANDS: Final = ("#4c9a97", "#a3855c", "#6c7a84", "#c58fb5", "#5668a8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of a mode."""

    text: str
    muted: str
    line: str
    panel: str
    accent: str
    accent_fill: str
    accent_fill_solid: str
    """The same without transparency: where a scale of quantities begins."""
    amber: str
    red: str
    standing: str
    tax: str
    blocks: tuple[str, ...]


LIGHT: Final = Palette(
    text="#1c2429",
    muted="#5a666d",
    line="#e6e9ea",
    panel="#ffffff",
    accent="#1f5f8b",
    accent_fill="rgba(31, 95, 139, 0.08)",
    accent_fill_solid="#e8eff4",
    amber="#9a6200",
    red="#a32626",
    standing="#9aa5ac",
    tax="#cfd6d9",
    blocks=_BLOCKS_LIGHT,
)
DARK: Final = Palette(
    text="#e4e9ec",
    muted="#9aa7ae",
    line="#263036",
    panel="#1f282e",
    accent="#6cb2e0",
    accent_fill="rgba(108, 178, 224, 0.12)",
    accent_fill_solid="#1c2b36",
    amber="#f0b65c",
    red="#f58d86",
    standing="#7c8a93",
    tax="#4b5860",
    blocks=_BLOCKS_DARK,
)


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure and what it shows in words, for those who do not see it."""

    figure: go.Figure
    summary: str


@dataclass(frozen=True, slots=True)
class Measure:
    """How whole numbers are drawn, as a coordinate, and written."""

    height: Callable[[int], float]
    text: Callable[[int], str]


ENERGY: Final = Measure(lambda watt_hours: watt_hours / 1000, kwh)


def money_measure(currency: str) -> Measure:
    """Return the measure of amounts in a currency."""
    return Measure(partial(main_units, currency=currency), partial(money, currency=currency))


def new_figure(palette: Palette) -> go.Figure:
    """Return an empty figure in the common layout."""
    return go.Figure(layout=layout(palette))


def add_bars(
    figure: go.Figure,
    name: str | None,
    x: Collection[object],
    values: Collection[int],
    measure: Measure,
    colour: object,
    **options: object,
) -> None:
    """Add bars without outlines that show their value when pointed at; ``options`` are Plotly's."""
    shown = {"customdata": [measure.text(value) for value in values], "hovertemplate": "%{customdata}"}
    figure.add_bar(
        name=name,
        x=list(x),
        y=[measure.height(value) for value in values],
        marker={"color": colour, "line": {"width": 0}},
        **shown | options,
    )


def add_marks(
    figure: go.Figure,
    name: str,
    x: Sequence[object],
    values: Sequence[int],
    measure: Measure,
    **marker: object,
) -> None:
    """Add a short line across each bar's place, such as what to compare it with; ``marker`` is Plotly's."""
    figure.add_scatter(
        name=name,
        x=x,
        y=[measure.height(value) for value in values],
        customdata=[measure.text(value) for value in values],
        hovertemplate="%{customdata}",
        mode="markers",
        marker={"symbol": "line-ew"} | marker,
    )


def block_colours(count: int, palette: Palette) -> list[str]:
    """Return a colour for each block, the cheapest first, spread over the scale."""
    last = len(palette.blocks) - 1
    if count == 1:
        return [palette.blocks[2]]
    return [
        palette.blocks[round(place * last / max(count - 1, 3))] for place in range(min(count, last + 1))
    ] + [palette.blocks[-1]] * max(count - last - 1, 0)


def band_colours(bands: Sequence[str]) -> dict[str, str]:
    """Return the fixed colour of each band; names nobody knows get theirs in alphabetical order."""
    known = {name: colour for colour, names in _BANDS.items() for name in names}
    strangers = sorted(band for band in bands if band.lower() not in known)
    extra = {band: _MORE_BANDS[place % len(_MORE_BANDS)] for place, band in enumerate(strangers)}
    return {band: known.get(band.lower()) or extra[band] for band in bands}


def band_order(bands: Sequence[str]) -> list[str]:
    """Return bands from cheap to dear as far as their names say, the others after them."""
    ranks = {name: rank for rank, names in enumerate(_BANDS.values()) for name in names}
    return sorted(bands, key=lambda band: (ranks.get(band.lower(), len(_BANDS)), band))


def band_name(band: str) -> str:
    """Return a band as people call it."""
    return _(spelled(band).replace("off peak", "off-peak").capitalize()) if band else ""


def layout(palette: Palette) -> go.Layout:
    """Return the layout that every chart begins with."""
    axis = {
        "automargin": True,
        "fixedrange": True,
        "showline": False,
        "ticks": "",
        "tickfont": {"color": palette.muted, "size": 12},
        "zeroline": False,
    }
    return go.Layout(
        height=HEIGHT,
        margin={"l": 4, "r": 8, "t": 8, "b": 4},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "color": palette.text, "size": 13},
        xaxis=axis | {"showgrid": False, "ticklabelstandoff": 4, "separatethousands": True},
        yaxis=axis
        | {"gridcolor": palette.line, "nticks": 5, "separatethousands": True, "ticklabelstandoff": 4},
        separators=separators(),
        barmode="stack",
        bargap=0.28,
        hovermode="x unified",
        hoverlabel={
            "bgcolor": palette.panel,
            "bordercolor": palette.line,
            "font": {"family": FONT, "color": palette.text},
        },
        legend={
            "orientation": "h",
            "y": -0.16,
            "yanchor": "top",
            "x": 0,
            "font": {"color": palette.muted, "size": 12},
            "itemclick": False,
            "itemdoubleclick": False,
            "traceorder": "normal",
        },
        showlegend=True,
    )


def date_axis(figure: go.Figure, days: int) -> None:
    """Label a time axis with days, or with hours where it spans hardly more than one."""
    text = axis_day(time=days <= MIN_DAYS)
    figure.update_xaxes(
        type="date",
        tickformat=text,
        hoverformat=axis_day(weekday=True, year=True),
        nticks=8 if days > MIN_DAYS else 4,
    )


def day_bars(figure: go.Figure, days: int) -> None:
    """Label an axis of whole days, one bar each."""
    figure.update_xaxes(
        type="date", tickformat=axis_day(), hoverformat=axis_day(weekday=True, year=True), nticks=8
    )
    if days <= WEEK:
        figure.update_xaxes(dtick=86_400_000)
        figure.update_layout(bargap=1 - 0.08 * days)
