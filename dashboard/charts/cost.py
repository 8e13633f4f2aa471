"""Cost per day, stacked by block or by band, with standing charge and tax named."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date

import plotly.graph_objects as go

from dashboard.charts.template import (
    Chart,
    Palette,
    band_colours,
    band_name,
    band_order,
    block_colours,
    day_bars,
    layout,
)
from dashboard.queries.usage import Usage
from dashboard.text.formatting import main_units, money, percent
from dashboard.text.translate import _

type Layer = tuple[str, str, dict[date, int]]
"""Name, colour and amounts by day of one part of the stack."""


def cost_by_block(usages: Sequence[Usage], currency: str, palette: Palette) -> Chart:
    """Return the cost per day by block, from cheap to dear."""
    blocks = sorted({use.block for use in usages if use.kind == "consumption" and use.block is not None})
    colours = block_colours(max(blocks, default=1), palette)
    layers = [
        (
            _("Block {number}", number=block),
            colours[block - 1],
            _sums((use.day, use.amount) for use in usages if use.block == block),
        )
        for block in blocks
    ]
    return _stacked([*layers, *_other(usages, palette, lambda use: use.block is None)], currency, palette)


def cost_by_band(usages: Sequence[Usage], bands: Sequence[str], currency: str, palette: Palette) -> Chart:
    """Return the cost per day by time-of-use band."""
    colours = band_colours(bands)
    used = band_order([band for band in bands if any(use.band == band for use in usages)])
    layers = [
        (band_name(band), colours[band], _sums((use.day, use.amount) for use in usages if use.band == band))
        for band in used
    ]
    return _stacked([*layers, *_other(usages, palette, lambda use: use.band is None)], currency, palette)


def _other(usages: Sequence[Usage], palette: Palette, unnamed: Callable[[Usage], bool]) -> list[Layer]:
    layers: list[Layer] = [
        (
            _("Other use"),
            palette.accent,
            _amounts(usages, lambda use: use.kind == "consumption" and unnamed(use)),
        ),
        (_("Standing charge"), palette.standing, _amounts(usages, lambda use: use.kind == "standing")),
        (_("Tax"), palette.tax, _sums((use.day, use.tax) for use in usages)),
    ]
    return [layer for layer in layers if any(layer[2].values())]


def _amounts(usages: Sequence[Usage], wanted: Callable[[Usage], bool]) -> dict[date, int]:
    return _sums((use.day, use.amount) for use in usages if wanted(use))


def _sums(pairs: Iterable[tuple[date, int]]) -> dict[date, int]:
    sums: dict[date, int] = defaultdict(int)
    for day, amount in pairs:
        sums[day] += amount
    return dict(sums)


def _stacked(layers: Sequence[Layer], currency: str, palette: Palette) -> Chart:
    figure = go.Figure(layout=layout(palette))
    for name, colour, amounts in layers:
        figure.add_bar(
            name=name,
            x=list(amounts),
            y=[main_units(amount, currency) for amount in amounts.values()],
            customdata=[money(amount, currency) for amount in amounts.values()],
            hovertemplate="%{customdata}",
            marker={"color": colour, "line": {"width": 0}},
        )
    days = {day for _, _, amounts in layers for day in amounts}
    day_bars(figure, len(days))
    return Chart(figure, _summary(layers, len(days), currency))


def _summary(layers: Sequence[Layer], days: int, currency: str) -> str:
    sums = {name: sum(amounts.values()) for name, _, amounts in layers}
    total = sum(sums.values())
    if total <= 0:
        return _("Nothing was charged in this period.")
    largest = max(sums, key=lambda name: sums[name])
    return _(
        "{total} in {days} days, {mean} a day; {largest} is {share} of it.",
        total=money(total, currency),
        days=days,
        mean=money(total // days, currency),
        largest=largest,
        share=percent(sums[largest] / total),
    )
