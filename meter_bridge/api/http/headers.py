"""Headers of every answer: nothing may be cached, framed, guessed or run, unless its route says otherwise."""

from types import MappingProxyType
from typing import Final

from aiohttp import web

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
