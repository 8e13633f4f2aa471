"""Tariffs: inclining blocks per month, time-of-use bands, a daily standing charge and taxes.

A tariff version is an immutable price list in force from an instant on. Prices are integers per MWh
(1,000,000 Wh) of the asset, so that price x Wh / 1,000,000 is exact until it is rounded once per posting.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import (
    DAY_MS,
    MINUTE_MS,
    MINUTES_PER_DAY,
    day_end,
    day_start,
    local_day,
    local_time,
    month_of,
)
from meter_bridge.core.energy import format_kwh

WH_PER_MWH: Final = 1_000_000
PPM: Final = 1_000_000
"""Parts per million, the unit of tax rates."""
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TariffError(ValueError):
    """A tariff that cannot be accepted; the message names the place and the remedy."""


class BlockBandMeaning(StrEnum):
    """How blocks and bands combine; real utilities differ and so does the money."""

    POOLED_CHRONOLOGICAL = "pooled_chronological"
    """One ladder over all bands; energy climbs it in the order in which it was used."""


class BlockBasis(StrEnum):
    """When energy climbs the ladder."""

    CONSUMPTION_TIME = "consumption_time"


class TaxBase(StrEnum):
    """What a tax is raised on."""

    CONSUMPTION = "consumption"
    STANDING = "standing"


@dataclass(frozen=True, slots=True)
class Window:
    """A span of local wall-clock minutes on some weekdays; one across midnight belongs to its first day."""

    weekdays: frozenset[int]
    """0 is Monday."""
    start: int
    """Minute of the day at which it begins."""
    end: int
    """Minute at which it ends; at or before ``start`` it ends on the next day."""


@dataclass(frozen=True, slots=True)
class Band:
    """A time-of-use price band: its windows, or all that remains."""

    name: str
    windows: tuple[Window, ...]
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax on charges, exclusive, in parts per million."""

    name: str
    rate_ppm: int
    on: frozenset[TaxBase]


@dataclass(frozen=True)
class TariffVersion:
    """A price list in force from ``valid_from`` (milliseconds UTC) on."""

    id: str
    tariff_id: str
    valid_from: int
    currency: str
    time_zone: str
    bands: tuple[Band, ...]
    limits: tuple[int, ...]
    """Upper limits of all blocks but the last, Wh per local month, rising."""
    prices: tuple[tuple[int, ...], ...]
    """Per block, per band: amount per MWh before tax."""
    standing_per_day: int = 0
    """Amount before tax, due at the start of each local day."""
    taxes: tuple[Tax, ...] = ()
    meaning: BlockBandMeaning = BlockBandMeaning.POOLED_CHRONOLOGICAL
    basis: BlockBasis = BlockBasis.CONSUMPTION_TIME

    @cached_property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which windows and periods are meant."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def band_index(self) -> dict[str, int]:
        """Return the position of each band by name."""
        return {band.name: index for index, band in enumerate(self.bands)}

    @property
    def blocks(self) -> int:
        """Return the number of blocks."""
        return len(self.prices)

    def price(self, block: int, band: str) -> int:
        """Return the amount per MWh before tax; blocks count from 0."""
        return self.prices[block][self.band_index[band]]

    def block_at(self, used_wh: int) -> int:
        """Return the block of the next unit after ``used_wh`` in the period, from 0."""
        return sum(1 for limit in self.limits if used_wh >= limit)

    def block_remaining(self, used_wh: int) -> int | None:
        """Return the energy until the next block begins, or None in the last."""
        block = self.block_at(used_wh)
        return self.limits[block] - used_wh if block < len(self.limits) else None

    def taxed_ppm(self, base: TaxBase) -> int:
        """Return the factor of price with taxes over price without, in parts per million."""
        return PPM + sum(tax.rate_ppm for tax in self.taxes if base in tax.on)

    def period(self, at: int) -> str:
        """Return the block period of an instant: its local month's first day, ISO."""
        return month_of(local_day(at, self.zone)).isoformat()


@dataclass(frozen=True, slots=True)
class Span:
    """An interval in which one band of one version holds."""

    start: int
    end: int
    band: str


