"""Amounts of money as requests write them."""

from typing import Final

from meter_bridge.core.money import SMALLEST_COIN, MoneyError, format_amount, minor_digits, parse_amount
from meter_bridge.engine.state.model import Account
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


def check_amount(
    account: Account,
    value: int,
    low: int,
    high: int,
    noun: str,
    *,
    why: str = "",
    otherwise: str = "see 'meter-bridge accounts' for what there is",
) -> None:
    """Refuse an amount outside a range, naming both ends; ``otherwise`` helps where no amount would do."""
    currency = account.site.currency
    if low <= value <= high:
        return
    low = max(low, SMALLEST_COIN) if low > 0 else low
    limits = f"from {format_amount(low, currency)} to {format_amount(high, currency)}"
    message = f"{noun} must be {limits}" if low <= high else f"{noun} is not possible now"
    raise RequestRefused(
        ErrorCode.AMOUNT_OUT_OF_RANGE,
        f"{message}{why}",
        field="amount",
        value=format_amount(value, currency),
        remedy="choose an amount in that range" if low <= high else otherwise,
    )
