"""What a statement draws: energy and cost by day, as heights that the layout has only to fill."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from meter_bridge.core.rating.rating import ENERGY_KINDS
from meter_bridge.engine.statement.labels import Labels
from meter_bridge.protocol.statements import DayCharge, Statement
from meter_bridge.text.languages import ENGLISH

WHOLE: Final = 1000
"""Height of the tallest bar."""
MOST_DAYS: Final = 62
"""Of a longer time no bar would be told from the next."""
MOST_BLOCKS: Final = 5
FIXED: Final = MOST_BLOCKS
"""Colours are numbered: blocks from cheap to dear, then what is not for energy, then taxes."""
TAX: Final = MOST_BLOCKS + 1

type Sums = dict[str, dict[int, int]]
"""By day and colour."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar."""

    colour: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A day; only some have a label."""

    label: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Colour:
    """What a colour means."""

    name: str
    colour: int


@dataclass(frozen=True, slots=True)
class Picture:
    """Bars of every day of a time, with what the tallest of them stands for."""

    name: str
    tallest: str
    caption: str
    bars: tuple[Bar, ...]
    colours: tuple[Colour, ...]


def pictures(statement: Statement, labels: Labels | None = None) -> tuple[Picture, ...]:
    """Return what can be drawn of the days that a statement tells; nothing of one day or of very many."""
    days = _days(statement)
    if not 1 < len(days) <= MOST_DAYS:
        return ()
    currency, told = statement.currency, labels or Labels(ENGLISH)
    name = told.gettext("Cost by day, {currency}", currency=currency)
    cost = _picture(name, days, _costs(statement.days), lambda most: told.money(most, currency), told)
    energy = _picture(told.gettext("Energy by day"), days, _energy(statement.days), told.kwh, told)
    return tuple(each for each in (cost, energy) if each is not None)


def _days(statement: Statement) -> list[str]:
    """Return the days from the first to the last that is known of."""
    known = [day.day for day in statement.days]
    if not known:
        return []
    first = date.fromisoformat(min(*known, statement.first_day))
    last = date.fromisoformat(max(*known, "" if statement.open else statement.last_day))
    return [(first + timedelta(days=each)).isoformat() for each in range((last - first).days + 1)]


def _costs(charges: Sequence[DayCharge]) -> Sums:
    """Return what each day cost, by block, what is not for energy, and taxes."""
    sums: Sums = defaultdict(lambda: defaultdict(int))
    for charge in charges:
        sums[charge.day][_colour(charge)] += charge.amount
        sums[charge.day][TAX] += charge.tax
    return sums


def _energy(charges: Sequence[DayCharge]) -> Sums:
    """Return the energy of each day by block."""
    sums: Sums = defaultdict(lambda: defaultdict(int))
    for charge in charges:
        if charge.kind in ENERGY_KINDS:
            sums[charge.day][_colour(charge)] += charge.quantity
    return sums


def _colour(charge: DayCharge) -> int:
    """Return the colour of a charge."""
    return FIXED if charge.kind not in ENERGY_KINDS else min((charge.block or 1) - 1, MOST_BLOCKS - 1)


def _picture(
    name: str, days: Sequence[str], sums: Sums, written: Callable[[int], str], labels: Labels
) -> Picture | None:
    """Return the bars of a measure, if there is anything to draw; what is given back has no height."""
    highest = max((sum(max(part, 0) for part in sums[day].values()) for day in days), default=0)
    if highest <= 0:
        return None
    bars = tuple(
        Bar(
            str(int(day[-2:])) if place % (1 + len(days) // 32) == 0 else "",
            tuple(_pieces(sums[day], highest)),
        )
        for place, day in enumerate(days)
    )
    used = sorted({piece.colour for bar in bars for piece in bar.pieces})
    tallest = written(highest)
    caption = labels.gettext("highest {amount}", amount=tallest)
    colours = tuple(Colour(_name(colour, labels), colour) for colour in used)
    return Picture(name, tallest, caption, bars, colours)


def _pieces(parts: dict[int, int], highest: int) -> Iterator[Piece]:
    """Yield the pieces of a bar from the bottom up."""
    for colour in sorted(parts):
        height = max(parts[colour], 0) * WHOLE // highest
        if height:
            yield Piece(colour, height)


def _name(colour: int, labels: Labels) -> str:
    """Return what a colour stands for."""
    if colour == FIXED:
        return labels.gettext("Fixed charges")
    return labels.gettext("Taxes") if colour == TAX else labels.gettext("Block {number}", number=colour + 1)
