"""Cost per day, and of a billing period as it accrues: stacked by block or by band."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from dashboard.charts.template import (
    Chart,
    Palette,
    add_bars,
    band_colours,
    band_name,
    band_order,
    block_colours,
    day_bars,
    money_measure,
    new_figure,
)
from dashboard.queries.consumption import Usage
from dashboard.text.formatting import axis_day, day as day_text, money, percent
from dashboard.text.translate import _


@dataclass(frozen=True, slots=True)
class CostLayer:
    """One part of a stack: its name, its colour and its amounts by day."""

    name: str
    colour: str
    amounts: dict[date, int]


def cost_per_day(
    usages: Sequence[Usage], bands: Sequence[str] | None, currency: str, palette: Palette
) -> Chart:
    """Return the cost per day, stacked by block from cheap to dear, or by band if given."""
    figure = new_figure(palette)
    layers = _layers(usages, bands, palette, _("Standing charge"), lambda use: use.kind == "standing")
    for layer in layers:
        amounts = layer.amounts
        add_bars(figure, layer.name, amounts, amounts.values(), money_measure(currency), layer.colour)
    days = len({day for layer in layers for day in layer.amounts})
    day_bars(figure, days)
    return Chart(figure, _summary(layers, days, currency))


def _layers(
    usages: Sequence[Usage],
    bands: Sequence[str] | None,
    palette: Palette,
    fixed: str,
    is_fixed: Callable[[Usage], bool],
) -> list[CostLayer]:
    """Return a layer for each block or band, then energy without one, fixed charges and taxes, if any."""
    if bands is None:
        blocks = sorted({use.block for use in usages if use.block is not None})
        colours = block_colours(max(blocks, default=1), palette)
        layers = [
            CostLayer(
                _("Block {number}", number=block),
                colours[block - 1],
                _sums((use.day, use.amount) for use in usages if use.block == block),
            )
            for block in blocks
        ]
        rest = [use for use in usages if use.block is None]
    else:
        colour_of = band_colours(bands)
        layers = [
            CostLayer(
                band_name(band),
                colour_of[band],
                _sums((use.day, use.amount) for use in usages if use.band == band),
            )
            for band in band_order([band for band in bands if any(use.band == band for use in usages)])
        ]
        rest = [use for use in usages if use.band is None]
    plain = _sums((use.day, use.amount) for use in rest if use.kind == "consumption")
    charges = _sums((use.day, use.amount) for use in rest if is_fixed(use))
    taxes = _sums((use.day, use.tax) for use in usages)
    others = (
        CostLayer(_("Other use"), palette.accent, plain),
        CostLayer(fixed, palette.standing, charges),
        CostLayer(_("Tax"), palette.tax, taxes),
    )
    return [*layers, *(layer for layer in others if any(layer.amounts.values()))]


def _sums(pairs: Iterable[tuple[date, int]]) -> dict[date, int]:
    sums: dict[date, int] = defaultdict(int)
    for day, amount in pairs:
        sums[day] += amount
    return dict(sums)


def _summary(layers: Sequence[CostLayer], days: int, currency: str) -> str:
    sums = {layer.name: sum(layer.amounts.values()) for layer in layers}
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


def month_accrual(
    used: Sequence[Usage], since: date, bands: Sequence[str] | None, currency: str, palette: Palette
) -> Chart:
    """Return the cumulated cost of the period that began on a day, stacked by block, or by band if given.

    Beside it stands the cost of the period before.
    """
    now = [use for use in used if use.day >= since]
    last = max(((use.day - since).days for use in now), default=0)
    figure, measure = new_figure(palette), money_measure(currency)
    dates = [since + timedelta(days=offset) for offset in range(last + 1)]

    def add_line(name: str, amounts: Sequence[int], **options: object) -> None:
        figure.add_scatter(
            name=name,
            x=dates,
            y=[measure.height(amount) for amount in amounts],
            customdata=[measure.text(amount) for amount in amounts],
            hovertemplate="%{customdata}",
            **options,
        )

    for layer in _layers(now, bands, palette, _("Fixed charges"), lambda use: use.kind != "consumption"):
        add_line(
            layer.name,
            list(accumulate(layer.amounts.get(day, 0) for day in dates)),
            stackgroup="cost",
            line={"width": 0, "shape": "hv" if last else "linear"},
            fillcolor=layer.colour,
        )
    before = _previous_period(used, since, len(dates))
    if before:
        dotted = {"color": palette.muted, "width": 2, "dash": "dot"}
        add_line(_("Period before"), before, mode="lines", line=dotted)
    figure.update_xaxes(type="date", tickformat=axis_day(), hoverformat=axis_day(weekday=True), nticks=8)
    return Chart(figure, _accrual_summary(now, before, since, currency))


def _previous_period(used: Sequence[Usage], since: date, days: int) -> list[int]:
    """Return the cumulated cost of as many days of the period before; empty unless all are known."""
    earlier = [use for use in used if use.day < since]
    if not earlier:
        return []
    first = min(use.day for use in earlier)
    start = (since - timedelta(days=1)).replace(day=since.day)
    if first > start:
        return []
    sums = _sums((use.day, use.amount + use.tax) for use in earlier)
    return list(accumulate(sums.get(start + timedelta(days=offset), 0) for offset in range(days)))


def _accrual_summary(now: Sequence[Usage], before: Sequence[int], since: date, currency: str) -> str:
    total = sum(use.amount + use.tax for use in now)
    text = _("{amount} since {day}", amount=money(total, currency), day=day_text(since))
    if not before:
        return f"{text}."
    return _(
        "{so_far}; {amount} after as many days of the period before.",
        so_far=text,
        amount=money(before[-1], currency),
    )
