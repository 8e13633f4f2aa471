"""Keep web pages of other origins away from the WebSocket."""

from typing import Final

from aiohttp import web

from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

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
