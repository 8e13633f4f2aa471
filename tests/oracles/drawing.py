"""Examples drawn at random from a seed: tariffs within what a calculator can express, and years of load."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
import random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.oracles.described import (
    EVERY_DAY,
    MINUTES_PER_DAY,
    SUMMER_TIME,
    WEEKDAYS,
    WEEKEND,
    Described,
    Example,
    Load,
    Meaning,
    Reset,
    Season,
    Window,
)

MOST_BLOCKS = 6
MOST_BANDS = 5
CENT = Decimal("0.01")
REAL_SHARE = 0.15
LOADS = ("even", "nightless", "peaky", "absent")
type Days = tuple[frozenset[int], ...]


@dataclass(frozen=True)
class Abilities:
    """What a calculator can express, so that only such examples are drawn for it."""

    meanings: Sequence[Meaning]
    years: Sequence[int]
    step: int = 60
    """Minutes to a multiple of which windows begin and end."""
    kinds_of_day: Sequence[Days] = ((EVERY_DAY,), (WEEKDAYS, WEEKEND))
    days_as_hours: bool = True
    """Its calendar is months x hours for two kinds of day: no window of only some days crosses midnight."""
    resets: Sequence[Reset] = (Reset.MONTH,)
    zones: Sequence[str] = ("UTC",)
    holidays: Sequence[str] = ()
    own_limits: bool = False
    """Each band may have limits of its own."""
    seasons_own_bands: bool = False
    """A band holds in one season only."""
    fixed_per_month: bool = False
    fixed_per_day: bool = False
    minimum: bool = False
    demand: bool = False
    taxes: bool = False
    """Levies, rebates and taxes."""
    chance_of_quarters: float = 0.2
    """Share of loads with intervals of a quarter of an hour."""
    profiles: Sequence[Sequence[int]] = field(default=(), repr=False)
    """Real years of quarter hours, Wh, of which some loads are made."""


def examples(abilities: Abilities, count: int, seed: int) -> list[Example]:
    """Draw examples; the same seed draws the same ones."""
    return [example(random.Random(seed * 1000 + index), abilities, index) for index in range(count)]


def example(rng: random.Random, abilities: Abilities, index: int) -> Example:
    """Draw one example. Meaning, blocks and bands go round with the index, so that every pairing occurs."""
    meaning = abilities.meanings[index % len(abilities.meanings)]
    minutes = 15 if rng.random() < abilities.chance_of_quarters else 60
    calendar = draw_calendar(rng, abilities, index % MOST_BANDS + 1, minutes)
    load = draw_load(rng, abilities, calendar.zone, minutes)
    load = replace(load, name=f"{load.name} load {index}")
    blocks, bands = index % MOST_BLOCKS + 1, 1 + max(window.band for window in calendar.windows)
    tariff = replace(
        calendar,
        prices=draw_prices(rng, blocks, bands),
        limits=draw_limits(rng, abilities, (blocks, bands), calendar.reset, load),
    )
    return Example(draw_charges(rng, abilities, tariff, load), load, meaning)


def draw_calendar(rng: random.Random, abilities: Abilities, bands: int, minutes: int) -> Described:
    """Draw zone, ladders' reset, seasons, kinds of day and windows; prices and limits come later."""
    zone = rng.choice(abilities.zones)
    kinds = rng.choice(abilities.kinds_of_day) if bands > 1 else (EVERY_DAY,)
    seasons = draw_seasons(rng, abilities) if bands > 1 and rng.random() < 0.5 else ()
    holidays = rng.choice(abilities.holidays) if abilities.holidays and len(kinds) > 1 else None
    # What calculators understand differently is drawn only where it comes to the same: to which day the early
    # morning belongs, and a window that begins within an hour that summer time repeats.
    may_cross = not seasons and not holidays and (len(kinds) == 1 or not abilities.days_as_hours)
    step = 60 if minutes == 60 and zone in SUMMER_TIME else abilities.step
    begin = rng.randrange(0, 12 * 60, step) if may_cross and rng.random() < 0.7 else 0
    windows = [
        window
        for season, own in _bands_by_season(rng, abilities, seasons, bands)
        for days in kinds
        for window in draw_day(rng, step, begin, own, Span(days, season))
    ]
    bands = 1 + max(window.band for window in windows)
    return Described(
        prices=(),
        limits=(),
        windows=tuple(windows),
        seasons=seasons,
        reset=rng.choice(abilities.resets),
        zone=zone,
        holidays=holidays,
        rest=rng.choice([None, rng.randrange(bands)]),
    )


