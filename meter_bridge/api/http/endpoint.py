"""Declared routes: their rights, body, query and answer; how requests are decoded and answered."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from http import HTTPStatus
import re
from types import MappingProxyType, ModuleType
from typing import Final

from aiohttp import web
import msgspec
from msgspec import inspect

from meter_bridge.actor import Actor
from meter_bridge.api.http.authentication import ANONYMOUS, AccessRule, actor_of, may_see_account
from meter_bridge.api.http.errors import displayable
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import AccountView, ErrorCode
from meter_bridge.protocol.patterns import KEY_HEADER, REMEDIES
from meter_bridge.runtime.application import Application

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
    info = inspect.type_info(kind)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    of = next((_unannotated(field.type) for field in fields if field.encode_name == name), None)
    parts = of.types if isinstance(of, inspect.UnionType) else (of,)
    for part in map(_unannotated, parts):
        if isinstance(part, inspect.LiteralType):
            return f"choose from {', '.join(map(str, part.values))}"
        if isinstance(part, inspect.EnumType):
            return f"choose from {', '.join(str(member.value) for member in part.cls)}"
    return None


def _unannotated(kind: inspect.Type | None) -> inspect.Type | None:
    return _unannotated(kind.type) if isinstance(kind, inspect.Metadata) else kind


def _expected(message: str) -> str:
    for pattern, remedy in REMEDIES.items():
        if message.endswith(f"matching regex {pattern!r}"):
            return remedy
    if length := _LENGTH.search(message):
        return f"write {_limit_text(length)} character{'' if length['limit'] == '1' else 's'}"
    if bounded := _RANGE.search(message):
        return f"write a whole number, {_limit_text(bounded)}"
    return message[:1].lower() + message[1:].replace("`", "")


def _limit_text(found: re.Match[str]) -> str:
    return f"at {'least' if found['sign'] == '>' else 'most'} {found['limit']}"


APPLICATION: Final = web.AppKey("application", Application)
REPLAYED_HEADER: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")
_KEY_REMEDY: Final = (
    f"send one header {KEY_HEADER} of 1 to 255 printable ASCII characters, the same when asking again"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers: anything that can be written as JSON."""

    body: object
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


def reply_once(result: tuple[object, bool]) -> Reply:
    """Return the reply to a request with an idempotency key: an answer, and whether it is a repeated one."""
    answer, replayed = result
    if replayed:
        return Reply(answer, HTTPStatus.OK, {REPLAYED_HEADER: "true"})
    return Reply(answer, HTTPStatus.CREATED)


def reply_file(content: bytes, media: str, name: str) -> web.Response:
    """Return the response that carries a file."""
    headers = {"Content-Type": media, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=content, headers=headers)


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose sender is known and has the right to make it."""

    request: web.Request
    endpoint: Endpoint
    actor: Actor

    @property
    def app(self) -> Application:
        """Return the services of the bridge."""
        return self.request.app[APPLICATION]

    @property
    def id(self) -> str:
        """Return the id in the route's path."""
        return self.in_path("id")

    def in_path(self, name: str) -> str:
        """Return a part of the route's path."""
        return self.request.match_info[name]

    async def body[T](self, kind: type[T]) -> T:
        """Return the request's body, strictly decoded as what the route declares."""
        assert kind is self.endpoint.body, f"{self.endpoint.path} declares {self.endpoint.body}"
        return decode_body(await read_body(self.request, BODY_BYTES), kind)

    def query[T: msgspec.Struct](self, kind: type[T]) -> T:
        """Return the query's parameters, strictly decoded as what the route declares."""
        assert kind is self.endpoint.query, f"{self.endpoint.path} declares {self.endpoint.query}"
        return decode_query(self.request.query, kind)

    def idempotency_key(self) -> str:
        """Return the one key of a request that takes effect once."""
        keys = self.request.headers.getall(KEY_HEADER, [])
        if not keys:
            raise RequestRefused(
                ErrorCode.IDEMPOTENCY_KEY_MISSING,
                f"{self.endpoint.once} wants the header {KEY_HEADER},"
                " so that asking again does not do it again",
                field=KEY_HEADER,
                remedy=_KEY_REMEDY,
            )
        if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                f"the header {KEY_HEADER} is not as it should be",
                field=KEY_HEADER,
                value=displayable(keys[0]),
                remedy=_KEY_REMEDY,
            )
        return keys[0]


type Handler = Callable[[Call], Awaitable[Reply | web.StreamResponse]]


