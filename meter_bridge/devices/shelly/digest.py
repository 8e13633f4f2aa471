"""Shelly's digest authentication for RPC frames: RFC 7616 with SHA-256 and fixed method and URI.

Source: Shelly technical documentation, *Authentication*. The user is always ``admin``; a refused request
carries the challenge as JSON in its error message.
"""

from hashlib import sha256
from typing import Final

import msgspec

USER: Final = "admin"
ALGORITHM: Final = "SHA-256"
METHOD_AND_URI: Final = "dummy_method:dummy_uri"


class Challenge(msgspec.Struct, frozen=True):
    """What a device sends with error 401; some send ``nc`` as a string."""

    nonce: int | str
    realm: str
    nc: int | str = 1
    algorithm: str = ALGORITHM


class Answer(msgspec.Struct, frozen=True):
    """The ``auth`` member of a repeated request."""

    realm: str
    username: str
    nonce: int | str
    cnonce: int | str
    response: str
    algorithm: str = ALGORITHM
    nc: int | str | None = None


def read_challenge(message: str) -> Challenge:
    """Read the challenge of a refused request; raise ``msgspec.MsgspecError`` where it is none."""
    return msgspec.json.decode(message.encode(), type=Challenge)


def answer(challenge: Challenge, password: str, cnonce: int) -> Answer:
    """Answer a challenge."""
    response = expected_response(challenge, password, cnonce)
    return Answer(challenge.realm, USER, challenge.nonce, cnonce, response, ALGORITHM, challenge.nc)


def expected_response(challenge: Challenge, password: str, cnonce: int | str) -> str:
    """Return the hex digest that proves knowledge of the password."""
    who = _digest(f"{USER}:{challenge.realm}:{password}")
    what = _digest(METHOD_AND_URI)
    return _digest(f"{who}:{challenge.nonce}:{challenge.nc}:{cnonce}:auth:{what}")


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
