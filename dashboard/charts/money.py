"""What was paid in per day, stacked by method, and what is owed by age."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from dashboard.charts.template import Chart, Palette, add_bars, day_bars, money_measure, new_figure
from dashboard.queries.payments import PaymentSum, method_label
from dashboard.text.formatting import day as day_text, money, percent
from dashboard.text.translate import _
from meter_bridge.text.marks import N_

COLOURS: Final = {
    "cash": "#4c9a97",
    "transfer": "#5668a8",
    "card": "#8d7fbd",
    "voucher": "#a3855c",
    "api": "#6c7a84",
}
OTHERS: Final = ("#c58fb5", "#7ba4cf", "#9aa5ac")


def payments_per_day(
    taken: Sequence[PaymentSum], first: date, last: date, currency: str, palette: Palette
) -> Chart:
    """Return bars of what came in on each day, days without a payment included."""
    figure = new_figure(palette)
    colours = method_colours([one.method for one in taken])
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in taken:
        sums[one.method][one.day] += one.amount
    for method in sorted(sums, key=lambda each: -sum(sums[each].values())):
        amounts = [sums[method].get(each, 0) for each in days]
        texts = [money(amount, currency) if amount else "–" for amount in amounts]
        name = method_label(method) or _("Other")
        add_bars(figure, name, days, amounts, money_measure(currency), colours[method], customdata=texts)
    day_bars(figure, len(days))
    return Chart(figure, _summary(taken, currency))


def method_colours(methods: Sequence[str]) -> dict[str, str]:
    """Return the fixed colour of each method."""
    strangers = sorted(set(methods) - COLOURS.keys())
    extra = {name: OTHERS[place % len(OTHERS)] for place, name in enumerate(strangers)}
    return {name: COLOURS.get(name) or extra[name] for name in methods}


def _summary(taken: Sequence[PaymentSum], currency: str) -> str:
    total = sum(one.amount for one in taken)
    if total <= 0:
        return _("No payments in this period.")
    days: dict[date, int] = defaultdict(int)
    ways: dict[str, int] = defaultdict(int)
    for one in taken:
        days[one.day] += one.amount
        ways[one.method] += one.amount
    best, most = max(days, key=lambda each: days[each]), max(ways, key=lambda each: ways[each])
    return _(
        "{total} in all; most on {day} with {amount}; {method} is {share}.",
        total=money(total, currency),
        day=day_text(best),
        amount=money(days[best], currency),
        method=method_label(most) or _("Other"),
        share=percent(ways[most] / total),
    )


AGES: Final = (N_("Up to 30 days"), N_("31 to 60 days"), N_("61 to 90 days"), N_("Older"))
HEIGHT: Final = 220


def ageing(sums: Sequence[int], currency: str, palette: Palette) -> Chart:
    """Return a bar for each age, the oldest strongest."""
    figure = new_figure(palette)
    add_bars(
        figure,
        None,
        [_(name) for name in AGES],
        sums,
        money_measure(currency),
        palette.accent,
        hovertemplate="%{customdata}<extra></extra>",
        text=[money(amount, currency) for amount in sums],
        textposition="outside",
        cliponaxis=False,
        constraintext="none",
        textfont={"color": palette.muted, "size": 12},
    )
    figure.update_traces(marker_opacity=[0.35, 0.55, 0.75, 1.0])
    figure.update_yaxes(visible=False)  # each bar says its sum
    figure.update_layout(height=HEIGHT, showlegend=False, hovermode="closest", bargap=0.45, margin={"t": 26})
    return Chart(figure, _ageing_summary(sums, currency))


def _ageing_summary(sums: Sequence[int], currency: str) -> str:
    total = sum(sums)
    if total <= 0:
        return _("Nothing is owed.")
    return _(
        "{total} is owed, {share} of it for more than 90 days.",
        total=money(total, currency),
        share=percent(sums[-1] / total),
    )
