"""Public holidays by country and region, from the ``holidays`` library.

The dates are stored with what uses them, so that a newer library changes nothing by itself.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Final

from holidays import country_holidays
from holidays.registry import COUNTRIES

from meter_bridge.config.problems import invalid, nearest, suggest

FIRST_YEAR: Final = 2025
LAST_YEAR: Final = 2045
"""Years that are resolved for the friendly hours of a site."""

_CODES: Final[Mapping[str, str]] = {entry[0]: entry[1] for entry in COUNTRIES.values()}
"""ISO 3166-1 codes with two letters, by the country's name in one word, such as ``SouthAfrica``."""


def resolve(
    country: str, region: str | None, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
) -> tuple[date, ...]:
    """Return the public holidays of a country or region in order; raises ``InvalidValueError``.

    ``country`` is its ISO 3166-1 code with two letters, ``region`` its ISO 3166-2 code without the country.
    """
    check(country, region)
    return _resolve(country, region, first_year, last_year)


def check(country: str, region: str | None) -> None:
    """Raise ``InvalidValueError`` where a country or its region is unknown, with the one probably meant."""
    if country not in _CODES.values():
        raise invalid(f"{country!r} is not a country whose holidays are known", _meant_country(country))
    regions = _regions(country)
    if region is not None and region not in regions:
        remedy = (
            suggest(region, regions) if regions else "remove region: its holidays are those of the country"
        )
        raise invalid(f"{region!r} is not a region of {country}", remedy)


def _meant_country(written: str) -> str:
    """Return the remedy for an unknown country: its code, where its name or a slip of it was written."""
    code = _CODES.get(nearest(written.replace(" ", ""), _CODES) or "")
    code = code or (written.upper() if written.upper() in _CODES.values() else None)
    return f"did you mean {code!r}?" if code else "write its two capital letters, such as ZA, KE or DE"


@lru_cache(maxsize=64)
def _regions(country: str) -> tuple[str, ...]:
    return country_holidays(country).subdivisions


@lru_cache(maxsize=64)
def _resolve(country: str, region: str | None, first_year: int, last_year: int) -> tuple[date, ...]:
    days = country_holidays(country, subdiv=region, years=range(first_year, last_year + 1))
    return tuple(sorted(day for day in days if first_year <= day.year <= last_year))
