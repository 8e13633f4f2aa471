"""What stands on a printed document: texts ready made, and bars as heights that a layout only fills."""

from dataclasses import dataclass
from typing import Final

FULL_HEIGHT: Final = 1000
"""Height of the tallest bar."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a summary, with what it refers to."""

    name: str
    text: str
    note: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    figures: bool = False
    wide: bool = False
    """Takes the width that is left."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table under its name, and what is to be said of it."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class BarPart:
    """A part of a bar; its height of ``FULL_HEIGHT``."""

    colour: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A day; only some have a label."""

    label: str
    pieces: tuple[BarPart, ...]


@dataclass(frozen=True, slots=True)
class Colour:
    """What a colour means; colours are numbered as in the layout."""

    name: str
    colour: int


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars of every day of a time, with what the tallest of them stands for."""

    name: str
    tallest: str
    caption: str
    bars: tuple[Bar, ...]
    colours: tuple[Colour, ...]


def table(name: str, columns: tuple[str, ...], rows: tuple[Row, ...], note: str = "") -> Table:
    """Return a table whose first column is text and all others figures."""
    first, *others = columns
    heads = (Column(first, wide=True), *(Column(each, figures=True) for each in others))
    return Table(name, heads, rows, note)


def part_height(value: int, highest: int) -> int:
    """Return the height of a part of a bar where ``highest`` is the tallest; below zero there is none."""
    return max(value, 0) * FULL_HEIGHT // highest
