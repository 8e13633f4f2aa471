"""The year of a tariff: which band holds at each hour of each day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from math import gcd
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, band_colours, band_name, band_order, layout
from dashboard.text.formatting import axis_day, axis_month, percent
from dashboard.text.translate import _
from meter_bridge.core.tariff.bands import BandCalendar

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
    figure = go.Figure(layout=layout(palette))
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
