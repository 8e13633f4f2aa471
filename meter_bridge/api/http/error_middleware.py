"""Turn every refusal and failure into a `Problem`."""

from http import HTTPStatus
import logging
import secrets
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from meter_bridge.api.http.errors import problem_from, problem_response
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Problem

_LOGGER: Final = logging.getLogger(__name__)
_HTTP_PROBLEMS: Final = {
    HTTPStatus.NOT_FOUND: Problem(
        code=ErrorCode.NOT_FOUND,
        message="there is no such route",
        remedy="see /api/v1/openapi.json for what there is",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Problem(
        code=ErrorCode.NOT_SUPPORTED,
        message="the route does not know this method",
        remedy="see the header 'Allow' for those that it knows",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Problem(
        code=ErrorCode.PAYLOAD_TOO_LARGE, message="the request is too large", remedy="send less"
    ),
}
_BAD_REQUEST: Final = Problem(
    code=ErrorCode.BAD_REQUEST,
    message="the request cannot be served as it is",
    remedy="see /api/v1/openapi.json for what the route wants",
)


_NOT_TEXT: Final = Problem(
    code=ErrorCode.BAD_REQUEST,
    message="a header is not text in UTF-8",
    remedy="send headers of printable ASCII characters",
)


def _is_text(header: tuple[bytes, bytes]) -> bool:
    """Return whether a header is UTF-8: what is not can be neither hashed nor repeated."""
    _, value = header
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a `Problem` where the handler raises, and where a header is not text."""
    if not all(map(_is_text, request.raw_headers)):
        return problem_response(_NOT_TEXT)
    try:
        return await handler(request)
    except RequestRefused as refused:
        return problem_response(problem_from(refused))
    except web.HTTPException as error:
        return _from_http_error(error)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the client learns only that it did
        return problem_response(unexpected_error(request, error))


def unexpected_error(request: web.Request, error: Exception) -> Problem:
    """Log a failure with its details, and return what a client may know of it."""
    reference = secrets.token_hex(4)
    route = request.match_info.route.resource
    path = route.canonical if route else "?"
    _LOGGER.error("%s %s failed (reference %s)", request.method, path, reference, exc_info=error)
    return Problem(
        code=ErrorCode.INTERNAL,
        message="the bridge failed to answer; what went wrong is in its log",
        remedy=f"look in the bridge's log for the reference {reference}",
    )


def _from_http_error(error: web.HTTPException) -> web.Response:
    response = problem_response(_HTTP_PROBLEMS.get(HTTPStatus(error.status), _BAD_REQUEST), error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