async def _no_handler(call: Call) -> Reply:
    raise NotImplementedError(call.endpoint.path)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route with everything that server and OpenAPI document need to know of it.

    Declared above its handler, as a decorator.
    """

    method: str
    path: str
    _: KW_ONLY
    access: AccessRule
    answer: object
    """Type of the answer's JSON; None for an empty answer, a media type (str) for one that is not JSON."""
    other_media: tuple[str, ...] = ()
    """Media types in which the same answer can be had."""
    status: HTTPStatus = HTTPStatus.OK
    other_status: Mapping[HTTPStatus, str] = MappingProxyType({})
    """Further statuses that carry the same answer, and when."""
    body_media: str | None = None
    """Media type of a body that is not JSON."""
    query: type[msgspec.Struct] | None = None
    any_query: bool = False
    """Whether parameters do not matter: messengers add theirs to links."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers that the request must carry, and what they mean."""
    refusals: tuple[ErrorCode, ...] = ()
    """Besides those that every route of its kind has."""
    example: object = None
    """Example of the JSON body, which is of the same type."""
    answer_example: object = None
    live: bool = False
    """Whether it tells of the running bridge and not of its books; answered although those cannot be read."""
    once: str = ""
    """What is asked for once per idempotency key, such as ``a top-up``; else empty."""
    handler: Handler = _no_handler

    def __call__(self, handler: Handler) -> Endpoint:
        """Return the route with its handler."""
        return replace(self, handler=handler)

    @property
    def body(self) -> type | None:
        """Return the type of the JSON body, None without one."""
        return None if self.example is None else type(self.example)

    @property
    def name(self) -> str:
        """Return the name of the operation."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """Return what the route does, from the handler's docstring."""
        return (self.handler.__doc__ or "").strip()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, if its sender may make it."""
        actor = ANONYMOUS
        if not self.access.public:
            actor = actor_of(request, request.app[APPLICATION])
            self.access.check(actor)
        if self.query is None and request.query and not self.any_query:
            raise _unwanted_query(request)
        reply = await self._answer(Call(request, self, actor))
        return reply if isinstance(reply, web.StreamResponse) else _response(reply)

    async def _answer(self, call: Call) -> Reply | web.StreamResponse:
        work = partial(self.handler, call)
        if self.live:
            return await work()
        answers = call.app.answers
        return await (answers.reading(work) if self.method == "GET" else answers.changing(work))


def _unwanted_query(request: web.Request) -> RequestRefused:
    return RequestRefused(
        ErrorCode.BAD_REQUEST,
        f"{request.path} takes no parameters in its address",
        field=next(iter(request.query)),
        remedy="leave out everything from the question mark on",
    )


def _response(reply: Reply) -> web.Response:
    if reply.body is None:
        return web.Response(status=reply.status, headers=reply.headers)
    return web.Response(
        body=msgspec.json.encode(reply.body),
        status=reply.status,
        headers=reply.headers,
        content_type="application/json",
    )


ONCE: Final = (ErrorCode.BAD_REQUEST, ErrorCode.IDEMPOTENCY_KEY_MISSING, ErrorCode.IDEMPOTENCY_CONFLICT)
"""Refusals of every route that takes effect once."""


def endpoint_once(  # noqa: PLR0913 - what a route declares
    path: str,
    once: str,
    *,
    access: AccessRule,
    answer: type,
    example: object,
    refusals: tuple[ErrorCode, ...],
    answer_example: object = None,
    query: type[msgspec.Struct] | None = None,
) -> Endpoint:
    """Declare a route that takes effect once per idempotency key; its body is of the example's type.

    Its handler returns what ``reply_once`` makes.
    """
    return Endpoint(
        "POST",
        path,
        access=access,
        answer=answer,
        status=HTTPStatus.CREATED,
        other_status={
            HTTPStatus.OK: f"The key was used before: the first response again, with {REPLAYED_HEADER}: true."
        },
        headers={
            KEY_HEADER: "1 to 255 printable characters, generated before the request and kept until it is"
            " answered."
        },
        refusals=refusals,
        example=example,
        answer_example=answer_example,
        once=once,
        query=query,
    )


class UndeclaredRouteError(RuntimeError):
    """A route without declared rights; the API does not start with one."""


def endpoints_of(*modules: ModuleType) -> Iterator[Endpoint]:
    """Yield the endpoints of modules, alone or in tuples, in the order in which they stand there."""
    for module in modules:
        for value in vars(module).values():
            values = value if isinstance(value, tuple) else (value,)
            yield from (item for item in values if isinstance(item, Endpoint))


def register(app: web.Application, endpoints: Iterable[Endpoint]) -> None:
    """Serve the endpoints, and refuse to start with any other route."""
    for endpoint in endpoints:
        if not isinstance(endpoint, Endpoint):
            raise UndeclaredRouteError(f"{endpoint!r} declares no rights: decorate it as an endpoint")
        app.router.add_route(endpoint.method, endpoint.path, endpoint.serve)
    app.on_startup.append(check_declared)


async def check_declared(app: web.Application) -> None:
    """Raise where a route's handler is not an endpoint's."""
    for route in app.router.routes():
        if not isinstance(getattr(route.handler, "__self__", None), Endpoint):
            raise UndeclaredRouteError(f"{route.method} {route.resource} declares no rights")


def visible_account(call: Call) -> AccountView:
    """Return the account in the route's path; what the actor may not see is refused as not existing."""
    account = call.app.accounts.view(call.actor, call.id)
    if account.id != call.id or not may_see_account(call.actor, account):
        raise RequestRefused(
            ErrorCode.NOT_FOUND,
            f"there is no account {displayable(call.id)!r} that this token may see",
            field="id",
            remedy="GET /api/v1/accounts lists those that there are",
        )
    return account
