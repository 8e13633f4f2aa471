"""The shape of a tariff in a site file: its keys, and what kind of value each of them takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, TypedDict

from voluptuous import Invalid, Optional, Required, Schema

from meter_bridge.config import holidays, quantities, scalars, tariff_words, times
from meter_bridge.config.load_profiles import load_profile
from meter_bridge.config.scalars import Reader, Wrong
from meter_bridge.config.shapes import Shape, SiteDraft, WindowDraft, each, part, parts, window_of
from meter_bridge.config.tariff_words import Anchored, Demand, Fixed
from meter_bridge.config.times import Start
from meter_bridge.core.tariff.bands import Band, Season, Window
from meter_bridge.core.tariff.load_profile import LoadProfile
from meter_bridge.core.tariff.tariff import BlockBandMeaning, BlockBasis, TaxKind

ONE_BAND: Final = "standard"
"""Name of the band of a tariff without bands."""
ONE_CHARGE: Final = "standing charge"
"""Name of a standing charge that is given no other."""
REST: Final = "rest"

type Prices = Mapping[str, tuple[str, ...]]
"""Price texts per band, one for each block."""


@dataclass(frozen=True, slots=True)
class BlockSet:
    """Limits of the blocks of some bands, in Wh; of all bands where none is named."""

    bands: tuple[str, ...]
    limits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """Which days are public holidays, and what they are like."""

    country: str | None
    region: str | None
    dates: tuple[date, ...]
    like: int | None
    """Day of the week whose windows hold on a holiday; None where windows name holidays themselves."""

    def __str__(self) -> str:
        """Return which days they are, in one spelling; what they are like is not part of it."""
        names = [name for name in (self.country, self.region) if name]
        return " ".join(["-".join(names), *(day.isoformat() for day in sorted(set(self.dates)))]).strip()


LifelineDraft = TypedDict("LifelineDraft", {"up to": int, "prices": Mapping[str, tuple[str, ...]]})
TaxDraft = TypedDict(
    "TaxDraft",
    {
        "name": str,
        "kind": TaxKind,
        "percent": int,
        "per kWh": str,
        "applies to": tuple[str, ...],
        "included in prices": bool,
    },
    total=False,
)
VersionDraft = TypedDict(
    "VersionDraft",
    {
        "from": Start,
        "source": str,
        "holidays": HolidayRule,
        "seasons": tuple[Season, ...],
        "bands": tuple[Band, ...],
        "blocks": tuple[BlockSet, ...],
        "blocks apply": BlockBandMeaning,
        "blocks reset": Anchored,
        "block by": int,
        "sold as": BlockBasis,
        "prices": Prices,
        "lifeline": LifelineDraft,
        "free units": int,
        "free units count in blocks": bool,
        "standing charge": Mapping[str, Fixed],
        "demand charge": Demand,
        "minimum charge": str,
        "billing day": int,
        "pro rata first period": bool,
        "pro rata last period": bool,
        "load profile": LoadProfile,
        "taxes": tuple[TaxDraft, ...],
    },
    total=False,
)
_SpanDraft = TypedDict("_SpanDraft", {"from": int, "to": int})
_SetDraft = TypedDict("_SetDraft", {"bands": tuple[str, ...], "up to": tuple[int, ...]})


class _HolidaysDraft(TypedDict, total=False):
    country: str
    region: str
    dates: tuple[date, ...]
    like: int


def _one_or_more[T](read: Reader[T]) -> Callable[[object], tuple[T, ...]]:
    """Return a reader of one value, or of a list of them that is not empty."""

    def collect(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            return (read(value),)
        if not value:
            raise Wrong("is an empty list", "write at least one, or take the key away")
        return each(read)(value)

    return collect


def window(value: object) -> Window:
    """Read a span of local time on some days of some seasons."""
    draft: WindowDraft = _WINDOW(value)
    return window_of(draft)


def bands(value: object) -> tuple[Band, ...]:
    """Read time-of-use bands: by name, their windows or the word ``rest``."""
    found = _named(value, _or_rest(window, "has no hours", "write its windows, or the word rest"))
    if not found:
        raise Wrong("has no band", "name a band, or leave bands out for one price at all times")
    return tuple(Band(name, windows or (), rest=windows is None) for name, windows in found.items())


def seasons(value: object) -> tuple[Season, ...]:
    """Read seasons: by name, their first and last days or the word ``rest``."""
    found = _named(value, _or_rest(_span, "has no days", "write its first and last day, or the word rest"))
    if not found:
        raise Wrong("has no season", "name a season, or leave seasons out for the same all year")
    return tuple(Season(name, spans or (), rest=spans is None) for name, spans in found.items())


def _named[T](value: object, read: Callable[[object], T]) -> dict[str, T]:
    """Read a mapping of names."""
    part(value)
    found: dict[str, T] = Schema({scalars.text: read})(value)
    return found


def _or_rest[T](read: Reader[T], message: str, remedy: str) -> Callable[[object], tuple[T, ...] | None]:
    """Return a reader of a list that is not empty, or of the word ``rest`` as None."""

    def collect(value: object) -> tuple[T, ...] | None:
        if value == REST:
            return None
        items = each(read)(value)
        if not items:
            raise Wrong(message, remedy)
        return items

    return collect


def _span(value: object) -> tuple[int, int]:
    draft: _SpanDraft = _SPAN(value)
    return draft["from"], draft["to"]


def blocks(value: object) -> tuple[BlockSet, ...]:
    """Read block limits: one list for all bands, or a list for each of several groups of bands."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return each(_block_set)(value)
    return (BlockSet((), each(quantities.kwh)(value)),)


