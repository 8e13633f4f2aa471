"""Which Host and Origin the dashboard answers to.

A page whose name was made to point to this machine (DNS rebinding) sends its own name as Host: without
sign-in only the names of this machine are answered. A WebSocket is for pages of the dashboard alone;
Streamlit, asked about any other origin, would look up its own address on the internet and keep everybody
waiting.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.settings import settings

LOCAL_NAME: Final = "localhost"
_REFUSED: Final = "This address is not one of the dashboard's; see --origin.\n"
_POLICY_VIOLATION: Final = 1008


class OriginMiddleware:
    """ASGI middleware before everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes to the dashboard by a name of its own, and refuse the rest."""
        answered = _ANSWERED.get(scope["type"])
        if answered is None or answered(scope):
            await self._app(scope, receive, send)
        else:
            await _refuse(scope, receive, send)


def _is_own_host(scope: Scope) -> bool:
    """Return whether Host names this machine, where nothing else keeps strangers out."""
    if not settings().without_sign_in:
        return True
    hosts = Headers(scope=scope).getlist("host")
    if len(hosts) != 1:
        return False
    return is_local_host(hosts[0]) or hosts[0].casefold() in map(_host_of, settings().origins)


def is_local_host(host: str) -> bool:
    """Return whether a Host header names this machine, by a loopback address or as ``localhost``."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.netloc != host or "@" in host:
        return False
    if name == LOCAL_NAME:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _is_own_page(scope: Scope) -> bool:
    """Return whether a page of the dashboard opens a WebSocket; let Streamlit see it as one of its own."""
    if not _is_own_host(scope):
        return False
    headers = MutableHeaders(scope=scope)
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is None:
        return True
    own = urlsplit(origin).netloc == host
    if not own and origin in settings().origins:
        # Streamlit would look up its address before it reads the list of allowed origins.
        headers["origin"] = f"{urlsplit(origin).scheme}://{host}"
        return True
    return own


_ANSWERED: Final[Mapping[str, Callable[[Scope], bool]]] = MappingProxyType(
    {"http": _is_own_host, "websocket": _is_own_page}
)
"""What of each kind is passed on; what has neither Host nor Origin always is."""


def _host_of(origin: str) -> str:
    return urlsplit(origin).netloc.casefold()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
    else:
        await PlainTextResponse(_REFUSED, 421, {"Cache-Control": "no-store"})(scope, receive, send)
