"""Refusals on the wire: one `Problem` for every code, and none that repeats a secret."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from http import HTTPStatus
import logging
import re
import secrets
from types import MappingProxyType
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
import msgspec

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Problem, ProblemDetail
from meter_bridge.storage.errors import reason
from meter_bridge.storage.failures import is_storage_failure

SHOWN_CHARACTERS: Final = 80
_TOKEN: Final = re.compile(r"pmb_[\w-]*")

_STATUS: Final = MappingProxyType(
    {
        ErrorCode.NOT_AUTHENTICATED: HTTPStatus.UNAUTHORIZED,
        ErrorCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
        ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
        ErrorCode.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
        ErrorCode.IDEMPOTENCY_KEY_MISSING: HTTPStatus.BAD_REQUEST,
        ErrorCode.IDEMPOTENCY_CONFLICT: HTTPStatus.CONFLICT,
        ErrorCode.AMOUNT_OUT_OF_RANGE: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.CONFIRMATION_NEEDED: HTTPStatus.CONFLICT,
        ErrorCode.ALREADY_REVERSED: HTTPStatus.CONFLICT,
        ErrorCode.EMERGENCY_CREDIT_NOT_AVAILABLE: HTTPStatus.CONFLICT,
        ErrorCode.VOUCHER_NOT_VALID: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.VOUCHER_USED: HTTPStatus.CONFLICT,
        ErrorCode.VOUCHER_BLOCKED: HTTPStatus.CONFLICT,
        ErrorCode.VOUCHER_EXPIRED: HTTPStatus.CONFLICT,
        ErrorCode.PROVIDER_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.CONFLICT: HTTPStatus.CONFLICT,
        ErrorCode.BOOKS_WRONG: HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.NOT_SUPPORTED: HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.SCHEMA_TOO_OLD: HTTPStatus.BAD_REQUEST,
        ErrorCode.SCHEMA_TOO_NEW: HTTPStatus.BAD_REQUEST,
        ErrorCode.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
        ErrorCode.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ErrorCode.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
        ErrorCode.INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.UNKNOWN: HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)
_HEADERS: Final[Mapping[ErrorCode, Mapping[str, str]]] = MappingProxyType(
    {
        ErrorCode.NOT_AUTHENTICATED: {"WWW-Authenticate": "Bearer"},
        ErrorCode.TOO_MANY_REQUESTS: {"Retry-After": "60"},
        ErrorCode.PROVIDER_UNAVAILABLE: {"Retry-After": "10"},
        ErrorCode.STORAGE_UNAVAILABLE: {"Retry-After": "5"},
    }
)

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
_STORAGE_UNAVAILABLE: Final = Problem(
    code=ErrorCode.STORAGE_UNAVAILABLE,
    message="the bridge cannot reach its database now",
    remedy="try again in a minute, a change with the same key; the bridge's log says why",
)


def status_of(code: ErrorCode) -> HTTPStatus:
    """Return the HTTP status that goes with a code."""
    return _STATUS[code]


def mask_tokens(text: str) -> str:
    """Return the text with every token in it masked."""
    return _TOKEN.sub("pmb_…", text)


def displayable(value: object) -> str:
    """Return a value short enough for a message, and without a token in it."""
    text = mask_tokens(value if isinstance(value, str) else repr(value))
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def problem_from(refused: RequestRefused) -> Problem:
    """Return the body of a refusal."""
    return Problem(
        code=refused.code,
        message=mask_tokens(refused.message),
        field=refused.field,
        value=None if refused.value is None else displayable(refused.value),
        remedy=refused.remedy,
        problems=None
        if refused.problems is None
        else tuple(_mask_detail(detail) for detail in refused.problems),
    )


def _mask_detail(detail: ProblemDetail) -> ProblemDetail:
    return replace(detail, message=mask_tokens(detail.message), value=displayable(detail.value))


def encode_problem(problem: Problem, **more: str) -> bytes:
    """Return a problem as JSON without its empty fields; ``more`` are fields to add."""
    return msgspec.json.encode(
        more | {name: value for name, value in asdict(problem).items() if value is not None}
    )


def problem_response(problem: Problem, status: int | None = None) -> web.Response:
    """Return the response that carries a problem."""
    return web.Response(
        body=encode_problem(problem),
        status=status_of(problem.code) if status is None else status,
        content_type="application/json",
        headers=_HEADERS.get(problem.code),
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
    route = request.match_info.route.resource
    path = route.canonical if route else "?"
    if is_storage_failure(error):
        _LOGGER.warning("%s %s could not reach the database: %s", request.method, path, reason(error))
        return _STORAGE_UNAVAILABLE
    reference = secrets.token_hex(4)
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
