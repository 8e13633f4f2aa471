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
class Layer:
    """One part of the stack: its name, colour and what it adds on each day of the period."""

    name: str
    colour: str
    adds: dict[int, int]


def month_accrual(
    used: Sequence[Usage], since: date, bands: Sequence[str] | None, currency: str, ink: Palette
) -> Chart:
    """Return the cumulated cost of the period that began on a day, stacked by block, or by band if given."""
    now = [use for use in used if use.day >= since]
    last = max(((use.day - since).days for use in now), default=0)
    figure = go.Figure(layout=layout(ink))
    days = list(range(last + 1))
    dates = [since + timedelta(days=each) for each in days]
    layers = _by_block(now, since, ink) if bands is None else _by_band(now, since, bands, ink)
    for layer in layers:
        sums = list(accumulate(layer.adds.get(each, 0) for each in days))
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
    before = _before(used, since, len(dates))
    if before:
        figure.add_scatter(
            name=_("Period before"),
            x=dates,
            y=[main_units(amount, currency) for amount in before],
            customdata=[money(amount, currency) for amount in before],
            hovertemplate="%{customdata}",
            mode="lines",
            line={"color": ink.soft, "width": 2, "dash": "dot"},
        )
    figure.update_xaxes(type="date", tickformat=axis_day(), hoverformat=axis_day(weekday=True), nticks=8)
    return Chart(figure, _summary(now, before, since, currency))


def _by_block(used: Sequence[Usage], since: date, ink: Palette) -> list[Layer]:
    """Return a layer for each block, then what has none."""
    blocks = sorted({use.block for use in used if use.block is not None})
    colours = block_colours(max(blocks, default=1), ink)
    layers = [
        Layer(
            _("Block {number}", number=block),
            colours[block - 1],
            _adds([u for u in used if u.block == block], since),
        )
        for block in blocks
    ]
    return [*layers, *_rest(used, since, ink, [use for use in used if use.block is None])]


def _by_band(used: Sequence[Usage], since: date, bands: Sequence[str], ink: Palette) -> list[Layer]:
    """Return a layer for each band, then what has none."""
    colours = band_colours(bands)
    layers = [
        Layer(band_name(band), colours[band], _adds([use for use in used if use.band == band], since))
        for band in band_order([band for band in bands if any(use.band == band for use in used)])
    ]
    return [*layers, *_rest(used, since, ink, [use for use in used if use.band is None])]


def _rest(used: Sequence[Usage], since: date, ink: Palette, without: Sequence[Usage]) -> list[Layer]:
    """Return energy without block or band, fixed charges, and taxes."""
    plain = [use for use in without if use.kind == "consumption"]
    fixed = [use for use in without if use.kind != "consumption"]
    taxes: dict[int, int] = defaultdict(int)
    for use in used:
        taxes[(use.day - since).days] += use.tax
    layers = [
        Layer(_("Other use"), ink.accent, _adds(plain, since)),
        Layer(_("Fixed charges"), ink.standing, _adds(fixed, since)),
        Layer(_("Tax"), ink.tax, dict(taxes)),
    ]
    return [layer for layer in layers if any(layer.adds.values())]


def _adds(used: Sequence[Usage], since: date) -> dict[int, int]:
    """Return what each day of the period adds, before tax."""
    adds: dict[int, int] = defaultdict(int)
    for use in used:
        adds[(use.day - since).days] += use.amount
    return dict(adds)


def _before(used: Sequence[Usage], since: date, days: int) -> list[int]:
    """Return the cumulated cost of as many days of the period before, if all of them are known."""
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
    """Return what the period has cost so far, and the one before at the same day."""
    total = sum(use.amount + use.tax for use in now)
    told = _("{amount} since {day}", amount=money(total, currency), day=day_text(since))
    if not before:
        return f"{told}."
    return _(
        "{so_far}; {amount} after as many days of the period before.",
        so_far=told,
        amount=money(before[-1], currency),
    )
