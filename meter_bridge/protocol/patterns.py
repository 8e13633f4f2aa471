"""Forms of the texts that clients send, each with how a person is told to write it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TEXT: Final = r"^[^\x00-\x1f\x7f]*$(?!\n)"
"""A line of text: no control characters. The look-ahead refuses Python's trailing line feed."""
AMOUNT: Final = r"^-?[0-9]{1,20}([.][0-9]{1,10})?$(?!\n)"
AMOUNT_OR_NONE: Final = rf"^none$(?!\n)|{AMOUNT}"
ID: Final = r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)"
PERCENT: Final = r"^[0-9]{1,3}([.][0-9]{1,4})?$(?!\n)"
KWH: Final = r"^[0-9]{1,12}([.][0-9]{1,3})?$(?!\n)"
LANGUAGE: Final = r"^([a-z]{2})?$(?!\n)"
EMAIL: Final = r"^([^@\s]+@[^@\s]+)?$(?!\n)"
PHONE: Final = r"^(\+[0-9]{6,15})?$(?!\n)"
TIME_OF_DAY: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$(?!\n)"
CURRENCY: Final = r"^[A-Z]{3}$(?!\n)"
DAY: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)"

REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        TEXT: "write it without control characters, such as tabs and line feeds",
        AMOUNT: "write a plain decimal number, such as 12.50, without a currency and without a plus sign",
        AMOUNT_OR_NONE: "write a plain decimal number, such as 12.50, or none",
        ID: "use up to 64 lower-case letters, digits and dashes, such as arrears-2025",
        PERCENT: "write a number from 0 to 100 without a sign, such as 10 or 12.5",
        LANGUAGE: "write two lower-case letters, such as en, or nothing",
        EMAIL: "write an address such as name@example.org, or nothing",
        PHONE: "write the number with its country code and digits alone, such as +254712345678, or nothing",
        TIME_OF_DAY: "write a time such as 22:00, or nothing",
        CURRENCY: "write three capital letters, such as ZAR",
        DAY: "write a day such as 2026-03-01",
        KWH: "write the kWh that the register shows, such as 12345.6, with at most three decimal places",
    }
)


KEY_HEADER: Final = "Idempotency-Key"
