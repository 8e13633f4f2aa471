"""Parts of a tariff in a site file, with all of their keys."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from meter_bridge.config import holidays, quantities, scalars, tariff_words, times
from meter_bridge.config.parts import (
    Part,
    by_name,
    key,
    list_of,
    one_or_more,
    part,
    part_as,
    read_part,
    separate_list,
)
from meter_bridge.config.problems import InvalidValueError, invalid
from meter_bridge.config.quantities import kwh, not_negative, price_text
from meter_bridge.config.scalars import Reader, choice, flag, reader, text, words
from meter_bridge.config.site_parts import WindowPart, window
from meter_bridge.config.tariff_words import BlockReset
from meter_bridge.config.times import Start
from meter_bridge.core.tariff.bands import HOLIDAY, WEEKDAYS, Band, Season
from meter_bridge.core.tariff.load_profile import HOURS, LoadProfile, profile_of
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockBasis,
    DemandCharge,
    StandingCharge,
    TariffVersion,
    TaxKind,
)

ONE_BAND: Final = "standard"
"""Name of the band of a tariff without bands."""
ONE_CHARGE: Final = "standing charge"
"""Name of a standing charge that is given no other."""
REST: Final = "rest"
_WEIGHT_DIGITS: Final = 4
_MOST_WEIGHT: Final = 1_000_000
_SUNDAY: Final = 6

type Prices = Mapping[str, tuple[int, ...]]
"""Prices per kWh of each band, one for each block."""


class BandWindowPart(WindowPart):
    """A span of local time on some days of some seasons."""

    season: tuple[str, ...] = key(one_or_more(text), default=())


class SeasonSpanPart(Part):
    """Days of every year, from the first to the last."""

    first: int = key(times.day_of_year, name="from", example="from: 06-01")
    last: int = key(times.day_of_year, name="to", example="to: 09-30")


class BlockSetPart(Part):
    """Limits of the blocks of some bands, in Wh; of all bands where none is named."""

    bands: tuple[str, ...] = key(one_or_more(text), example="bands: with the names of bands")
    up_to: tuple[int, ...] = key(one_or_more(kwh), example="up to: with the limit of the block")


@reader
def _country(value: str) -> str:
    holidays.check(value, None)
    return value


class HolidaysPart(Part):
    """Which days are public holidays, and what they are like."""

    country: str | None = key(_country, default=None)
    region: str | None = key(text, default=None)
    dates: tuple[date, ...] = key(list_of(times.day), default=())
    like: int | None = key(times.weekday, default=None)
    """Day of the week whose windows hold on a holiday; None where windows name holidays themselves."""

    def checked(self) -> HolidaysPart:
        """Return this part if its country and region are known."""
        if self.country is None and (self.region or not self.dates):
            raise invalid("names no country", "add country: and its two letters, such as country: ZA")
        if self.country is not None:
            try:
                holidays.check(self.country, self.region)
            except InvalidValueError as error:
                raise InvalidValueError(*error.within("region")) from None
        return self

    def __str__(self) -> str:
        """Return which days they are, in one spelling; what they are like is not part of it."""
        names = [name for name in (self.country, self.region) if name]
        return " ".join(["-".join(names), *(day.isoformat() for day in sorted(set(self.dates)))]).strip()


def version_holidays(value: object, currency: str | None = None, /) -> HolidaysPart:
    """Read which days are public holidays: of a country or region, and single dates."""
    if isinstance(value, str):
        return HolidaysPart(country=_country(value))
    return read_part(HolidaysPart, value, currency).checked()


def _named[T, U](
    read: Reader[T], make: Callable[..., U], empty: tuple[str, str], none: tuple[str, str]
) -> Reader[tuple[U, ...]]:
    """Return a reader of lists by name, or of the word ``rest``; with what to say of no items, or no name."""

    def read_list(value: object, currency: str | None = None, /) -> tuple[T, ...] | None:
        items = None if value == REST else list_of(read)(value, currency)
        if items == ():
            raise invalid(*empty)
        return items

    def read_named(value: object, currency: str | None = None, /) -> tuple[U, ...]:
        named = by_name(read_list)(value, currency)
        if not named:
            raise invalid(*none)
        return tuple(make(name, items or (), rest=items is None) for name, items in named.items())

    return read_named


read_bands: Final = _named(
    part_as(BandWindowPart, lambda part: window(part, frozenset(part.season))),
    Band,
    ("has no hours", "write its windows, or the word rest"),
    ("has no band", "name a band, or leave bands out for one price at all times"),
)
"""Reads time-of-use bands: by name, their windows or the word ``rest``."""
read_seasons: Final = _named(
    part_as(SeasonSpanPart, lambda part: (part.first, part.last)),
    Season,
    ("has no days", "write its first and last day, or the word rest"),
    ("has no season", "name a season, or leave seasons out for the same all year"),
)
"""Reads seasons: by name, their first and last days or the word ``rest``."""


def read_blocks(value: object, currency: str | None = None, /) -> tuple[BlockSetPart, ...]:
    """Read block limits: one list for all bands, or a list for each of several groups of bands."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return list_of(part(BlockSetPart))(value, currency)
    return (BlockSetPart(bands=(), up_to=list_of(kwh)(value, currency)),)


def _one_or_named[T](name: str, read: Reader[T]) -> Reader[Mapping[str, T]]:
    """Return a reader of one value, which gets a name, or of several by name."""

    def read_either(value: object, currency: str | None = None, /) -> Mapping[str, T]:
        return by_name(read)(value, currency) if isinstance(value, dict) else {name: read(value, currency)}

    return read_either


