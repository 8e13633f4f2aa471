"""Balance over time: posted steps, what was used since, top-ups and the thresholds of warnings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, date_axis, layout
from dashboard.queries.balance import BalancePoint
from dashboard.status.depletion import BalanceForecast
from dashboard.text.formatting import at_place, main_units, moment, money, short_moment
from dashboard.text.translate import _, figures, ngettext

DAY_MS: Final = 24 * 3_600_000
LETTER: Final = 7
"""Width of a letter of a small label in pixels, rather too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceNow:
    """Where the line ends: what is left at the newest instant, and how to label the axes."""

    at: int
    available: int
    currency: str
    time_zone: str
    thresholds: tuple[int, ...] = ()
    forecast: BalanceForecast | None = None

    def local(self, instant: int) -> datetime:
        """Return an instant by the site's clock, as a chart's coordinate."""
        return at_place(instant, self.time_zone).replace(tzinfo=None)


def balance_over_time(steps: Sequence[BalancePoint], now: BalanceNow, palette: Palette) -> Chart:
    """Return the balance of the last days."""
    figure = go.Figure(layout=layout(palette))
    posted = [*steps, BalancePoint(at=now.at, kind="charge", balance_after=now.available)]
    _line(figure, posted, now, palette)
    _forecast(figure, now, palette)
    _top_ups(figure, [step for step in steps if step.kind == "top_up"], now, palette)
    _draw_levels(figure, posted, now, palette)
    names = [_level(main_units(threshold, now.currency)) for threshold in now.thresholds]
    room = 8 + LETTER * max((len(name) for name in names), default=0)
    figure.update_layout(hovermode="closest", showlegend=False, margin={"r": room})
    begin = min(posted[0].at, now.at - DAY_MS)
    end = _end(begin, now)
    date_axis(figure, (end - begin) // DAY_MS)
    figure.update_xaxes(range=[now.local(begin), now.local(end)])
    return Chart(figure, _summary(posted, now))


def _line(figure: go.Figure, posted: Sequence[BalancePoint], now: BalanceNow, palette: Palette) -> None:
    figure.add_scatter(
        x=[now.local(step.at) for step in posted],
        y=[main_units(step.balance_after, now.currency) for step in posted],
        customdata=[_label(step, now) for step in posted],
        hovertemplate="%{customdata}<extra></extra>",
        mode="lines",
        line={"color": palette.accent, "width": 2, "shape": "hv"},
        fill="tozeroy",
        fillcolor=palette.accent_fill,
    )
    figure.add_scatter(
        x=[now.local(now.at)],
        y=[main_units(now.available, now.currency)],
        hovertemplate=f"{_('{amount} now', amount=money(now.available, now.currency))}<extra></extra>",
        mode="markers",
        marker={"color": palette.accent, "size": 8},
    )


def _end(begin: int, now: BalanceNow) -> int:
    """Return the end of the time axis: a little after now, or when the balance is likely to run out."""
    span = now.at - begin
    if now.forecast is None:
        return now.at + span // 60
    last = (
        now.forecast.points[-1].latest_at
        if now.forecast.depletion is None
        else now.forecast.depletion.latest_at
    )
    return min(last + span // 60, now.at + span // 2)


def _forecast(figure: go.Figure, now: BalanceNow, palette: Palette) -> None:
    if now.forecast is None:
        return
    points = now.forecast.points
    balances = [main_units(point.balance, now.currency) for point in points]
    if now.forecast.has_interval:
        figure.add_scatter(
            x=[
                *(now.local(point.earliest_at) for point in points),
                *(now.local(point.latest_at) for point in points[::-1]),
            ],
            y=[*balances, *balances[::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=palette.accent_fill,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[now.local(point.at) for point in points],
        y=balances,
        customdata=[
            f"{money(point.balance, now.currency)}<br>{moment(point.at, now.time_zone)}" for point in points
        ],
        hovertemplate=f"{_('Forecast')}: %{{customdata}}<extra></extra>",
        mode="lines",
        line={"color": palette.accent, "width": 2, "dash": "dot"},
    )


def _top_ups(figure: go.Figure, top_ups: Sequence[BalancePoint], now: BalanceNow, palette: Palette) -> None:
    figure.add_scatter(
        x=[now.local(step.at) for step in top_ups],
        y=[main_units(step.balance_after, now.currency) for step in top_ups],
        customdata=[_label(step, now) for step in top_ups],
        hovertemplate=f"{_('Top-up')}: %{{customdata}}<extra></extra>",
        mode="markers",
        marker={"color": palette.panel, "size": 8, "line": {"color": palette.accent, "width": 2}},
    )


def _draw_levels(
    figure: go.Figure, posted: Sequence[BalancePoint], now: BalanceNow, palette: Palette
) -> None:
    """Draw zero and the low-credit thresholds in one call: ``add_hline`` walks the whole figure each time."""
    highest = max(step.balance_after for step in posted)
    levels = [main_units(each, now.currency) for each in now.thresholds if each <= highest * 2]
    amber = {"color": palette.amber, "width": 1, "dash": "dot"}
    zero = _level_line(0, {"color": palette.red, "width": 1})
    figure.update_layout(
        shapes=[zero, *(_level_line(level, amber) for level in levels)],
        annotations=[_level_name(level, palette) for level in levels],
    )


def _level_line(level: float, line: Mapping[str, object]) -> dict[str, object]:
    place = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": level, "y1": level}
    return {"type": "line", "line": line, **place}


def _level_name(level: float, palette: Palette) -> dict[str, object]:
    return {
        "text": _level(level),
        "font": {"color": palette.amber, "size": 11},
        "showarrow": False,
        "xref": "x domain",
        "x": 1,
        "xanchor": "left",
        "xshift": 4,
        "yref": "y",
        "y": level,
        "yanchor": "middle",
    }


def _level(level: float) -> str:
    return _("low {level}", level=figures().written(f"{level:,.10g}"))


def _label(step: BalancePoint, now: BalanceNow) -> str:
    return f"{money(step.balance_after, now.currency)}<br>{moment(step.at, now.time_zone)}"


def _summary(posted: Sequence[BalancePoint], now: BalanceNow) -> str:
    balances = [step.balance_after for step in posted]
    count = sum(step.kind == "top_up" for step in posted)
    ups = ngettext("{number} top-up", "{number} top-ups", count) if count else _("no top-up")
    text = _(
        "{now} left now; between {low} and {high} in this period, with {ups}.",
        now=money(now.available, now.currency),
        low=money(min(balances), now.currency),
        high=money(max(balances), now.currency),
        ups=ups,
    )
    return f"{text} {_forecast_text(now.forecast, now)}" if now.forecast is not None else text


def _forecast_text(forecast: BalanceForecast, now: BalanceNow) -> str:
    if forecast.depletion is None:
        return _("It lasts longer than can be forecast.")
    depletion = short_moment(forecast.depletion.at, now.time_zone)
    if not forecast.has_interval:
        return _("Likely used up {instant}.", instant=depletion)
    return _(
        "Likely used up {instant}, four times out of five between {early} and {late}.",
        instant=depletion,
        early=short_moment(forecast.depletion.earliest_at, now.time_zone),
        late=short_moment(forecast.depletion.latest_at, now.time_zone),
    )
