"""One client's connection: the headers of every answer, the access log, and what is not HTTP."""

from http import HTTPStatus
import logging
from types import MappingProxyType
from typing import Final, override

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from meter_bridge.api.http.authentication import ACTOR, FORWARDED_REQUEST
from meter_bridge.api.http.errors import mask_tokens, problem_response
from meter_bridge.protocol.messages import ErrorCode, Problem

LOGGER: Final = logging.getLogger("meter_bridge.api.access")
NO_LOG: Final = logging.getLogger("meter_bridge.api.no_access")
"""Writes nothing, where another server logs the same requests."""
NO_LOG.setLevel(logging.CRITICAL)
_LOGGER: Final = logging.getLogger(__name__)
_NOT_HTTP: Final = Problem(
    code=ErrorCode.BAD_REQUEST,
    message="this is not HTTP as the bridge reads it",
    remedy="check the address, and whether TLS is wanted",
)
_FAILED: Final = Problem(code=ErrorCode.INTERNAL, message="the bridge failed to answer", remedy="see its log")
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


class AccessLogger(AbstractAccessLogger):
    """Writes one line for each request."""

    @override
    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        request = request.get(FORWARDED_REQUEST, request)
        actor = request.get(ACTOR)
        self.logger.info(
            "%s %s %s %s %d %d B %.1f ms",
            request.remote or "local",
            f"{actor.role}:{actor.name!r}" if actor else "-",
            request.method,
            # Still percent-encoded, so that a path cannot forge a line.
            mask_tokens(request.rel_url.raw_path),
            response.status,
            response.body_length,
            time * 1000,
        )

    @property
    @override
    def enabled(self) -> bool:
        return self.logger.isEnabledFor(logging.INFO)


class Connection(web.RequestHandler):
    """Serves a client; replaces the server's own error page, which shows versions and repeats headers."""

    __slots__ = ()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if failed:
            _LOGGER.error("a request from %s failed", request.remote, exc_info=exc)
        else:
            _LOGGER.info("%s sent what is not HTTP (%s)", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        response = problem_response(_FAILED if failed else _NOT_HTTP, status)
        response.headers.update(SECURITY_HEADERS)
        response.force_close()
        return response
