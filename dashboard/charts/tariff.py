"""A tariff drawn: its price ladder, the cost of a month, and the bands of its year."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import pairwise
from math import gcd
from typing import Final

from dashboard.charts.template import (
    Chart,
    Measure,
    Palette,
    add_bars,
    band_colours,
    band_name,
    band_order,
    block_colours,
    new_figure,
)
from dashboard.pricing.curve import CostPoint
from dashboard.text.formatting import axis_day, axis_month, kwh, main_units, money, number, percent, price
from dashboard.text.translate import _
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff.bands import BandCalendar
from meter_bridge.core.tariff.tariff import EXACT_SCALE, BlockSchedule, TariffVersion

WH_PER_KWH: Final = 1_000


def price_with_tax(version: TariffVersion, block: int, band: str) -> int:
    """Return what a kWh costs, taxes and levies included; blocks count from 0."""
    return divide_half_even(version.taxed_value(version.price(block, band)) * WH_PER_KWH, EXACT_SCALE)


def block_names(ladder: BlockSchedule) -> list[str]:
    """Return each block with what it spans."""
    if not ladder.limits:
        return [f"{_('One block')}<br>{_('all')}"]
    ends = ["0", *(number(limit / 1000) for limit in ladder.limits)]
    spans = [*(f"{low}–{high}" for low, high in pairwise(ends)), _("above {limit}", limit=ends[-1])]
    names = [_("Block {number}", number=block) for block in range(1, len(spans) + 1)]
    return [f"{name}<br>{span}\N{NO-BREAK SPACE}kWh" for name, span in zip(names, spans, strict=True)]


def block_prices(version: TariffVersion, palette: Palette) -> Chart:
    """Return the price per kWh of each block, taxes included, with a bar for each band."""
    figure = new_figure(palette)
    bands = [band.name for band in version.bands]
    colours = band_colours(bands)
    for band in band_order(bands):
        ladder = version.ladders[version.schedule_of(band)]
        prices = [price_with_tax(version, block, band) for block in range(ladder.blocks)]
        add_bars(
            figure,
            band_name(band) or _("All hours"),
            block_names(ladder),
            prices,
            Measure(
                partial(main_units, currency=version.currency), partial(price, currency=version.currency)
            ),
            colours[band] if len(bands) > 1 else block_colours(ladder.blocks, palette),
            text=[number(main_units(each, version.currency)) for each in prices],
            textposition="outside",
            cliponaxis=False,
            textfont={"color": palette.muted, "size": 11},
        )
    figure.update_layout(
        barmode="group", bargap=0.35, bargroupgap=0.06, showlegend=len(bands) > 1, margin={"t": 22}
    )
    figure.update_layout(uniformtext={"minsize": 10, "mode": "hide"})  # too small to read on a phone
    return Chart(figure, _summary(version, bands))


def _summary(version: TariffVersion, bands: list[str]) -> str:
    every = [
        price_with_tax(version, block, band)
        for band in bands
        for block in range(version.ladders[version.schedule_of(band)].blocks)
    ]
    low, high = price(min(every), version.currency), price(max(every), version.currency)
    if low == high:
        return _("Every kWh costs {price}, taxes included.", price=low)
    return _("A kWh costs from {low} to {high}, taxes included.", low=low, high=high)


def cost_curve(
    curves: Mapping[str, Sequence[CostPoint]], limits: Sequence[int], currency: str, palette: Palette
) -> Chart:
    """Return a line for each tariff, the first in the accent, with marks where blocks of it begin."""
    figure = new_figure(palette)
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
    for block, limit in enumerate(limits, 2):
        figure.add_vline(
            x=limit / WH_PER_KWH,
            line={"color": palette.muted, "width": 1, "dash": "dot"},
            annotation={
                "text": _("block {number}", number=block),
                "font": {"color": palette.muted, "size": 11},
                "textangle": -90,
                "yanchor": "top",
                "xanchor": "right",
            },
        )
    figure.update_layout(showlegend=len(curves) > 1, hovermode="closest" if len(curves) > 1 else "x")
    figure.update_xaxes(ticksuffix=f"{chr(0xA0)}kWh", nticks=7)
    return Chart(figure, _curve_summary(curves, currency))


def _label(point: CostPoint, currency: str) -> str:
    mean = ""
    if point.wh:
        each = price(round(point.amount * WH_PER_KWH / point.wh / 10_000) * 10_000, currency)
        mean = f"<br>{_('{price} a kWh', price=each)}"
    return f"{kwh(point.wh)}: {money(point.amount, currency)}{mean}<extra></extra>"


def _curve_summary(curves: Mapping[str, Sequence[CostPoint]], currency: str) -> str:
    points = next(iter(curves.values()))
    some = [points[len(points) // 4], points[len(points) // 2], points[-1]]
    text = ", ".join(f"{kwh(point.wh)} {money(point.amount, currency)}" for point in some)
    return _("Taxes and fixed charges included, used evenly: {costs}.", costs=text)


DAY_MINUTES: Final = 1_440
FINEST: Final = 15
HEIGHT: Final = 340


@dataclass(frozen=True, slots=True)
class TariffYear:
    """The band of each step of each day."""

    days: tuple[date, ...]
    step: int
    """Minutes; every change of band falls on one."""
    bands: tuple[tuple[str, ...], ...]
    """By day, then by step of its wall clock."""

    def shares(self) -> dict[str, float]:
        """Return the share of the year's wall-clock time that each band has."""
        counts: dict[str, int] = {}
        for day in self.bands:
            for band in day:
                counts[band] = counts.get(band, 0) + 1
        return {band: count / (len(self.days) * len(self.bands[0])) for band, count in counts.items()}


