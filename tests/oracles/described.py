"""Tariffs and loads in words that belong to no calculator; each calculator gets a translation of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

WEEKDAYS = frozenset(range(5))
WEEKEND = frozenset({5, 6})
EVERY_DAY = WEEKDAYS | WEEKEND
MINUTES_PER_DAY = 1440
CURRENCY_DIGITS = 2


class Meaning(StrEnum):
    """How blocks and bands combine."""

    CHRONOLOGICAL = "pooled chronological"
    PRO_RATA = "pooled pro rata"
    PER_BAND = "ladder per band"


class Reset(StrEnum):
    """After which span of the calendar ladders start anew."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


MONTHS_OF = {Reset.DAY: 1, Reset.MONTH: 1, Reset.QUARTER: 3, Reset.YEAR: 12}
"""Months of the shortest bill that holds whole ladders."""


@dataclass(frozen=True)
class Season:
    """A part of the year by first and last day, both (month, day) and included; it may run over New Year."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int]

    def covers(self, day: date) -> bool:
        """Say whether a day lies in it."""
        at = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


@dataclass(frozen=True)
class Window:
    """Minutes of local days in which a band holds; at or before its start it ends on the next day."""

    band: int
    days: frozenset[int]
    start: int
    end: int
    season: str | None = None

    @property
    def crosses(self) -> bool:
        """Say whether it runs across midnight."""
        return self.end <= self.start and self.end > 0

    def covers(self, minute: int) -> bool:
        """Say whether it holds at a minute of the day, as if it held on every day."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True)
class Described:
    """A tariff: prices per kWh, limits in Wh, charges per period."""

    prices: tuple[tuple[Decimal, ...], ...]
    """Per block, per band."""
    limits: tuple[tuple[int, ...], ...]
    """Per band; the same for all bands where they share a ladder."""
    windows: tuple[Window, ...]
    seasons: tuple[Season, ...] = ()
    reset: Reset = Reset.MONTH
    zone: str = "UTC"
    holidays: str | None = None
    """A country whose public holidays have the windows of a Saturday."""
    rest: int | None = None
    """A band that is said to be all that the others leave; its windows stand here all the same."""
    fixed_per_month: Decimal = Decimal(0)
    fixed_per_day: Decimal = Decimal(0)
    minimum_per_month: Decimal = Decimal(0)
    demand_per_kw: Decimal = Decimal(0)
    levy_per_kwh: Decimal = Decimal(0)
    rebate_percent: Decimal = Decimal(0)
    """Off the energy and its levy."""
    tax_percent: Decimal = Decimal(0)
    """On everything but the rebate."""
    included_percent: Decimal = Decimal(0)
    """A tax that every price contains, but the levy's."""

    @property
    def blocks(self) -> int:
        """Return the number of blocks."""
        return len(self.prices)

    @property
    def bands(self) -> int:
        """Return the number of bands."""
        return len(self.prices[0])

    def season_of(self, day: date) -> str | None:
        """Return the season of a day."""
        return next((season.name for season in self.seasons if season.covers(day)), None)

    def hours(self, year: int, days: frozenset[int]) -> list[list[int]]:
        """Return the band of each hour in each month, on days of one kind, as some calculators ask for it."""
        return [
            [self._band(self.season_of(date(year, month, 1)), days, hour * 60) for hour in range(24)]
            for month in range(1, 13)
        ]

    def _band(self, season: str | None, days: frozenset[int], minute: int) -> int:
        [band] = {
            window.band
            for window in self.windows
            if window.season == season and days <= window.days and window.covers(minute)
        }
        return band


@dataclass(frozen=True)
class Load:
    """Energy of each interval of a local year, Wh."""

    name: str
    year: int
    minutes: int
    wh: tuple[int, ...]

    def hourly(self) -> tuple[int, ...]:
        """Return the energy of each hour."""
        per_hour = 60 // self.minutes
        return tuple(sum(self.wh[at : at + per_hour]) for at in range(0, len(self.wh), per_hour))


@dataclass(frozen=True)
class Example:
    """A tariff, the load that it prices and how blocks and bands combine."""

    tariff: Described
    load: Load
    meaning: Meaning

    def __str__(self) -> str:
        return f"{self.meaning}, {self.load.name}: {self.tariff}"


def intervals(load: Load, zone: str) -> Iterator[tuple[int, int, int]]:
    """Yield start and end of each interval in milliseconds UTC, and its energy."""
    start = datetime(load.year, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    step = timedelta(minutes=load.minutes) // timedelta(milliseconds=1)
    at = int(start.timestamp()) * 1000
    for wh in load.wh:
        yield at, at + step, wh
        at += step


def features(example: Example) -> frozenset[str]:
    """Name what of tariffs and loads an example has."""
    tariff, load = example.tariff, example.load
    steps = [column for column in zip(*tariff.prices, strict=True) if len(column) > 1]
    found = {
        str(example.meaning),
        f"{tariff.blocks} blocks",
        f"{tariff.bands} bands",
        f"blocks per {tariff.reset}",
        f"intervals of {load.minutes} minutes",
        load.name.partition(" ")[0] + " load",
    }
    having = {
        "inclining blocks": any(all(low < high for low, high in pairwise(column)) for column in steps),
        "declining blocks": any(all(low > high for low, high in pairwise(column)) for column in steps),
        "free block": any(price == 0 for row in tariff.prices for price in row),
        "limits of each band": len(set(tariff.limits)) > 1,
        "seasons": bool(tariff.seasons),
        "season over New Year": any(season.first > season.last for season in tariff.seasons),
        "season within a month": any(season.first[1] != 1 for season in tariff.seasons),
        "kinds of day": any(window.days != EVERY_DAY for window in tariff.windows),
        "across midnight": any(window.crosses for window in tariff.windows),
        "quarter hours": any(window.start % 60 for window in tariff.windows),
        "all that remains": tariff.rest is not None,
        "holidays": tariff.holidays is not None,
        "summer time": tariff.zone in SUMMER_TIME,
        "leap year": load.year % 4 == 0,
        "charge per month": tariff.fixed_per_month > 0,
        "charge per day": tariff.fixed_per_day > 0,
        "minimum charge": tariff.minimum_per_month > 0,
        "demand charge": tariff.demand_per_kw > 0,
        "levy per kWh": tariff.levy_per_kwh > 0,
        "rebate": tariff.rebate_percent > 0,
        "tax on top": tariff.tax_percent > 0,
        "tax in the prices": tariff.included_percent > 0,
    }
    return frozenset(found | {name for name, there in having.items() if there})


SUMMER_TIME = ("Europe/Berlin", "America/New_York", "Australia/Sydney")
