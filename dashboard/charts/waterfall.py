"""Where credit went: a bar for each step from the balance then to what is left now."""

from collections.abc import Sequence
from typing import Final

import plotly.graph_objects as go

from dashboard.charts.template import Chart, Palette, block_colours, layout
from dashboard.queries.credit_breakdown import BalanceChange, CreditBreakdown
from dashboard.text.formatting import kwh, main_units, money, percent, signed_money
from dashboard.text.labels import spelled
from dashboard.text.translate import _, inside
from meter_bridge.text.marks import N_

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
    figure = go.Figure(layout=layout(palette))
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
    return Chart(figure, _summary(breakdown, currency))


def _colour(each: BalanceChange, blocks: Sequence[str], palette: Palette) -> str:
    if each.block is not None:
        return blocks[each.block - 1]
    if each.amount > 0:
        return palette.accent
    return {"standing": palette.standing, "tax": palette.tax}.get(each.kind, palette.muted)


def _text(each: BalanceChange, currency: str) -> str:
    energy = f" ({kwh(each.wh)})" if each.wh else ""
    return f"{signed_money(each.amount, currency)}{energy}"


def _summary(breakdown: CreditBreakdown, currency: str) -> str:
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
