"""Read what a client sent: bounded, strictly typed, and refused with the place and the way to mend it."""

import asyncio
from collections.abc import Mapping
import re
from typing import Final

from aiohttp import web
import msgspec
from msgspec import inspect

from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.patterns import REMEDIES

BODY_BYTES: Final = 64 * 1024
SITE_FILE_BYTES: Final = 20_000_000
STATEMENT_BYTES: Final = 2 * 1024 * 1024
BODY_SECONDS: Final = 30
"""A body that takes longer to arrive is not waited for."""
MAX_BRACKETS: Final = 64
"""More brackets than any body of the API has; values are not looked up in such a body."""

_PLACE: Final = re.compile(r" - at `\$\.?(?P<place>[^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>.*)`$", re.DOTALL)
_LENGTH: Final = re.compile(r"`str` of length (?P<sign>[<>])= (?P<limit>\d+)$")
_RANGE: Final = re.compile(r"`int` (?P<sign>[<>])= (?P<limit>\d+)$")
_MISSING: Final = re.compile(r"missing required field `(?P<name>[^`]*)`$")


async def read_body(request: web.Request, limit: int) -> bytes:
    """Return the whole body; raise ``RequestRefused`` as soon as it exceeds ``limit`` bytes."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise RequestRefused(
            ErrorCode.BAD_REQUEST, "compressed bodies are not read", remedy="send the body uncompressed"
        )
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read(request, limit)
    except TimeoutError as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"the body did not arrive within {BODY_SECONDS} seconds",
            remedy="send it again",
        ) from error


async def _read(request: web.Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(
        ErrorCode.PAYLOAD_TOO_LARGE,
        f"the body is larger than {limit // 1024} kB",
        remedy="send only what the route asks for",
    )


def decode_body[T](raw: bytes, kind: type[T]) -> T:
    """Return a JSON body as a struct, without guessing: no unknown field, no number for a text."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), _decode_untyped(raw), kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            "the body is not JSON in UTF-8",
            remedy="send one JSON object as the API's document describes it",
        ) from error


def decode_query[T](query: Mapping[str, str], kind: type[T]) -> T:
    """Return query parameters as a struct; each may be given once."""
    names = [name for name, _ in query.items()]
    for name in names:
        if names.count(name) > 1:
            raise RequestRefused(
                ErrorCode.BAD_REQUEST, "a parameter is given twice", field=name, remedy="give it once"
            )
    values = dict(query)
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), values, kind) from error


def _decode_untyped(raw: bytes) -> object:
    """Return the body as it came, to name the value at fault; None where that is not worth the risk."""
    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError, UnicodeDecodeError:
        return None


def _invalid(message: str, values: object, kind: type) -> RequestRefused:
    """Name the field and value that a validation error speaks of."""
    if unknown := _UNKNOWN.search(_PLACE.sub("", message)):
        name = displayable(unknown["name"])
        return RequestRefused(
            ErrorCode.BAD_REQUEST, f"there is no field {name!r} here", field=name, remedy="leave it out"
        )
    if missing := _MISSING.search(_PLACE.sub("", message)):
        name = missing["name"]
        return RequestRefused(ErrorCode.BAD_REQUEST, f"{name} is missing", field=name, remedy=f"add {name}")
    return _wrong_value(message, values, kind)


def _wrong_value(message: str, values: object, kind: type) -> RequestRefused:
    place = _PLACE.search(message)
    name = place["place"] if place else ""
    top = re.match(r"\w*", name)
    found = values.get(top[0]) if top and isinstance(values, dict) else None
    return RequestRefused(
        ErrorCode.BAD_REQUEST,
        f"{name or 'the body'} is not as it should be",
        field=name or None,
        value=None if found is None else displayable(found),
        remedy=_choices(kind, top[0] if top else "") or _expected(_PLACE.sub("", message)),
    )


def _choices(kind: type, name: str) -> str | None:
    """Return what a field may be, where it is one of a few words."""
    info = inspect.type_info(kind)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    of = next((_unannotated(field.type) for field in fields if field.encode_name == name), None)
    parts = of.types if isinstance(of, inspect.UnionType) else (of,)
    for part in map(_unannotated, parts):
        if isinstance(part, inspect.LiteralType):
            return f"choose from {', '.join(map(str, part.values))}"
        if isinstance(part, inspect.EnumType):
            return f"choose from {', '.join(str(each.value) for each in part.cls)}"
    return None


def _unannotated(kind: inspect.Type | None) -> inspect.Type | None:
    """Return a type without what is said of it."""
    return _unannotated(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _expected(message: str) -> str:
    """Return what a validation error expected, in words that people read."""
    for pattern, remedy in REMEDIES.items():
        if message.endswith(f"matching regex {pattern!r}"):
            return remedy
    if length := _LENGTH.search(message):
        return f"write {_limit_text(length)} character{'' if length['limit'] == '1' else 's'}"
    if bounded := _RANGE.search(message):
        return f"write a whole number, {_limit_text(bounded)}"
    return message[:1].lower() + message[1:].replace("`", "")


def _limit_text(found: re.Match[str]) -> str:
    """Return a lower or upper limit in words."""
    return f"at {'least' if found['sign'] == '>' else 'most'} {found['limit']}"
