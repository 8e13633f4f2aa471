"""Amounts as Stripe writes them: whole numbers of a currency's smallest unit, with exceptions of its own.

Source: docs.stripe.com/currencies, "Zero-decimal currencies" and "Special cases".
"""

from typing import Final

from meter_bridge.core.money import amount_digits

_ZERO: Final = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THREE: Final = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
_WHOLE: Final = frozenset({"ISK", "UGX"})
"""Written with two decimal places that must be zero."""


class NotPayableError(ValueError):
    """An amount that Stripe cannot take exactly."""


def _digits(currency: str) -> int:
    return 0 if currency in _ZERO else 3 if currency in _THREE else 2


def to_stripe(amount: int, currency: str) -> int:
    """Return an amount as Stripe writes it; raises ``NotPayableError`` where it would have to be rounded."""
    steps: int = 10 ** (amount_digits(currency) - _digits(currency))
    written, rest = divmod(amount, steps)
    coarse = 100 if currency in _WHOLE else 10 if currency in _THREE else 1
    if rest or written % coarse:
        msg = f"Stripe cannot take {amount / 10 ** amount_digits(currency)} {currency} exactly"
        raise NotPayableError(msg)
    return written


def from_stripe(written: int, currency: str) -> int:
    """Return an amount that Stripe wrote, in our steps."""
    steps: int = 10 ** (amount_digits(currency) - _digits(currency))
    return written * steps
