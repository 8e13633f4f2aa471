"""What came in per day, stacked by how it was paid."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, day_bars, layout
from dashboard.queries.payments import method_label
from dashboard.queries.takings import PaymentSum
from dashboard.text.formatting import day as day_text, main_units, money, percent
from dashboard.text.translate import _

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
    figure = go.Figure(layout=layout(palette))
    colours = method_colours([one.method for one in taken])
    days = [first + timedelta(days=each) for each in range((last - first).days + 1)]
    sums: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in taken:
        sums[one.method][one.day] += one.amount
    for method in sorted(sums, key=lambda each: -sum(sums[each].values())):
        amounts = [sums[method].get(each, 0) for each in days]
        figure.add_bar(
            name=method_label(method) or _("Other"),
            x=days,
            y=[main_units(amount, currency) for amount in amounts],
            customdata=[money(amount, currency) if amount else "–" for amount in amounts],
            hovertemplate="%{customdata}",
            marker={"color": colours[method], "line": {"width": 0}},
        )
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
