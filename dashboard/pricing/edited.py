"""A tariff as somebody would rather have it: with other figures, or written from scratch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Final

from meter_bridge.config.problems import SiteFileError
from meter_bridge.config.site_file import load_tariffs
from meter_bridge.core.energy import EnergyError, parse_kwh
from meter_bridge.core.money import (
    MAX_PRICE,
    MoneyError,
    amount_digits,
    parse_amount,
    parse_decimal,
    to_decimal,
)
from meter_bridge.core.tariff.tariff import BlockSchedule, TariffError, TariffVersion, check_tariff

EDITED: Final = "edited"
KWH_PER_MWH: Final = 1_000
PPM_PER_PERCENT: Final = 10_000
_SITE: Final = """\
name: What if
sites:
  site:
    time zone: {zone}
    currency: {currency}
    tariffs:
      edited:
        versions:
          - from: 2000-01-01
"""
_INDENT: Final = " " * 12


class EditError(ValueError):
    """A tariff that cannot be; the message names the place, the value and the way out."""


@dataclass(frozen=True, slots=True)
class TariffFigures:
    """A tariff's figures as people write them."""

    prices: tuple[tuple[tuple[str, ...], ...], ...]
    """Per ladder, block and band: amount per kWh before tax."""
    limits: tuple[tuple[str, ...], ...]
    """Per ladder: upper limits of its blocks but the last, in kWh."""
    standing: tuple[str, ...]
    taxes: tuple[str, ...]
    """Rates in per cent."""


def figures_of(version: TariffVersion) -> TariffFigures:
    """Return the figures of a price list, exactly."""
    currency = version.currency
    return TariffFigures(
        prices=tuple(
            tuple(tuple(_exact(price, currency, KWH_PER_MWH) for price in row) for row in ladder.prices)
            for ladder in version.ladders
        ),
        limits=tuple(
            tuple(_plain_number(Decimal(limit) / 1000) for limit in ladder.limits)
            for ladder in version.ladders
        ),
        standing=tuple(_exact(charge.amount, currency) for charge in version.standing),
        taxes=tuple(_plain_number(Decimal(tax.rate_ppm) / PPM_PER_PERCENT) for tax in version.taxes),
    )


def _exact(amount: int, currency: str, parts: int = 1) -> str:
    return _plain_number(to_decimal(amount, currency) / parts)


def _plain_number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def with_figures(version: TariffVersion, words: TariffFigures) -> TariffVersion:
    """Return the price list with other figures, in force from ever on; raise ``EditError``."""
    ladders = tuple(
        _ladder(ladder, number, words, version.currency) for number, ladder in enumerate(version.ladders)
    )
    standing = tuple(
        replace(charge, amount=_amount(text, version.currency, charge.name))
        for charge, text in zip(version.standing, words.standing, strict=True)
    )
    taxes = tuple(
        replace(tax, rate_ppm=_rate(text, tax.name))
        for tax, text in zip(version.taxes, words.taxes, strict=True)
    )
    return _checked(
        replace(
            version,
            id=EDITED,
            tariff_id=EDITED,
            valid_from=0,
            ladders=ladders,
            standing=standing,
            taxes=taxes,
        )
    )


def _ladder(ladder: BlockSchedule, number: int, words: TariffFigures, currency: str) -> BlockSchedule:
    rows = words.prices[number]
    prices = tuple(
        tuple(
            _price(text, currency, f"block {block}, {band}")
            for band, text in zip(ladder.bands, row, strict=True)
        )
        for block, row in enumerate(rows, 1)
    )
    limits = tuple(_kwh(text, f"block {block}") for block, text in enumerate(words.limits[number], 1))
    if any(low >= high for low, high in pairwise(limits)):
        raise EditError(
            "the limits of the blocks do not rise: give each block a higher limit than the one before"
        )
    return BlockSchedule(ladder.bands, prices, limits)


def _price(text: str, currency: str, place: str) -> int:
    try:
        exact = parse_decimal(text.strip()).scaleb(amount_digits(currency)) * KWH_PER_MWH
    except MoneyError as problem:
        raise EditError(f"price of {place}: {problem}") from problem
    if exact != int(exact) or exact < 0:
        raise EditError(f"price of {place}: {text!r} is negative or has too many decimals")
    if exact > MAX_PRICE * KWH_PER_MWH:
        raise EditError(f"price of {place}: {text!r} is larger than any that is accepted")
    return int(exact)


def _amount(text: str, currency: str, place: str) -> int:
    try:
        return parse_amount(text.strip(), currency, most=MAX_PRICE)
    except MoneyError as problem:
        raise EditError(f"{place}: {problem}") from problem


def _kwh(text: str, place: str) -> int:
    try:
        return parse_kwh(text.strip())
    except EnergyError as problem:
        raise EditError(f"limit of {place}: {problem}") from problem


def _rate(text: str, place: str) -> int:
    try:
        exact = parse_decimal(text.strip()) * PPM_PER_PERCENT
    except MoneyError as problem:
        raise EditError(f"{place}: {problem}") from problem
    if exact != int(exact):
        raise EditError(f"{place}: {text!r} has more than four decimals")
    return int(exact)


def _checked(version: TariffVersion) -> TariffVersion:
    try:
        check_tariff(version)
    except TariffError as problem:
        raise EditError(str(problem)) from problem
    return version


def parse_tariff(text: str, place: TariffVersion) -> TariffVersion:
    """Return a price list in the words of a site file, for the time zone and currency of another.

    ``text`` is what stands below ``versions:``, without its ``from``. Raises ``EditError`` with the lines of
    the text.
    """
    head = _SITE.format(zone=place.time_zone, currency=place.currency)
    body = "\n".join(f"{_INDENT}{line}" for line in text.splitlines() if not line.startswith("from:"))
    try:
        (site,) = load_tariffs(f"{head}{body}\n")
    except SiteFileError as error:
        lines = head.count("\n")
        messages = [
            f"line {max(problem.line - lines, 1)}: {problem.message}; {problem.remedy}"
            for problem in error.problems[:5]
        ]
        raise EditError("\n".join(messages)) from error
    return replace(site.tariffs[0].versions[0], id=EDITED, tariff_id=EDITED, valid_from=0)


def differences(before: TariffFigures, after: TariffFigures) -> Mapping[str, int]:
    """Return how many prices, limits, charges and taxes differ."""
    pairs: Mapping[str, tuple[Sequence[object], Sequence[object]]] = {
        "prices": (_flat(before.prices), _flat(after.prices)),
        "limits": (_flat((before.limits,)), _flat((after.limits,))),
        "charges": (before.standing, after.standing),
        "taxes": (before.taxes, after.taxes),
    }
    return {
        name: sum(one != other for one, other in zip(old, new, strict=False)) + abs(len(old) - len(new))
        for name, (old, new) in pairs.items()
    }


def _flat(rows: tuple[tuple[tuple[str, ...], ...], ...]) -> list[str]:
    return [text for ladder in rows for row in ladder for text in row]