@lru_cache(maxsize=16)
def build_tariff_year(calendar: BandCalendar, year: int) -> TariffYear:
    """Return a calendar year by a tariff's wall clock."""
    first = date(year, 1, 1)
    days = tuple(first + timedelta(days=each) for each in range((date(year + 1, 1, 1) - first).days))
    runs = {day: calendar.runs(day) for day in days}
    step = max(gcd(60, *(minute for each in runs.values() for minute, _ in each)), FINEST)
    return TariffYear(days, step, tuple(_steps(runs[day], step) for day in days))


def _steps(runs: Sequence[tuple[int, str]], step: int) -> tuple[str, ...]:
    found, place = [], 0
    for minute in range(0, DAY_MINUTES, step):
        while place + 1 < len(runs) and runs[place + 1][0] <= minute:
            place += 1
        found.append(runs[place][1])
    return tuple(found)


def tariff_year(shown: TariffYear, prices: dict[str, str], palette: Palette) -> Chart:
    """Return the year as a calendar; ``prices`` says what a band costs in its first block."""
    figure = new_figure(palette)
    colours = band_colours(list(prices))
    clock = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(0, DAY_MINUTES, shown.step)]
    shares = shown.shares()
    names = band_order([band for band in prices if band in shares])
    when = axis_day(weekday=True)
    for band in names:
        figure.add_heatmap(
            name=band_name(band) or _("All hours"),
            x=list(shown.days),
            y=clock,
            z=[[1 if day[place] == band else None for day in shown.bands] for place in range(len(clock))],
            colorscale=[[0, colours[band]], [1, colours[band]]],
            showscale=False,
            showlegend=True,
            xgap=0,
            hovertemplate=f"%{{x|{when}}}, %{{y}}: {band_name(band)}, {prices[band]}<extra></extra>",
            hoverongaps=False,
        )
    figure.update_layout(height=HEIGHT, hovermode="closest")
    figure.update_xaxes(tickformat=axis_month(), dtick="M1", ticklabelmode="period", showgrid=False)
    figure.update_yaxes(autorange="reversed", showgrid=False, dtick=4 * 60 // shown.step, nticks=7)
    text = ", ".join(
        f"{band_name(band) or _('All hours')} {percent(shares[band])} ({prices[band]})" for band in names
    )
    return Chart(figure, _("Of the hours of {year}: {bands}.", year=shown.days[0].year, bands=text))
