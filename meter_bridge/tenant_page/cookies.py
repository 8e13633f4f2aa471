"""The cookies of the tenant's page: of a session, and of a device on which the customer has signed in before.

Both are signed and name an access. That of a device opens nothing: it only keeps what strangers try from
holding up the customer, and is for one number, as typed.
"""

import hmac
import re
from typing import Final

from meter_bridge.engine.access.secret_key import SecretKey

DAYS: Final = 180
_DAY_MS: Final = 86_400_000
_SESSION: Final = re.compile(r"(?P<access>[0-9a-f]{12})\.(?P<expires>[0-9]{10,14})\.(?P<mac>[0-9a-f]{64})")
_DEVICE: Final = re.compile(r"(?P<access>[0-9a-f]{12})\.(?P<mac>[0-9a-f]{64})")


def make_cookie(key: SecretKey, access_id: str, at: int) -> str:
    """Return the cookie of a session that begins now."""
    body = f"{access_id}.{at + DAYS * _DAY_MS}"
    return f"{body}.{_session_mac(key, body)}"


def access_id_of_cookie(key: SecretKey, cookie: str, at: int) -> str | None:
    """Return the id of the access that a session's cookie names; None where it is not ours or has expired."""
    session = session_of_cookie(key, cookie)
    return session[0] if session is not None and at < session[1] else None


def session_of_cookie(key: SecretKey, cookie: str) -> tuple[str, int] | None:
    """Return the access of a session's cookie and when it expires; None where it is not ours."""
    parts = _SESSION.fullmatch(cookie)
    if parts is None:
        return None
    right = hmac.compare_digest(parts["mac"], _session_mac(key, f"{parts['access']}.{parts['expires']}"))
    return (parts["access"], int(parts["expires"])) if right else None


def make_device_cookie(key: SecretKey, access_id: str, number: str) -> str:
    """Return the cookie of a device on which an access was used for a number, as normalized."""
    return f"{access_id}.{_device_mac(key, access_id, number)}"


def access_id_of_device(key: SecretKey, cookie: str, number: str) -> str | None:
    """Return the access that was used on a device for a number; None where it is not known for that."""
    parts = _DEVICE.fullmatch(cookie)
    if parts is None:
        return None
    right = hmac.compare_digest(parts["mac"], _device_mac(key, parts["access"], number))
    return parts["access"] if right else None


def _session_mac(key: SecretKey, body: str) -> str:
    return key.digest("page session", body).hex()


def _device_mac(key: SecretKey, access_id: str, number: str) -> str:
    return key.digest("page device", f"{access_id} {number}").hex()
