"""One client's connection: what is not HTTP is answered and logged without repeating it."""

from http import HTTPStatus
import logging
from typing import Final, override

from aiohttp import web

from meter_bridge.api.http.errors import problem_response
from meter_bridge.api.http.headers import SECURITY_HEADERS
from meter_bridge.protocol.messages import ErrorCode, Problem

_LOGGER: Final = logging.getLogger(__name__)
_NOT_HTTP: Final = Problem(
    code=ErrorCode.BAD_REQUEST,
    message="this is not HTTP as the bridge reads it",
    remedy="check the address, and whether TLS is wanted",
)
_FAILED: Final = Problem(code=ErrorCode.INTERNAL, message="the bridge failed to answer", remedy="see its log")


class Connection(web.RequestHandler):
    """Serves a client; replaces the server's own page of errors, which tells versions and repeats headers."""

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
