"""Headers of every answer: nothing may be cached, framed, guessed or run, unless its route says otherwise."""

from types import MappingProxyType
from typing import Final

from aiohttp import web

from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

SECURITY_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        # Without this, aiohttp names itself and Python with their versions.
        "Server": "meter-bridge",
        "X-Content-Type-Options": "nosniff",
    }
)


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to an answer that is about to be sent."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # aiohttp has set its own by now.
    response.headers["Server"] = SECURITY_HEADERS["Server"]


ORIGINS: Final = web.AppKey("origins", frozenset[str])
"""Origins of web pages that may open a WebSocket; none by default."""


def refuse_foreign_origin(request: web.Request) -> None:
    """Raise ``RequestRefused`` where a browser asks on behalf of a page that was not allowed to."""
    origin = request.headers.get("Origin")
    if origin is not None and origin not in request.app[ORIGINS]:
        raise RequestRefused(
            ErrorCode.NOT_ALLOWED,
            "web pages of this origin may not open a WebSocket",
            field="Origin",
            value=displayable(origin),
            remedy="connect from a program; web pages of others may not, whatever token they have",
        )
