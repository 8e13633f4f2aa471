"""What a statement draws: energy and cost by day, as heights that the layout has only to fill."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from meter_bridge.core.rating.rating import ENERGY_KINDS
from meter_bridge.engine.statement.labels import Labels
from meter_bridge.printing.document import Bar, BarChart, BarPart, Colour, part_height
from meter_bridge.protocol.statements import DayCharge, Statement
from meter_bridge.text.catalogue import ENGLISH

MAX_DAYS: Final = 62
"""More days would make bars too narrow to distinguish."""
MAX_BLOCKS: Final = 5
FIXED_COLOUR: Final = MAX_BLOCKS
"""Colours are numbered: blocks from cheap to dear, then what is not for energy, then taxes."""
TAX_COLOUR: Final = MAX_BLOCKS + 1

type Sums = dict[str, dict[int, int]]
"""By day and colour."""


def bar_charts(statement: Statement, labels: Labels | None = None) -> tuple[BarChart, ...]:
    """Return the charts of the days of a statement; none for a single day or more than ``MAX_DAYS``."""
    days = _days(statement)
    if not 1 < len(days) <= MAX_DAYS:
        return ()
    currency, labels = statement.currency, labels or Labels(ENGLISH)
    name = labels.gettext("Cost by day, {currency}", currency=currency)
    cost = _bar_chart(name, days, _costs(statement.days), lambda most: labels.money(most, currency), labels)
    energy = _bar_chart(labels.gettext("Energy by day"), days, _energy(statement.days), labels.kwh, labels)
    return tuple(chart for chart in (cost, energy) if chart is not None)


def _days(statement: Statement) -> list[str]:
    """Return the days from the first to the last with data; without gaps."""
    known = [day.day for day in statement.days]
    if not known:
        return []
    first = date.fromisoformat(min(*known, statement.first_day))
    last = date.fromisoformat(max(*known, "" if statement.open else statement.last_day))
    return [(first + timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1)]


def _costs(charges: Sequence[DayCharge]) -> Sums:
    sums: Sums = defaultdict(lambda: defaultdict(int))
    for charge in charges:
        sums[charge.day][_colour(charge)] += charge.amount
        sums[charge.day][TAX_COLOUR] += charge.tax
    return sums


def _energy(charges: Sequence[DayCharge]) -> Sums:
    sums: Sums = defaultdict(lambda: defaultdict(int))
    for charge in charges:
        if charge.kind in ENERGY_KINDS:
            sums[charge.day][_colour(charge)] += charge.quantity
    return sums


def _colour(charge: DayCharge) -> int:
    return FIXED_COLOUR if charge.kind not in ENERGY_KINDS else min((charge.block or 1) - 1, MAX_BLOCKS - 1)


def _bar_chart(
    name: str, days: Sequence[str], sums: Sums, written: Callable[[int], str], labels: Labels
) -> BarChart | None:
    """Return the bars of a measure, if there is anything to draw; credits have no height."""
    highest = max((sum(max(part, 0) for part in sums[day].values()) for day in days), default=0)
    if highest <= 0:
        return None
    bars = tuple(
        Bar(
            str(int(day[-2:])) if place % (1 + len(days) // 32) == 0 else "",
            tuple(_bar_parts(sums[day], highest)),
        )
        for place, day in enumerate(days)
    )
    used = sorted({piece.colour for bar in bars for piece in bar.pieces})
    tallest = written(highest)
    caption = labels.gettext("highest {amount}", amount=tallest)
    colours = tuple(Colour(_colour_name(colour, labels), colour) for colour in used)
    return BarChart(name, tallest, caption, bars, colours)


def _bar_parts(parts: dict[int, int], highest: int) -> Iterator[BarPart]:
    for colour in sorted(parts):
        height = part_height(parts[colour], highest)
        if height:
            yield BarPart(colour, height)


def _colour_name(colour: int, labels: Labels) -> str:
    if colour == FIXED_COLOUR:
        return labels.gettext("Fixed charges")
    return (
        labels.gettext("Taxes")
        if colour == TAX_COLOUR
        else labels.gettext("Block {number}", number=colour + 1)
    )
