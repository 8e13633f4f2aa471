"""The cost of a billing period as it accrues, by block or by band, beside the period before."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

import plotly.graph_objects as go

from dashboard.charts.template import (
    Chart,
    Palette,
    band_colours,
    band_name,
    band_order,
    block_colours,
    layout,
)
from dashboard.queries.usage import Usage
from dashboard.text.formatting import axis_day, day as day_text, main_units, money
from dashboard.text.translate import _


@dataclass(frozen=True, slots=True)
class CostLayer:
    """One part of the stack: its name, colour and what it adds on each day of the period."""

    name: str
    colour: str
    increments: dict[int, int]


def month_accrual(
    used: Sequence[Usage], since: date, bands: Sequence[str] | None, currency: str, palette: Palette
) -> Chart:
    """Return the cumulated cost of the period that began on a day, stacked by block, or by band if given."""
    now = [use for use in used if use.day >= since]
    last = max(((use.day - since).days for use in now), default=0)
    figure = go.Figure(layout=layout(palette))
    days = list(range(last + 1))
    dates = [since + timedelta(days=each) for each in days]
    layers = _by_block(now, since, palette) if bands is None else _by_band(now, since, bands, palette)
    for layer in layers:
        sums = list(accumulate(layer.increments.get(each, 0) for each in days))
        figure.add_scatter(
            name=layer.name,
            x=dates,
            y=[main_units(amount, currency) for amount in sums],
            customdata=[money(amount, currency) for amount in sums],
            hovertemplate="%{customdata}",
            stackgroup="cost",
            line={"width": 0, "shape": "hv" if last else "linear"},
            fillcolor=layer.colour,
        )
    before = _previous_period(used, since, len(dates))
    if before:
        figure.add_scatter(
            name=_("Period before"),
            x=dates,
            y=[main_units(amount, currency) for amount in before],
            customdata=[money(amount, currency) for amount in before],
            hovertemplate="%{customdata}",
            mode="lines",
            line={"color": palette.muted, "width": 2, "dash": "dot"},
        )
    figure.update_xaxes(type="date", tickformat=axis_day(), hoverformat=axis_day(weekday=True), nticks=8)
    return Chart(figure, _summary(now, before, since, currency))


def _by_block(used: Sequence[Usage], since: date, palette: Palette) -> list[CostLayer]:
    blocks = sorted({use.block for use in used if use.block is not None})
    colours = block_colours(max(blocks, default=1), palette)
    layers = [
        CostLayer(
            _("Block {number}", number=block),
            colours[block - 1],
            _daily_increments([u for u in used if u.block == block], since),
        )
        for block in blocks
    ]
    return [*layers, *_other_layers(used, since, palette, [use for use in used if use.block is None])]


def _by_band(used: Sequence[Usage], since: date, bands: Sequence[str], palette: Palette) -> list[CostLayer]:
    colours = band_colours(bands)
    layers = [
        CostLayer(
            band_name(band),
            colours[band],
            _daily_increments([use for use in used if use.band == band], since),
        )
        for band in band_order([band for band in bands if any(use.band == band for use in used)])
    ]
    return [*layers, *_other_layers(used, since, palette, [use for use in used if use.band is None])]


def _other_layers(
    used: Sequence[Usage], since: date, palette: Palette, without: Sequence[Usage]
) -> list[CostLayer]:
    plain = [use for use in without if use.kind == "consumption"]
    fixed = [use for use in without if use.kind != "consumption"]
    taxes: dict[int, int] = defaultdict(int)
    for use in used:
        taxes[(use.day - since).days] += use.tax
    layers = [
        CostLayer(_("Other use"), palette.accent, _daily_increments(plain, since)),
        CostLayer(_("Fixed charges"), palette.standing, _daily_increments(fixed, since)),
        CostLayer(_("Tax"), palette.tax, dict(taxes)),
    ]
    return [layer for layer in layers if any(layer.increments.values())]


def _daily_increments(used: Sequence[Usage], since: date) -> dict[int, int]:
    adds: dict[int, int] = defaultdict(int)
    for use in used:
        adds[(use.day - since).days] += use.amount
    return dict(adds)


def _previous_period(used: Sequence[Usage], since: date, days: int) -> list[int]:
    """Return the cumulated cost of as many days of the period before; empty unless all are known."""
    earlier = [use for use in used if use.day < since]
    if not earlier:
        return []
    first = min(use.day for use in earlier)
    start = (since - timedelta(days=1)).replace(day=since.day)
    if first > start:
        return []
    adds: dict[int, int] = defaultdict(int)
    for use in earlier:
        if use.day >= start:
            adds[(use.day - start).days] += use.amount + use.tax
    return list(accumulate(adds.get(place, 0) for place in range(days)))


def _summary(now: Sequence[Usage], before: Sequence[int], since: date, currency: str) -> str:
    total = sum(use.amount + use.tax for use in now)
    text = _("{amount} since {day}", amount=money(total, currency), day=day_text(since))
    if not before:
        return f"{text}."
    return _(
        "{so_far}; {amount} after as many days of the period before.",
        so_far=text,
        amount=money(before[-1], currency),
    )