def check_tariff(version: TariffVersion) -> None:
    """Raise ``TariffError`` unless every minute of every week has exactly one price and blocks rise."""
    _check_names("band", [band.name for band in version.bands])
    _check_names("tax", [tax.name for tax in version.taxes])
    _check_windows(version)
    _check_blocks(version)
    for weekday in range(7):
        _check_minutes(version, weekday)
    if version.standing_per_day < 0:
        msg = "standing charge is negative; a rebate is not a standing charge"
        raise TariffError(msg)
    for tax in version.taxes:
        if tax.rate_ppm < 0:
            msg = f"tax {tax.name!r} is negative; a rebate is not a tax"
            raise TariffError(msg)


def _check_names(what: str, names: list[str]) -> None:
    """Check that no two bands or taxes share a name: each has lines of its own."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"two of the {what} entries are named {twice!r}; give each {what} a name of its own"
        raise TariffError(msg)


def _check_windows(version: TariffVersion) -> None:
    """Check that windows keep within the week and the day."""
    for band in version.bands:
        for window in band.windows:
            within = 0 <= window.start < MINUTES_PER_DAY and 0 <= window.end <= MINUTES_PER_DAY
            if not within or not window.weekdays <= set(range(7)):
                msg = f"band {band.name!r} has a window outside the day or week; keep to 00:00-24:00, mon-sun"
                raise TariffError(msg)


def _check_blocks(version: TariffVersion) -> None:
    """Check that block limits rise and that every block prices every band."""
    rising = [0, *version.limits]
    if any(low >= high for low, high in zip(rising, version.limits, strict=False)):
        given = ", ".join(format_kwh(limit) for limit in version.limits)
        msg = f"block limits must rise, each above the one before: {given}"
        raise TariffError(msg)
    if len(version.prices) != len(version.limits) + 1:
        msg = (
            f"{len(version.limits)} block limits make {len(version.limits) + 1} blocks,"
            f" but {len(version.prices)} prices are given; give one price for each block"
        )
        raise TariffError(msg)
    if any(len(row) != len(version.bands) or min(row, default=0) < 0 for row in version.prices):
        msg = "every block needs one price for each band, none of them negative"
        raise TariffError(msg)


def _check_minutes(version: TariffVersion, weekday: int) -> None:
    """Check that each minute of a weekday belongs to exactly one band."""
    claims = _claims(version, weekday)
    for minute, names in enumerate(claims):
        if len(names) == 1:
            continue
        place = f"{WEEKDAYS[weekday]} {minute // 60:02d}:{minute % 60:02d}"
        if names:
            msg = f"{place} is in two bands, {names[0]!r} and {names[1]!r}; shorten one of them"
        else:
            msg = f"{place} is in no band; extend one, or mark one as 'rest'"
        raise TariffError(msg)


def _claims(version: TariffVersion, weekday: int) -> list[list[str]]:
    """Return for each minute of a weekday the bands that claim it."""
    claims: list[list[str]] = [[] for _ in range(MINUTES_PER_DAY)]
    rest = [band.name for band in version.bands if band.rest]
    for band in version.bands:
        for window in band.windows:
            for minute in _minutes(window, weekday):
                claims[minute].append(band.name)
    for names in claims:
        names.extend([] if names else rest)
    return claims


def _minutes(window: Window, weekday: int) -> Sequence[int]:
    """Return the minutes of a weekday that a window covers, its part from the day before included."""
    crosses = window.end <= window.start
    minutes: list[int] = []
    if weekday in window.weekdays:
        minutes.extend(range(window.start, MINUTES_PER_DAY if crosses else window.end))
    if crosses and (weekday - 1) % 7 in window.weekdays:
        minutes.extend(range(window.end))
    return minutes


@lru_cache(maxsize=512)
def _band_runs(version_bands: tuple[Band, ...], weekday: int) -> tuple[tuple[int, str], ...]:
    """Return (first minute, band) of each run of minutes of a weekday; the tariff was checked before."""
    probe = TariffVersion("", "", 0, "XXX", "UTC", version_bands, (), ())
    names = [claim[0] for claim in _claims(probe, weekday)]
    return tuple(
        (minute, name) for minute, name in enumerate(names) if minute == 0 or names[minute - 1] != name
    )


@lru_cache(maxsize=4096)
def band_spans(bands: tuple[Band, ...], time_zone: str, day: date) -> tuple[Span, ...]:
    """Return the bands of a local day in order, as instants, without gaps."""
    zone = ZoneInfo(time_zone)
    start, end = day_start(day, zone), day_end(day, zone)
    runs = _band_runs(bands, day.weekday())
    if end - start == DAY_MS and local_time(start, zone).hour == 0:
        starts = [(start + minute * MINUTE_MS, name) for minute, name in runs]
    else:
        starts = _scan_day(runs, start, end, zone)
    ends = [at for at, _ in starts[1:]] + [end]
    return tuple(Span(at, until, name) for (at, name), until in zip(starts, ends, strict=True))


def _scan_day(
    runs: tuple[tuple[int, str], ...], start: int, end: int, zone: ZoneInfo
) -> list[tuple[int, str]]:
    """Return the starts of the bands of a day on which the clocks change, minute by minute."""
    starts: list[tuple[int, str]] = []
    for at in range(start, end, MINUTE_MS):
        time = local_time(at, zone)
        minute = time.hour * 60 + time.minute
        name = next(name for first, name in reversed(runs) if first <= minute)
        if not starts or starts[-1][1] != name:
            starts.append((at, name))
    return starts


def day_spans(version: TariffVersion, day: date) -> tuple[Span, ...]:
    """Return the bands of a local day in order, without gaps, by the wall clock also across DST changes."""
    return band_spans(version.bands, version.time_zone, day)


def span_at(version: TariffVersion, at: int) -> Span:
    """Return the band in force at an instant, within its local day."""
    for span in day_spans(version, local_day(at, version.zone)):
        if at < span.end:
            return span
    msg = f"no band at {at}"  # unreachable: a local day's spans cover it
    raise TariffError(msg)


def next_price_change(version: TariffVersion, at: int, *, days: int = 8) -> int | None:
    """Return the next instant at which another band begins, or None if the clock never changes the price."""
    present = span_at(version, at).band
    day = local_day(at, version.zone)
    for offset in range(days):
        for span in day_spans(version, day + timedelta(days=offset)):
            if span.start > at and span.band != present:
                return span.start
    return None


@dataclass(frozen=True)
class Timeline:
    """Tariff versions of one supply in order of their start."""

    versions: tuple[TariffVersion, ...]
    """Of two with the same start the later one given is in force."""

    def __post_init__(self) -> None:
        """Bring the versions into the order of their start."""
        in_order = sorted(self.versions, key=lambda version: version.valid_from)
        object.__setattr__(self, "versions", tuple(in_order))

    def at(self, instant: int) -> TariffVersion:
        """Return the version in force; raises ``TariffError`` before the first."""
        for version in reversed(self.versions):
            if version.valid_from <= instant:
                return version
        msg = f"no tariff version is in force at {instant}"
        raise TariffError(msg)

    def next_start(self, instant: int) -> int | None:
        """Return when the next version begins, or None."""
        for version in self.versions:
            if version.valid_from > instant:
                return version.valid_from
        return None

    def version(self, version_id: str) -> TariffVersion:
        """Return a version by its id."""
        return self._by_id[version_id]

    @cached_property
    def _by_id(self) -> dict[str, TariffVersion]:
        """Return the versions by their ids."""
        return {version.id: version for version in reversed(self.versions)}


def compose(turns: Sequence[tuple[int, Sequence[TariffVersion]]]) -> Timeline:
    """Return the timeline of a supply that changed its tariff: each holds from its turn until the next.

    The first tariff holds from its own first version on.
    """
    ends = [start for start, _ in turns[1:]] + [None]
    parts: list[TariffVersion] = []
    for index, ((start, versions), end) in enumerate(zip(turns, ends, strict=True)):
        nexts = [version.valid_from for version in versions[1:]] + [None]
        for version, following in zip(versions, nexts, strict=True):
            begin = version.valid_from if index == 0 else max(version.valid_from, start)
            stops = [instant for instant in (following, end) if instant is not None]
            if not stops or begin < min(stops):
                parts.append(replace(version, valid_from=begin))
    return Timeline(tuple(parts))
