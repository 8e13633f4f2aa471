"""The last seven days beside the seven before, day by day."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, layout
from dashboard.text.formatting import day as day_text, weekdays
from dashboard.text.translate import _

WEEK: Final = 7
HEIGHT: Final = 210


@dataclass(frozen=True, slots=True)
class Measure:
    """What is compared: its sums by day, as a coordinate and as text."""

    sums: Mapping[date, int]
    height: Callable[[int], float]
    text: Callable[[int], str]


def week_on_week(today: date, measure: Measure, palette: Palette) -> Chart:
    """Return bars of the last seven local days, with a mark where the same weekday was a week before."""
    dates = [today - timedelta(days=back) for back in reversed(range(WEEK))]
    before = [each - timedelta(days=WEEK) for each in dates]
    names = [_name(each, today) for each in dates]
    figure = go.Figure(layout=layout(palette))
    figure.add_bar(
        name=_("Last 7 days"),
        x=names,
        y=_heights(dates, measure),
        customdata=_texts(dates, measure),
        hovertemplate="%{customdata}",
        marker={"color": palette.accent, "line": {"width": 0}},
    )
    figure.add_scatter(
        name=_("A week before"),
        x=names,
        y=_heights(before, measure),
        customdata=_texts(before, measure),
        hovertemplate="%{customdata}",
        mode="markers",
        marker={"symbol": "line-ew", "size": 22, "line": {"width": 2.5, "color": palette.muted}},
    )
    figure.update_layout(height=HEIGHT, bargap=0.4)
    return Chart(figure, _summary(dates, before, measure))


def _name(each: date, today: date) -> str:
    return _("today") if each == today else weekdays()[each.weekday()]


def _heights(dates: Sequence[date], measure: Measure) -> list[float]:
    return [measure.height(measure.sums.get(each, 0)) for each in dates]


def _texts(dates: Sequence[date], measure: Measure) -> list[str]:
    return [f"{measure.text(measure.sums.get(each, 0))} · {day_text(each)}" for each in dates]


def _summary(dates: Sequence[date], before: Sequence[date], measure: Measure) -> str:
    largest = max(dates, key=lambda each: measure.sums.get(each, 0))
    full = list(zip(dates[:-1], before[:-1], strict=True))
    more = sum(measure.sums.get(each, 0) > measure.sums.get(then, 0) for each, then in full)
    return _(
        "Most on {weekday} with {most}; {more} of {days} full days above the week before.",
        weekday=_name(largest, dates[-1]),
        most=measure.text(measure.sums.get(largest, 0)),
        more=more,
        days=len(full),
    )