def _block_set(value: object) -> BlockSet:
    part(value)
    draft: _SetDraft = _SET(value)
    return BlockSet(draft["bands"], draft["up to"])


def prices(value: object) -> Prices:
    """Read prices: one, one for each block, or either of them for each band."""
    if isinstance(value, dict):
        found: Prices = Schema({str: _ladder})(value)
        return found
    return {ONE_BAND: _ladder(value)}


def _ladder(value: object) -> tuple[str, ...]:
    return (
        each(quantities.not_negative)(value) if isinstance(value, list) else (quantities.not_negative(value),)
    )


def _single_prices(value: object) -> Prices:
    """Read one price, or one for each band."""
    if isinstance(value, dict):
        found: dict[str, str] = Schema({str: quantities.not_negative})(value)
        return {band: (price,) for band, price in found.items()}
    return {ONE_BAND: (quantities.not_negative(value),)}


def standing(value: object) -> Mapping[str, Fixed]:
    """Read a standing charge, or several by their names."""
    if not isinstance(value, dict):
        return {ONE_CHARGE: tariff_words.fixed(value)}
    return _named(value, tariff_words.fixed)


def holiday_rule(value: object) -> HolidayRule:
    """Read which days are public holidays: of a country or region, and single dates."""
    if isinstance(value, str):
        return HolidayRule(_country(value), None, (), None)
    part(value)
    draft: _HolidaysDraft = _HOLIDAYS(value)
    country, region = draft.get("country"), draft.get("region")
    if country is None and (region or not draft.get("dates")):
        raise Wrong("names no country", "add country: and its two letters, such as country: ZA")
    if country is not None:
        try:
            holidays.check(country, region)
        except Invalid as error:
            error.prepend(["region"])
            raise
    return HolidayRule(country, region, draft.get("dates", ()), draft.get("like"))


@scalars.reader
def _country(value: str) -> str:
    holidays.check(value, None)
    return value


_WINDOW: Final = Schema(
    {
        Optional("days"): times.days,
        Required("from"): times.minute_of_day,
        Required("to"): times.minute_of_day,
        Optional("season"): lambda value: frozenset(_one_or_more(scalars.text)(value)),
    }
)
_SPAN: Final = Schema({Required("from"): times.day_of_year, Required("to"): times.day_of_year})
_SET: Final = Schema(
    {Required("bands"): _one_or_more(scalars.text), Required("up to"): _one_or_more(quantities.kwh)}
)
_HOLIDAYS: Final = Schema(
    {
        Optional("country"): _country,
        Optional("region"): scalars.text,
        Optional("dates"): each(times.day),
        Optional("like"): times.weekday,
    }
)
_LIFELINE: Final = Schema({Required("up to"): quantities.kwh, Required("prices"): _single_prices})
_TAX: Final = Schema(
    {
        Required("name"): scalars.text,
        Optional("kind"): tariff_words.tax_kind,
        Optional("percent"): quantities.percent_ppm,
        Optional("per kWh"): quantities.not_negative,
        Optional("applies to"): each(scalars.text),
        Optional("included in prices"): scalars.flag,
    }
)

TARIFF: Final[Shape[SiteDraft]] = (
    Schema({Optional("name"): scalars.text, Required("versions"): parts}),
    SiteDraft,
)
VERSION: Final[Shape[VersionDraft]] = (
    Schema(
        {
            Required("from"): times.start,
            Optional("source"): tariff_words.source,
            Optional("holidays"): holiday_rule,
            Optional("seasons"): seasons,
            Optional("bands"): bands,
            Optional("blocks"): blocks,
            Optional("blocks apply"): tariff_words.meaning,
            Optional("blocks reset"): tariff_words.reset,
            Optional("block by"): tariff_words.history,
            Optional("sold as"): tariff_words.basis,
            Required("prices"): prices,
            Optional("lifeline"): _LIFELINE,
            Optional("free units"): quantities.kwh,
            Optional("free units count in blocks"): scalars.flag,
            Optional("standing charge"): standing,
            Optional("demand charge"): tariff_words.demand,
            Optional("minimum charge"): tariff_words.per_month,
            Optional("billing day"): tariff_words.billing_day,
            Optional("pro rata first period"): scalars.flag,
            Optional("pro rata last period"): scalars.flag,
            Optional("load profile"): load_profile,
            Optional("taxes"): each(_TAX),
        }
    ),
    VersionDraft,
)