def draw_seasons(rng: random.Random, abilities: Abilities) -> tuple[Season, ...]:
    """Draw two or three seasons that fill the year; of whole months for a calendar of months."""
    months = sorted(rng.sample(range(1, 13), rng.choice((2, 2, 3))))
    firsts = [(month, 1 if abilities.days_as_hours else rng.choice((1, 1, 15))) for month in months]
    names = ("first", "second", "third")
    return tuple(
        Season(name, first, _day_before(following))
        for name, first, following in zip(names, firsts, [*firsts[1:], firsts[0]], strict=False)
    )


def _day_before(day: tuple[int, int]) -> tuple[int, int]:
    """Return the day of a leap year before one, so that a season ends with February also then."""
    before = date(2024, *day) - timedelta(days=1)
    return before.month, before.day


def _bands_by_season(
    rng: random.Random, abilities: Abilities, seasons: Sequence[Season], bands: int
) -> list[tuple[str | None, list[int]]]:
    """Return which bands each season may use."""
    if not seasons:
        return [(None, list(range(bands)))]
    if not abilities.seasons_own_bands:
        return [(season.name, list(range(bands))) for season in seasons]
    bands = max(bands, len(seasons))
    cuts = [0, *sorted(rng.sample(range(1, bands), len(seasons) - 1)), bands]
    return [
        (season.name, list(range(low, high)))
        for season, (low, high) in zip(seasons, pairwise(cuts), strict=True)
    ]


class Span(NamedTuple):
    """Days of one kind, in one season where there are some."""

    days: frozenset[int]
    season: str | None


def draw_day(rng: random.Random, step: int, begin: int, bands: Sequence[int], span: Span) -> list[Window]:
    """Draw windows that fill a day from ``begin`` until the same time of the next day, with all its bands."""
    later = range(begin + step, MINUTES_PER_DAY, step)
    cuts = [begin, *sorted(rng.sample(later, len(bands) - 1 + rng.randrange(2)))]
    order = rng.sample(bands, len(bands))
    return [
        Window(order[index % len(order)], span.days, start, end, span.season)
        for index, (start, end) in enumerate(zip(cuts, [*cuts[1:], begin], strict=True))
    ]


def draw_prices(rng: random.Random, blocks: int, bands: int) -> tuple[tuple[Decimal, ...], ...]:
    """Draw prices per kWh that rise, fall or jump from block to block; now and then one is free."""
    digits = rng.randrange(2, 6)
    columns = []
    shape = rng.choice(("rising", "rising", "falling", "any"))
    for _ in range(bands):
        column = rng.sample(range(1, 60 * 10 ** (digits - 2)), blocks)
        if shape != "any":
            column.sort(reverse=shape == "falling")
        columns.append(column)
    if rng.random() < 0.2:
        columns[rng.randrange(bands)][0] = 0
    return tuple(tuple(Decimal(price).scaleb(-digits) for price in row) for row in zip(*columns, strict=True))


