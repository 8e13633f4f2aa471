"""Keypad meters that are never online: OpenPAYGO tokens, which a customer types at the meter.

The tokens are those of the ``openpaygo`` library, the standard's own. Its traps are closed here: it takes
negative values, and values that are rounded to none; a count that goes back makes a token that the meter has
used; an empty starting code is replaced in silence; and a token takes longer to make the higher its count is.
"""

from dataclasses import dataclass, field
from typing import Final

from openpaygo import OpenPAYGOTokenEncoder  # type: ignore[import-untyped]
from openpaygo.token_shared import TokenType  # type: ignore[import-untyped]

from meter_bridge.protocol.payments import KeypadTokenKind

MAX_UNITS: Final = 995
"""Of one token; what lies above stands for other things (OpenPAYGO Token 2.3)."""
MAX_TOKENS: Final = 10
"""At once; a meter accepts a token up to 64 counts, which is 32 tokens, after the one that was typed last."""
MAX_COUNT: Final = 10_000
"""From here on a token takes a third of a second to make; the meter is to be given a new starting code."""
_TYPES: Final = {
    KeypadTokenKind.ADD: TokenType.ADD_TIME,
    KeypadTokenKind.DISABLE: TokenType.DISABLE_PAYG,
    KeypadTokenKind.SYNC: TokenType.COUNTER_SYNC,
}
_GROUP: Final = 3


class KeypadError(ValueError):
    """A token that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypad:
    """A keypad meter of an account."""

    account_id: str
    serial: str
    key: str = field(repr=False)
    """16 bytes as hexadecimal digits."""
    starting_code: int = field(repr=False)
    unit_wh: int
    """Energy that one unit of a token stands for."""
    four_keys: bool = False
    """The keypad has but the digits 1 to 4; tokens then have 15 digits."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token as it is kept: everything but its digits, which follow from these and the meter's key."""

    count: int
    kind: KeypadTokenKind
    units: int


def next_tokens(count: int, units: int) -> list[IssuedToken]:
    """Return the tokens that carry so many units, after a count; at most ``MAX_TOKENS``, the rest later."""
    if units < 0:
        raise KeypadError(f"{units} units are fewer than none")
    found: list[IssuedToken] = []
    while units > 0 and len(found) < MAX_TOKENS:
        part = min(units, MAX_UNITS)
        count = _next_count(count, KeypadTokenKind.ADD)
        found.append(IssuedToken(count, KeypadTokenKind.ADD, part))
        units -= part
    return found


def special_token(count: int, kind: KeypadTokenKind) -> IssuedToken:
    """Return the token that unlocks a meter for good, or brings its count in step again."""
    return IssuedToken(_next_count(count, kind), kind, 0)


def _next_count(count: int, kind: KeypadTokenKind) -> int:
    """Return the count of the next token: even ones add, odd ones do all else."""
    found = count + 1 if (count + 1) % 2 == (kind is not KeypadTokenKind.ADD) else count + 2
    if found > MAX_COUNT:
        raise KeypadError(
            f"{found} tokens are more than a key is good for: give the meter a new starting code"
        )
    return found


def token_digits(keypad: Keypad, token_data: IssuedToken) -> str:
    """Return a token's digits, in groups; slow, so not on the loop."""
    value = token_data.units if token_data.kind is KeypadTokenKind.ADD else None
    if value is not None and not 0 < value <= MAX_UNITS:
        raise KeypadError(f"a token carries 1 to {MAX_UNITS} units, not {value}")
    count, token = OpenPAYGOTokenEncoder.generate_token(
        secret_key=keypad.key,
        count=token_data.count - 1,
        value=value,
        token_type=_TYPES[token_data.kind],
        starting_code=keypad.starting_code,
        restricted_digit_set=keypad.four_keys,
    )
    assert count == token_data.count, "the count decides which token it is"
    text = str(token)
    return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
