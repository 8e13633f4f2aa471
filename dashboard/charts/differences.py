"""How the differences of a what-if are distributed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.charts.template import Chart, Palette, new_figure
from dashboard.pricing.what_if import WhatIfAnswer
from dashboard.text.formatting import main_units, money, signed_money
from dashboard.text.translate import _, ngettext

BUCKETS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How many units' bills change by low < difference <= high."""

    low: int
    high: int
    units: int


def difference_bars(answer: WhatIfAnswer, palette: Palette) -> Chart:
    """Return how many units would pay how much more or less."""
    buckets = round_buckets(answer)
    figure = new_figure(palette)
    less = [each for each in buckets if each.high <= 0]
    more = [each for each in buckets if each.high > 0]
    for name, chosen, colour in ((_("Pay less"), less, palette.muted), (_("Pay more"), more, palette.accent)):
        figure.add_bar(
            name=name,
            x=[main_units((each.low + each.high) // 2, answer.currency) for each in chosen],
            y=[each.units for each in chosen],
            width=[main_units(each.high - each.low, answer.currency) * 0.9 for each in chosen],
            customdata=[_label(each, answer.currency) for each in chosen],
            hovertemplate="%{customdata}<extra></extra>",
            marker={"color": colour, "line": {"width": 0}},
        )
    figure.add_vline(x=0, line={"color": palette.text, "width": 1})
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(nticks=8, tickformat=",.10~g")
    figure.update_yaxes(nticks=4, tickformat=",d")
    return Chart(figure, _summary(answer))


def round_buckets(answer: WhatIfAnswer) -> Sequence[Bucket]:
    """Return buckets of one round width, so that zero lies between two of them."""
    differences = [change.difference for change in answer.changes]
    if not differences:
        return ()
    # Nothing is on the axis as well: buckets of a narrow spread far from it would be too thin to see.
    span = max(*differences, 0) - min(*differences, 0)
    width = _round_width(span // BUCKETS + 1)
    counts: dict[int, int] = {}
    for difference in differences:
        # A difference of nothing pays no more; it stands left of zero.
        place = -(-difference // width) - 1
        counts[place] = counts.get(place, 0) + 1
    return [
        Bucket(low=place * width, high=(place + 1) * width, units=counts.get(place, 0))
        for place in range(min(counts), max(counts) + 1)
    ]


def _round_width(least: int) -> int:
    """Return the smallest of 1, 2 or 5 times a power of ten that is not below a width."""
    power = int(10 ** (len(str(least)) - 1))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _label(bucket: Bucket, currency: str) -> str:
    units = ngettext("{number} unit", "{number} units", bucket.units)
    low, high = signed_money(bucket.low, currency), signed_money(bucket.high, currency)
    return _("{units} from {low} to {high}", units=units, low=low, high=high)


def _summary(answer: WhatIfAnswer) -> str:
    if not answer.changes:
        return _("No unit to price.")
    same = len(answer.changes) - answer.more - answer.less
    middle = sorted(change.difference for change in answer.changes)[len(answer.changes) // 2]
    return _(
        "{more} would pay more, {less} less, {same} the same; the unit in the middle {middle}.",
        more=ngettext("{number} unit", "{number} units", answer.more),
        less=ngettext("{number} unit", "{number} units", answer.less),
        same=ngettext("{number} unit", "{number} units", same),
        middle=signed_money(middle, answer.currency) if middle else money(0, answer.currency),
    )
