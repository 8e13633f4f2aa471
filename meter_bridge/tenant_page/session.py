"""Sessions of customers: a signed cookie that names an access, so that nothing is stored for each visit."""

import hmac
import re
from typing import Final

from meter_bridge.engine.access.secret_key import SecretKey

DAYS: Final = 180
_DAY_MS: Final = 86_400_000
_COOKIE: Final = re.compile(r"(?P<access>[0-9a-f]{12})\.(?P<expires>[0-9]{10,14})\.(?P<mac>[0-9a-f]{64})")


def make_cookie(key: SecretKey, access_id: str, at: int) -> str:
    """Return the cookie of a session that begins now."""
    body = f"{access_id}.{at + DAYS * _DAY_MS}"
    return f"{body}.{_mac(key, body)}"


def access_id_of_cookie(key: SecretKey, cookie: str, at: int) -> str | None:
    """Return the id of the access that a cookie names; None where it is not ours or has expired."""
    found = _COOKIE.fullmatch(cookie)
    if found is None:
        return None
    right = hmac.compare_digest(found["mac"], _mac(key, f"{found['access']}.{found['expires']}"))
    return found["access"] if right and at < int(found["expires"]) else None


def _mac(key: SecretKey, body: str) -> str:
    return key.digest("page session", body).hex()
