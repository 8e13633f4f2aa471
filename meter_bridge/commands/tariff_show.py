"""A tariff as text: the year with its kinds of day, the hours of each kind, prices, charges."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from string import ascii_lowercase, ascii_uppercase
import textwrap
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meter_bridge.commands.output import table
from meter_bridge.config.describe import (
    show_amount,
    show_blocks,
    show_charges,
    show_clock,
    show_days,
    show_instant,
    show_price,
)
from meter_bridge.config.plan import TariffPlan
from meter_bridge.core.calendar import local_day
from meter_bridge.core.money import divide_half_even
from meter_bridge.core.tariff.bands import HOLIDAY, WEEKDAYS, BandCalendar
from meter_bridge.core.tariff.tariff import EXACT_SCALE, TariffVersion

WIDTH: Final = 80
LETTERS: Final = ascii_uppercase + ascii_lowercase
"""Names of kinds of day."""
PRICES: Final = ("BAND", "BLOCK", "PER KWH", "WITH TAXES")
CELL_MIN: Final = 30
"""Minutes of one character of a day."""
_HOURS: Final = "".join(f"{hour:<6}" for hour in range(0, 24, 3)) + "24"
_SHADES: Final = {1: "█", 2: "░█", 3: "░▒█", 4: "░▒▓█", 5: "·░▒▓█"}
"""From the cheapest to the dearest band."""
_COLOURS: Final = (36, 32, 33, 35, 31)
"""ANSI colours, from the cheapest to the dearest."""

type Runs = tuple[tuple[int, str], ...]
"""First minute and band of each part of a day."""


class Kind(NamedTuple):
    """Days that are alike: the same bands at the same hours."""

    runs: Runs
    days: tuple[date, ...]


def in_year(plan: TariffPlan, year: int, zone: ZoneInfo) -> Iterator[TariffVersion]:
    """Yield the versions that are in force on some day of a year."""
    for version in plan.versions:
        if any(True for _ in _days(plan, version, year, zone)):
            yield version


def _days(plan: TariffPlan, version: TariffVersion, year: int, zone: ZoneInfo) -> Iterator[date]:
    """Yield the days of a year on which a version is in force when the day begins, or begins itself."""
    later = [other.valid_from for other in plan.versions if other.valid_from > version.valid_from]
    first = max(date(year, 1, 1), local_day(version.valid_from, zone))
    last = min([date(year, 12, 31), *(local_day(min(later) - 1, zone) for _ in later[:1])])
    return (first + timedelta(days=index) for index in range((last - first).days + 1))


def summary(version: TariffVersion) -> str:
    """Return a version in one line."""
    blocks = max(ladder.blocks for ladder in version.ladders)
    bands, seasons = len(version.bands), len(version.calendar.seasons)
    parts = [
        f"{blocks} block{'s' if blocks > 1 else ''}"
        + (f" per {version.block_period.unit}" if blocks > 1 else ""),
        f"{bands} band{'s' if bands > 1 else ''}" + (f" in {seasons} seasons" if seasons else ""),
        *(
            words if name == "sold as" else name
            for name, words in show_charges(version)
            if "block" not in name
        ),
    ]
    return textwrap.fill(
        f"{version.id}: {', '.join(parts)}", WIDTH - 2, subsequent_indent="    ", break_on_hyphens=False
    )


def show(plan: TariffPlan, version: TariffVersion, year: int, *, colour: bool) -> str:
    """Return everything about a version, with its days of a year."""
    marks = _marks(version, colour=colour)
    parts = [_head(plan, version)]
    if len(version.bands) > 1:
        kinds = _kinds(version.calendar, _days(plan, version, year, version.zone))
        parts += [_year(kinds, year, colour=colour)] if len(kinds) > 1 else []
        parts += [
            _kind(version.calendar, letter, kind, marks) for letter, kind in zip(LETTERS, kinds, strict=False)
        ]
    else:
        parts.append("The same prices at all times.")
    parts.append(_prices(version, marks))
    charges = list(show_charges(version))
    if charges:
        parts.append(_aligned(charges))
    return "\n\n".join(parts)


def _head(plan: TariffPlan, version: TariffVersion) -> str:
    start = show_instant(version.valid_from, version.time_zone)
    lines = [
        f"{plan.name} ({plan.id}), from {start}",
        f"Prices in {version.currency}, in local time of {version.time_zone}.",
    ]
    if version.source:
        lines += textwrap.wrap(
            f"Source: {version.source}", WIDTH, break_long_words=False, break_on_hyphens=False
        )
    if version.calendar.holidays:
        lines.append(_holidays(version.calendar))
    return "\n".join(lines)


def _holidays(calendar: BandCalendar) -> str:
    like = "days of their own" if calendar.holiday_as == HOLIDAY else f"like {WEEKDAYS[calendar.holiday_as]}"
    last = calendar.holidays[-1]
    return f"Public holidays are {like}; known until {last}."


def _kinds(calendar: BandCalendar, days: Iterator[date]) -> list[Kind]:
    found: dict[Runs, list[date]] = {}
    for day in days:
        found.setdefault(calendar.runs(day), []).append(day)
    return [Kind(runs, tuple(alike)) for runs, alike in found.items()]


def _year(kinds: Sequence[Kind], year: int, *, colour: bool) -> str:
    """Return months x days, each day the letter of its kind."""
    letters = {day: letter for letter, kind in zip(LETTERS, kinds, strict=False) for day in kind.days}
    head = f"{year:<5}" + "".join(
        f"{day if day in (1, 5, 10, 15, 20, 25, 30) else '':>2}" for day in range(1, 32)
    )
    lines = [head.rstrip()]
    for month in range(1, 13):
        days = (date(year, month, 1) + timedelta(days=index) for index in range(31))
        cells = [letters.get(day, "·") if day.month == month else " " for day in days]
        text = "".join(f" {_paint(cell, LETTERS.find(cell), colour=colour)}" for cell in cells)
        lines.append(f"{date(year, month, 1):%b}  {text}".rstrip())
    return "\n".join(lines)


def _kind(calendar: BandCalendar, letter: str, kind: Kind, marks: dict[str, str]) -> str:
    count = len(kind.days)
    cells = "".join(marks[_band_at(kind.runs, minute)] for minute in range(0, 24 * 60, CELL_MIN))
    times = ", ".join(f"{show_clock(minute)} {band}" for minute, band in kind.runs)
    lines = [
        f"{letter}  {_named(calendar, kind.days)} ({count} day{'s' if count > 1 else ''})",
        f"   {cells}",
        f"   {_HOURS}",
        *textwrap.wrap(
            times, WIDTH - 3, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False
        ),
    ]
    return "\n".join(lines)


def _band_at(runs: Runs, minute: int) -> str:
    return next(band for first, band in reversed(runs) if first <= minute)


def _named(calendar: BandCalendar, days: Sequence[date]) -> str:
    """Return days by their seasons and types, such as ``summer: mon-fri``."""
    types: dict[str, set[int]] = {}
    for day in days:
        types.setdefault(calendar.season(day), set()).add(calendar.day_type(day))
    seasons: dict[str, list[str]] = {}
    for season, found in types.items():
        seasons.setdefault(show_days(frozenset(found)), []).append(season)
    every = len(calendar.seasons)
    return "; ".join(
        text if len(names) == every or names == [""] else f"{', '.join(names)}: {text}"
        for text, names in seasons.items()
    )


def _marks(version: TariffVersion, *, colour: bool) -> dict[str, str]:
    """Return a character for each band, the darker the dearer."""
    names = sorted((band.name for band in version.bands), key=lambda name: version.price(0, name))
    shades = _SHADES.get(len(names), LETTERS)
    return {
        name: _paint(shades[index % len(shades)], index * len(_COLOURS) // len(names), colour=colour)
        for index, name in enumerate(names)
    }


def _paint(text: str, index: int, *, colour: bool) -> str:
    if not colour or index < 0:
        return text
    return f"\x1b[{_COLOURS[index % len(_COLOURS)]}m{text}\x1b[0m"


def _prices(version: TariffVersion, marks: dict[str, str]) -> str:
    rows: list[tuple[str, ...]] = []
    for band in version.bands:
        ladder = version.ladders[version.schedule_of(band.name)]
        for block, limit in enumerate(show_blocks(ladder.limits)):
            price = version.price(block, band.name)
            taxed = divide_half_even(version.taxed_value(price) * 1000, EXACT_SCALE)
            amounts = (show_price(price, version.currency), show_amount(taxed, version.currency))
            rows.append((band.name if block == 0 else "", limit, *amounts))
    columns = slice(None if version.taxes else -1)
    head, *lines = table(PRICES[columns], [row[columns] for row in rows], right=PRICES[2:]).splitlines()
    marked = (f"{marks[row[0]] if row[0] else ' '}  {line}" for row, line in zip(rows, lines, strict=True))
    return "\n".join((f"   {head}", *marked))


def _aligned(pairs: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in pairs) + 2
    return "\n".join(
        "\n".join(
            textwrap.wrap(
                text,
                WIDTH,
                initial_indent=f"{name:<{width}}",
                subsequent_indent=" " * width,
                break_on_hyphens=False,
            )
        )
        for name, text in pairs
    )