def draw_limits(
    rng: random.Random, abilities: Abilities, size: tuple[int, int], reset: Reset, load: Load
) -> tuple[tuple[int, ...], ...]:
    """Draw limits in Wh that the load will reach, some of whole kWh."""
    blocks, bands = size
    periods = {Reset.DAY: 365, Reset.MONTH: 12, Reset.QUARTER: 4, Reset.YEAR: 1}[reset]
    own = abilities.own_limits and bands > 1
    usual = sum(load.wh) // periods // (bands if own else 1)

    def ladder() -> tuple[int, ...]:
        unit = rng.choice((1, 1000))
        found = rng.sample(range(max(usual // 20, unit), max(usual * 8 // 5, 60 * unit), unit), blocks - 1)
        return tuple(sorted(found))

    return tuple(ladder() for _ in range(bands)) if own else (ladder(),) * bands


def draw_charges(rng: random.Random, abilities: Abilities, tariff: Described, load: Load) -> Described:
    """Draw what is charged beside energy, as far as the calculator knows it; some months reach no minimum."""
    usual = sum(load.wh) // 12 * max(tariff.prices[0]) // 1000

    def amount(able: object, most: Decimal) -> Decimal:
        return (
            (most * rng.randrange(1, 100) / 100).quantize(CENT) if able and rng.random() < 0.4 else Decimal(0)
        )

    charged = replace(
        tariff,
        fixed_per_month=amount(abilities.fixed_per_month, Decimal(50)),
        fixed_per_day=amount(abilities.fixed_per_day, Decimal(2)),
        minimum_per_month=amount(abilities.minimum, 3 * max(usual, Decimal(10))),
        demand_per_kw=amount(abilities.demand, Decimal(20)),
    )
    return draw_taxes(rng, charged) if abilities.taxes else charged


def draw_taxes(rng: random.Random, tariff: Described) -> Described:
    """Draw what is raised on the charges, and taken off them."""

    def drawn(chance: float, most: int, digits: int) -> Decimal:
        return Decimal(rng.randrange(1, most)).scaleb(-digits) if rng.random() < chance else Decimal(0)

    tariff = replace(tariff, levy_per_kwh=drawn(0.3, 500, 4), rebate_percent=drawn(0.3, 900, 1))
    on_top = drawn(0.4, 3_000, 2)
    # A levy is told apart from the prices only here, so what the prices contain is known without it alone.
    included = Decimal(0) if on_top or tariff.levy_per_kwh else drawn(0.6, 3_000, 2)
    return replace(tariff, tax_percent=on_top, included_percent=included)


def draw_load(rng: random.Random, abilities: Abilities, zone: str, minutes: int) -> Load:
    """Draw a year of load."""
    year = rng.choice(abilities.years)
    start, end = (datetime(at, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for at in (year, year + 1))
    count = (end - start) // timedelta(minutes=minutes)
    if abilities.profiles and rng.random() < REAL_SHARE:
        kind, wh = "real", _real(rng.choice(abilities.profiles), minutes, count)
    else:
        kind = rng.choice(LOADS)
        wh = _wh(rng, kind, minutes, count)
    # A multiple of four has no remainder where a window divides an hour at a quarter.
    unit = 4 if minutes > abilities.step else 1
    return Load(kind, year, minutes, tuple(each // unit * unit for each in wh))


def _wh(rng: random.Random, kind: str, minutes: int, count: int) -> list[int]:
    """Return the energy of each interval of a household of some kind."""
    per_hour = 60 // minutes
    watts = [rng.randrange(50, 2500) for _ in range(24)]
    away = rng.randrange(count)
    found = []
    for index in range(count):
        hour = index // per_hour % 24
        power = watts[hour] * rng.randrange(20, 180) // 100
        if kind == "nightless" and hour < 6:
            power = 0
        if kind == "peaky" and rng.random() < 0.01:
            power += rng.randrange(5_000, 20_000)
        if kind == "absent" and away <= index < away + count // 10:
            power = 0
        found.append(power // per_hour)
    return found


def _real(profile: Sequence[int], minutes: int, count: int) -> list[int]:
    """Return a real year of quarter hours as intervals of some length; a leap year repeats its first day."""
    quarters = minutes // 15
    sums = [sum(profile[at : at + quarters]) for at in range(0, len(profile), quarters)]
    return (sums + sums)[:count]
