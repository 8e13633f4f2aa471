"""Amounts of money as requests write them."""

from typing import Final

from meter_bridge.core.money import MoneyError, minor_digits, parse_amount
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

MAX_SHOWN_CHARS: Final = 40


def parse_request_amount(currency: str, text: str, field: str = "amount", *, or_else: str = "") -> int:
    """Return an amount as it was written; raises ``RequestRefused`` naming field, value and remedy.

    ``or_else`` goes on with the remedy where the field may be something else than an amount.
    """
    digits = minor_digits(currency)
    try:
        return parse_amount(text, currency, digits=digits)
    except MoneyError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            str(error),
            field=field,
            value=text[:MAX_SHOWN_CHARS],
            remedy=f"write a plain decimal number with at most {digits} decimal places{or_else}",
        ) from error
