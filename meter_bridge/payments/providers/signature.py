"""Signatures of webhooks: HMAC-SHA-256 over the time and the raw bytes, as Stripe introduced them.

The header reads ``t=<seconds since 1970>,v1=<hex>`` with one ``v1`` or several. The signed text is the time,
a full stop and the body as it was sent. Times that differ from ours by more than five minutes, either way,
are refused: a recorded message cannot be sent again later, and one that was made in advance cannot be kept.
"""

from collections.abc import Sequence
import hashlib
import hmac
import re
from typing import Final

from meter_bridge.payments.providers.provider import WrongSignatureError

HEADER: Final = "Prepaid-Signature"
TOLERANCE_S: Final = 300
MAX_SIGNATURES: Final = 10
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def sign(secret: str, body: bytes, at_s: int) -> str:
    """Return the header that goes with a body."""
    return f"t={at_s},v1={_mac(secret, body, str(at_s))}"


def verify(secrets: Sequence[str], header: str | None, body: bytes, now_s: int) -> None:
    """Raise ``WrongSignatureError`` unless the body was signed with one of the secrets just now."""
    if not header:
        raise WrongSignatureError("there is no signature")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    found = [value for name, _, value in parts if name == "v1" and _HEX.fullmatch(value)]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]) or not 0 < len(found) <= MAX_SIGNATURES:
        raise WrongSignatureError("the signature is not written as t=…,v1=…")
    wanted = [_mac(secret, body, times[0]) for secret in secrets]
    # Every pair is compared, so that the time it takes tells nothing.
    if not sum(hmac.compare_digest(one, other) for one in wanted for other in found):
        raise WrongSignatureError("the signature is not of this body and any secret that is known here")
    skew = int(times[0]) - now_s
    if abs(skew) > TOLERANCE_S:
        when = "ago" if skew < 0 else "in the future"
        raise WrongSignatureError(f"it was signed {abs(skew)} s {when}; compare the clocks of both sides")


def _mac(secret: str, body: bytes, at: str) -> str:
    return hmac.digest(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hex()