def _one_price(value: object, currency: str | None = None, /) -> tuple[int, ...]:
    return (price_text(value, currency),)


def _block_prices(value: object, currency: str | None = None, /) -> tuple[int, ...]:
    return (list_of(price_text) if isinstance(value, list) else _one_price)(value, currency)


def standing_charges(value: object, currency: str | None = None, /) -> tuple[StandingCharge, ...]:
    """Read a standing charge, or several by their names."""
    charges = _one_or_named(ONE_CHARGE, tariff_words.standing_charge)(value, currency)
    return tuple(StandingCharge(name, *charge) for name, charge in charges.items())


def read_load_profile(value: object, currency: str | None = None, /) -> LoadProfile:
    """Read a load profile: days, with a weight for each of their hours; holidays are like Sundays."""
    rows: dict[int, tuple[int, ...]] = {}
    for days, weights in by_name(_hours)(value, currency).items():
        try:
            _add(rows, times.days(days), weights)
        except InvalidValueError as error:
            raise InvalidValueError(*error.within(days)) from None
    missing = [name for day, name in enumerate(WEEKDAYS) if day not in rows]
    if missing:
        raise invalid(f"no weights for {', '.join(missing)}", f"add {missing[0]}: and its {HOURS} weights")
    rows.setdefault(HOLIDAY, rows[_SUNDAY])
    try:
        return profile_of([rows[day] for day in range(HOLIDAY + 1)])
    except ValueError:
        raise invalid("all weights are zero", "write a weight above zero, or remove the key") from None


def _add(rows: dict[int, tuple[int, ...]], days: frozenset[int], weights: tuple[int, ...]) -> None:
    for day in sorted(days):
        if day in rows:
            name = "holidays" if day == HOLIDAY else WEEKDAYS[day]
            raise invalid(f"{name} has weights already", "name each day once")
        rows[day] = weights


def _hours(value: object, currency: str | None = None, /) -> tuple[int, ...]:
    weights = list_of(_weight)(value, currency)
    if len(weights) != HOURS:
        raise invalid(f"{len(weights)} weights for {HOURS} hours", "write one for each hour from 00:00 on")
    return weights


@reader
def _weight(value: str) -> int:
    scaled = not_negative(value).scaleb(_WEIGHT_DIGITS)
    if scaled != int(scaled) or scaled > _MOST_WEIGHT * 10**_WEIGHT_DIGITS:
        remedy = f"write at most {_WEIGHT_DIGITS} decimal places and {_MOST_WEIGHT}"
        raise invalid(f"{value!r} is not a weight", remedy)
    return int(scaled)


class LifelinePart(Part):
    """Cheaper prices for a billing period that stays within a limit, in Wh."""

    up_to: int = key(kwh, example="up to: with the limit of the block")
    prices: Prices = key(_one_or_named(ONE_BAND, _one_price), example="prices: 2.50")


class TaxPart(Part):
    """A tax, levy or rebate; its rate in parts per million."""

    name: str = key(text, example="name: VAT")
    kind: TaxKind = key(words(TaxKind), default=TaxKind.TAX)
    percent: int = key(quantities.percent_ppm, default=0)
    per_kwh: int = key(price_text, name="per kWh", default=0)
    applies_to: tuple[str, ...] | None = key(list_of(text), default=None)
    included_in_prices: bool = key(flag, default=False)


class VersionPart(Part, models=(TariffVersion,)):
    """A version of a tariff."""

    start: Start = key(times.start, name="from", example="from: with a date, or a time of day")
    source: str = key(tariff_words.source)
    holidays: HolidaysPart | None = key(version_holidays, default=None)
    seasons: tuple[Season, ...] = key(read_seasons, default=())
    bands: tuple[Band, ...] = key(read_bands, default=(Band(ONE_BAND, (), rest=True),))
    blocks: tuple[BlockSetPart, ...] = key(read_blocks, default=())
    meaning: BlockBandMeaning = key(choice(tariff_words.BLOCKS_APPLY), name="blocks apply")
    blocks_reset: BlockReset | None = key(tariff_words.blocks_reset, default=None)
    history_periods: int = key(tariff_words.block_by, name="block by")
    basis: BlockBasis = key(tariff_words.sold_as, name="sold as")
    prices: Prices = key(_one_or_named(ONE_BAND, _block_prices), example="prices: 2.50")
    lifeline: LifelinePart | None = key(part(LifelinePart), default=None)
    free_wh: int = key(kwh, name="free units")
    free_climbs: bool = key(flag, name="free units count in blocks")
    standing: tuple[StandingCharge, ...] = key(standing_charges, name="standing charge")
    demand: DemandCharge | None = key(tariff_words.demand_charge, name="demand charge")
    minimum: int = key(tariff_words.per_month, name="minimum charge")
    billing_day: int = key(tariff_words.billing_day, default=1)
    prorate: bool = key(flag, name="pro rata first period")
    prorate_last: bool = key(flag, name="pro rata last period")
    profile: LoadProfile | None = key(read_load_profile, name="load profile")
    taxes: tuple[TaxPart, ...] = key(list_of(part(TaxPart)), default=())


class TariffPart(Part):
    """A tariff; its versions are read one by one."""

    name: str | None = key(scalars.text, default=None)
    versions: object = key(separate_list, example="versions: with a list of prices and their start")
