"""Refusals as the API tells them: one `Problem` for every code, and none that repeats a secret."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from http import HTTPStatus
import re
from types import MappingProxyType
from typing import Final

from aiohttp import web
import msgspec

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Problem, ProblemDetail

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
    """Return the body that tells a refusal."""
    return Problem(
        code=refused.code,
        message=mask_tokens(refused.message),
        field=refused.field,
        value=None if refused.value is None else displayable(refused.value),
        remedy=refused.remedy,
        problems=None if refused.problems is None else tuple(_mask_detail(each) for each in refused.problems),
    )


def _mask_detail(detail: ProblemDetail) -> ProblemDetail:
    """Return a detail without a token in it."""
    return replace(detail, message=mask_tokens(detail.message), value=displayable(detail.value))


def encode_problem(problem: Problem, **more: str) -> bytes:
    """Return a problem as JSON, leaving out what it does not say."""
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
