"""Balance over time with its forecast and warning thresholds, and what moved it step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, block_colours, date_axis, new_figure
from dashboard.queries.balance import BalanceChange, BalancePoint, CreditBreakdown
from dashboard.status.depletion import BalanceForecast
from dashboard.text.formatting import (
    at_place,
    kwh,
    main_units,
    moment,
    money,
    percent,
    short_moment,
    signed_money,
)
from dashboard.text.labels import spelled
from dashboard.text.translate import _, figures, inside, ngettext
from meter_bridge.text.marks import N_

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
    figure = new_figure(palette)
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


NAMES: Final = {
    "top_up": N_("Top-ups"),
    "opening": N_("Opening credit"),
    "correction": N_("Corrections"),
    "reversal": N_("Reversed"),
    "refund": N_("Refunds"),
    "transfer": N_("Transfers"),
    "write_off": N_("Written off"),
    "debt": N_("Debts"),
    "debt_recovery": N_("Debt instalments"),
    "standing": N_("Standing charge"),
    "tax": N_("Tax"),
    "elsewhere": N_("From emergency credit or to arrears"),
    "accrued": N_("Used since the last posting"),
    "consumption": N_("Energy"),
}
ROW: Final = 30


def change_name(change: BalanceChange) -> str:
    """Return what moved the balance."""
    name = _(NAMES.get(change.kind, spelled(change.kind).capitalize()))
    return f"{name}, {_('block {number}', number=change.block)}" if change.block is not None else name


def waterfall(breakdown: CreditBreakdown, currency: str, palette: Palette) -> Chart:
    """Return the steps from top to bottom, each beginning where the one before ended."""
    figure = new_figure(palette)
    blocks = [each.block for each in breakdown.changes if each.block is not None]
    colours = block_colours(max(blocks, default=1), palette)
    rows: list[tuple[str, int, int, str, str]] = []
    rows.append((_("Balance before"), 0, breakdown.before, palette.muted, money(breakdown.before, currency)))
    level = breakdown.before
    for each in breakdown.changes:
        rows.append(
            (change_name(each), level, each.amount, _colour(each, colours, palette), _text(each, currency))
        )
        level += each.amount
    rows.append((_("Left now"), 0, breakdown.now, palette.accent, money(breakdown.now, currency)))
    figure.add_bar(
        orientation="h",
        y=[row[0] for row in rows],
        base=[main_units(row[1], currency) for row in rows],
        x=[main_units(row[2], currency) for row in rows],
        marker={"color": [row[3] for row in rows], "line": {"width": 0}},
        text=[row[4] for row in rows],
        textposition="none",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": palette.line, "width": 1})
    figure.update_layout(height=ROW * len(rows) + 40, showlegend=False, hovermode="closest", bargap=0.35)
    figure.update_yaxes(autorange="reversed", showgrid=False, nticks=len(rows) + 1, dtick=1)
    figure.update_xaxes(showgrid=True, gridcolor=palette.line, nticks=6)
    return Chart(figure, _waterfall_summary(breakdown, currency))


def _colour(each: BalanceChange, blocks: Sequence[str], palette: Palette) -> str:
    if each.block is not None:
        return blocks[each.block - 1]
    if each.amount > 0:
        return palette.accent
    return {"standing": palette.standing, "tax": palette.tax}.get(each.kind, palette.muted)


def _text(each: BalanceChange, currency: str) -> str:
    energy = f" ({kwh(each.wh)})" if each.wh else ""
    return f"{signed_money(each.amount, currency)}{energy}"


def _waterfall_summary(breakdown: CreditBreakdown, currency: str) -> str:
    came = sum(each.amount for each in breakdown.changes if each.amount > 0)
    went = [each for each in breakdown.changes if each.amount < 0]
    spent = -sum(each.amount for each in went)
    if not spent:
        return _("Nothing was deducted in this period.")
    most = min(went, key=lambda each: each.amount)
    return _(
        "{before} at the start plus {came} received, less {spent}; most of it: {name} ({share}).",
        before=money(breakdown.before, currency),
        came=money(came, currency),
        spent=money(spent, currency),
        name=inside(change_name(most)),
        share=percent(-most.amount / spent),
    )
