"""The last seven days beside the seven before, day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from dashboard.charts.template import Chart, Measure, Palette, add_bars, add_marks, new_figure
from dashboard.text.formatting import day as day_text, weekdays
from dashboard.text.translate import _

WEEK: Final = 7
HEIGHT: Final = 210


def week_on_week(today: date, sums: Mapping[date, int], measure: Measure, palette: Palette) -> Chart:
    """Return bars of the last seven local days, with a mark where the same weekday was a week before."""
    dates = [today - timedelta(days=back) for back in reversed(range(WEEK))]
    before = [day - timedelta(days=WEEK) for day in dates]
    names = [_name(day, today) for day in dates]
    figure = new_figure(palette)
    now, then = ([sums.get(day, 0) for day in days] for days in (dates, before))
    add_bars(
        figure, _("Last 7 days"), names, now, measure, palette.accent, customdata=_texts(dates, now, measure)
    )
    line = {"width": 2.5, "color": palette.muted}
    add_marks(figure, _("A week before"), names, then, measure, size=22, line=line)
    figure.update_traces(customdata=_texts(before, then, measure), selector={"type": "scatter"})
    figure.update_layout(height=HEIGHT, bargap=0.4)
    return Chart(figure, _summary(dates, now, then, measure))


def _name(day: date, today: date) -> str:
    return _("today") if day == today else weekdays()[day.weekday()]


def _texts(dates: Sequence[date], values: Sequence[int], measure: Measure) -> list[str]:
    return [f"{measure.text(value)} · {day_text(day)}" for day, value in zip(dates, values, strict=True)]


def _summary(dates: Sequence[date], now: Sequence[int], then: Sequence[int], measure: Measure) -> str:
    """Return the largest day, and how many of the full days were above the same weekday a week before."""
    most, largest = max(zip(now, dates, strict=True), key=lambda pair: pair[0])
    more = sum(value > earlier for value, earlier in zip(now[:-1], then[:-1], strict=True))
    return _(
        "Most on {weekday} with {most}; {more} of {days} full days above the week before.",
        weekday=_name(largest, dates[-1]),
        most=measure.text(most),
        more=more,
        days=WEEK - 1,
    )
