"""Voucher codes: 18 random digits and two check digits, written in groups of four.

The check digits are those of ISO 7064 MOD 97-10. Ten is a primitive root modulo 97, so they detect every
wrong digit and every two digits that changed places, wherever they stand; of other slips one in 97 passes.
"""

from dataclasses import dataclass
from typing import Final
import unicodedata

from meter_bridge.protocol.payments import VoucherState

DIGITS: Final = 20
RANDOM_DIGITS: Final = 18
GROUP: Final = 4
MAX_CHARACTERS: Final = 64
"""Longest text in which a code is looked for."""
_MODULUS: Final = 97
_SEPARATORS: Final = frozenset(" -.\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{EN DASH}\N{FIGURE DASH}")


def with_check_digits(number: int) -> str:
    """Return the code of a random number below 10 ** 18."""
    assert 0 <= number < 10**RANDOM_DIGITS, "a code has 18 digits of its own"
    check = (_MODULUS + 1 - number * 100 % _MODULUS) % _MODULUS
    return f"{number:0{RANDOM_DIGITS}d}{check:02d}"


def has_valid_check_digits(digits: str) -> bool:
    """Return whether 20 digits belong together; False for a slip of the pen."""
    check = int(digits[RANDOM_DIGITS:])
    return len(digits) == DIGITS and check < _MODULUS and int(digits) % _MODULUS == 1


def digits_of(text: str) -> str | None:
    """Return the digits of a code as somebody typed it, in any script and grouping; None if it is not one."""
    if len(text) > MAX_CHARACTERS:
        return None
    found: list[str] = []
    for each in text.strip():
        value = unicodedata.decimal(each, None)
        if value is not None:
            found.append(str(value))
        elif each not in _SEPARATORS:
            return None
    return "".join(found) if len(found) == DIGITS else None


def grouped(digits: str) -> str:
    """Return a code as it is printed, such as ``1234 5678 9012 3456 7890``."""
    return " ".join(digits[place : place + GROUP] for place in range(0, len(digits), GROUP))


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A voucher with its batch and what became of it; instants in milliseconds since 1970 UTC."""

    serial: str
    batch_id: str
    site_id: str | None
    amount: int
    currency: str
    needs_sale: bool
    expires_at: int | None
    sold_at: int | None = None
    sold_to: str | None = None
    blocked_at: int | None = None
    blocked_reason: str | None = None
    redeemed_at: int | None = None
    account_id: str | None = None

    def state(self, at: int) -> VoucherState:
        """Return the state at an instant; a used voucher stays used, whatever else became of it."""
        if self.redeemed_at is not None:
            return VoucherState.REDEEMED
        if self.blocked_at is not None:
            return VoucherState.BLOCKED
        if self.expires_at is not None and self.expires_at <= at:
            return VoucherState.EXPIRED
        if self.needs_sale and self.sold_at is None:
            return VoucherState.UNSOLD
        return VoucherState.GOOD
