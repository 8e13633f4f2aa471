"""Amounts of money as integers of a fixed fraction of a currency's minor unit.

An amount of a currency counts steps of 10 ** -``amount_digits`` of its main unit: four decimal digits below
the minor unit of ISO 4217. A South African rand has 1,000,000 steps, a yen 10,000, a Kuwaiti dinar
10,000,000.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
import re
from typing import Final

DIGITS_BELOW_MINOR: Final = 4
SMALLEST_COIN: Final = 10**DIGITS_BELOW_MINOR
"""The smallest amount that can be paid, in any currency."""
MAX_AMOUNT: Final = 10**18
"""Largest amount that is accepted from outside, and largest balance: 10 ** 14 of the minor unit.

Nine of them fit into 64 bits, in which amounts are stored; sums of many are wider. A program that reads
integers as floating-point numbers still gets the minor unit right.
"""
MAX_PRICE: Final = 10**15
"""Largest price and largest recurring amount of a tariff, so that a price per MWh fits into 64 bits."""

_EXPONENTS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENT_OF: Final = {code: digits for digits, codes in _EXPONENTS.items() for code in codes.split()}
_CODE: Final = re.compile(r"[A-Z]{3}")


class MoneyError(ValueError):
    """An amount or currency that cannot be accepted; the message says why and what would be right."""


def minor_digits(currency: str) -> int:
    """Return the number of decimal digits of a currency's minor unit (ISO 4217, list of 2026)."""
    if not _CODE.fullmatch(currency):
        raise MoneyError(f"currency {currency!r} is not a code of three capital letters such as 'ZAR'")
    return _EXPONENT_OF.get(currency, 2)


def amount_digits(currency: str) -> int:
    """Return how many decimal digits below the main unit an amount of the currency keeps."""
    return minor_digits(currency) + DIGITS_BELOW_MINOR


def parse_amount(text: str, currency: str, *, digits: int | None = None, most: int = MAX_AMOUNT) -> int:
    """Return the amount written as a decimal, such as ``"100.50"``; at most ``digits`` decimal places.

    ``digits`` defaults to what an amount can hold, ``most`` to the largest one. Raises ``MoneyError`` for
    anything else.
    """
    scale = amount_digits(currency)
    allowed = scale if digits is None else min(digits, scale)
    value = parse_decimal(text)
    steps = value.scaleb(scale)
    if value != round(value, allowed):
        raise MoneyError(f"amount {text!r} has more than {allowed} decimal places of {currency}")
    if abs(steps) > most:
        raise MoneyError(f"amount {text!r} is larger than any that is accepted")
    return int(steps)


_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def parse_decimal(text: str) -> Decimal:
    """Return a plain decimal number; no exponent, no thousands separator, no white space inside."""
    if not _DECIMAL.fullmatch(text):
        raise MoneyError(f"{text!r} is not a decimal number such as '100.50'")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise MoneyError(f"{text!r} is not a decimal number such as '100.50'") from error


def to_decimal(amount: int, currency: str) -> Decimal:
    """Return an amount in main units of the currency, exact."""
    return Decimal(amount).scaleb(-amount_digits(currency))


def format_amount(amount: int, currency: str) -> str:
    """Return an amount for people, in minor units rounded half-even, such as ``"ZAR 12.35"``."""
    places = minor_digits(currency)
    rounded = to_decimal(amount, currency).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"{currency} {rounded + 0:,.{places}f}"


def rounding_difference(parts: Iterable[int], total: int) -> int:
    """Return what printed parts lack of their printed total, all in minor units rounded half-even."""
    step = SMALLEST_COIN
    return (divide_half_even(total, step) - sum(divide_half_even(part, step) for part in parts)) * step


def divide_half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded half to even; the denominator is positive."""
    quotient, remainder = divmod(numerator, denominator)
    double = 2 * remainder
    if double > denominator or (double == denominator and quotient % 2):
        return quotient + 1
    return quotient
