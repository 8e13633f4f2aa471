"""Declared routes: rights, body, query and answer stand on the handler."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, TypedDict, Unpack

from aiohttp import web
import msgspec

from meter_bridge.actor import Actor
from meter_bridge.api.http.authentication import actor_of
from meter_bridge.api.http.request_decoding import BODY_BYTES, decode_body, decode_query, read_body
from meter_bridge.api.http.roles import ANONYMOUS, AccessRule
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.runtime.application import Application

APPLICATION: Final = web.AppKey("application", Application)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers: anything that can be written as JSON."""

    body: object
    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


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
        return self.request.match_info["id"]

    async def body[T](self, kind: type[T]) -> T:
        """Return the request's body, strictly decoded as what the route declares."""
        assert kind is self.endpoint.body, f"{self.endpoint.path} declares {self.endpoint.body}"
        return decode_body(await read_body(self.request, BODY_BYTES), kind)

    def query[T: msgspec.Struct](self, kind: type[T]) -> T:
        """Return the query's parameters, strictly decoded as what the route declares."""
        assert kind is self.endpoint.query, f"{self.endpoint.path} declares {self.endpoint.query}"
        return decode_query(self.request.query, kind)


type Handler = Callable[[Call], Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A route with everything that the API says of it, in the server and in the OpenAPI document."""

    method: str
    path: str
    access: AccessRule
    handler: Handler
    answer: object
    """Type of the answer's JSON; None for an empty answer, a media type (str) for one that is not JSON."""
    other_media: tuple[str, ...] = ()
    """Media types in which the same answer can be had."""
    status: HTTPStatus = HTTPStatus.OK
    other_status: Mapping[HTTPStatus, str] = MappingProxyType({})
    """Further statuses that carry the same answer, and when."""
    body: type | None = None
    body_media: str | None = None
    """Media type of a body that is not JSON."""
    query: type[msgspec.Struct] | None = None
    any_query: bool = False
    """Whether parameters do not matter: messengers add theirs to links."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Headers that the request must carry, and what they mean."""
    refusals: tuple[ErrorCode, ...] = ()
    example: object = None
    """Example of the body."""
    answer_example: object = None

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
        reply = await self.handler(Call(request, self, actor))
        return reply if isinstance(reply, web.StreamResponse) else _response(reply)


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


class Options(TypedDict, total=False):
    """What a declaration may say beyond the least."""

    other_media: tuple[str, ...]
    status: HTTPStatus
    other_status: Mapping[HTTPStatus, str]
    body: type
    body_media: str
    query: type[msgspec.Struct]
    any_query: bool
    headers: Mapping[str, str]
    refusals: tuple[ErrorCode, ...]
    example: object
    answer_example: object


def endpoint(
    method: str, path: str, *, access: AccessRule, answer: object, **options: Unpack[Options]
) -> Callable[[Handler], Endpoint]:
    """Declare a handler as a route."""
    return lambda handler: Endpoint(
        method=method, path=path, access=access, answer=answer, handler=handler, **options
    )
