"""The WebSocket: server info, subscription, snapshot, then events and updates as they happen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
import logging
from typing import Annotated, Final, Literal

from aiohttp import WSCloseCode, WSMsgType, web
import msgspec

from meter_bridge.api.http.authentication import PEOPLE, visible_part
from meter_bridge.api.http.endpoint import Call, Endpoint, decode_body
from meter_bridge.api.http.errors import displayable, encode_problem, problem_from, unexpected_error
from meter_bridge.api.http.listener import SOCKETS
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode, Event, Problem, ServerInfo, Snapshot, Update
from meter_bridge.text.alerts import alert_event_text
from meter_bridge.text.catalogue import ENGLISH

_LOGGER: Final = logging.getLogger(__name__)
PING_INTERVAL_S: Final = 30
SUBSCRIBE_TIMEOUT_S: Final = 15
SEND_TIMEOUT_S: Final = 30.0
"""A client that takes longer to read one message is cut off; it resumes with ``since``."""
MAX_MESSAGE_BYTES: Final = 4096
WRITE_BUFFER_BYTES: Final = 64 * 1024
MAX_SEQ: Final = 2**63 - 1
ORIGINS: Final = web.AppKey("origins", frozenset[str])
"""Origins of web pages that may open a WebSocket; none by default."""
_TRY_AGAIN_LATER: Final = frozenset({ErrorCode.TOO_MANY_REQUESTS, ErrorCode.STORAGE_UNAVAILABLE})


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The only message that a client sends."""

    type: Literal["subscribe"]
    schema_version: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    since: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ, description="The last `seq` it saw.")] | None = None


@Endpoint("GET", "/api/v1/ws", access=PEOPLE, answer=None, status=HTTPStatus.SWITCHING_PROTOCOLS, live=True)
async def follow(call: Call) -> web.StreamResponse:
    """Open a WebSocket: server info, then after `subscribe` a snapshot, events and updates."""
    _refuse_foreign_origin(call.request)
    # Not compressed: events are small, and a compressor costs each client more memory than all else it needs.
    socket = web.WebSocketResponse(
        heartbeat=PING_INTERVAL_S,
        compress=False,
        max_msg_size=MAX_MESSAGE_BYTES,
        writer_limit=WRITE_BUFFER_BYTES,
    )
    with call.request.app[SOCKETS].admit(socket, call.actor):
        await socket.prepare(call.request)
        await _WebSocketSession(call, socket).run()
    return socket


class _WebSocketSession:
    """What is said over one WebSocket."""

    def __init__(self, call: Call, socket: web.WebSocketResponse) -> None:
        self._call = call
        self._socket = socket

    async def run(self) -> None:
        """Talk until either side ends it."""
        try:
            info = self._call.app.status.info()
            await self._send(with_type("server_info", info))
            subscribe = await self._subscription(info)
            if subscribe is not None:
                await self._stream(subscribe.since)
        except RequestRefused as refused:
            await self._end(problem_from(refused), WSCloseCode.POLICY_VIOLATION)
        except TimeoutError:
            self._abort()
        except ConnectionError:
            _LOGGER.debug("a client left its WebSocket")
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the client learns only that it did
            await self._end(unexpected_error(self._call.request, error), WSCloseCode.INTERNAL_ERROR)

    async def _subscription(self, info: ServerInfo) -> Subscribe | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                message = await self._socket.receive()
                if message.type is not WSMsgType.TEXT:
                    return None
                subscribe = decode_body(message.data.encode(errors="replace"), Subscribe)
                _check_schema(subscribe.schema_version, info)
                return subscribe
        raise RequestRefused(
            ErrorCode.BAD_REQUEST,
            f"no subscription came within {SUBSCRIBE_TIMEOUT_S} seconds",
            remedy='send {"type": "subscribe", "schema_version": 1}',
        )

    async def _stream(self, since: int | None) -> None:
        sending = asyncio.create_task(self._send_all(since), name="websocket stream")
        leaving = asyncio.create_task(self._until_client_closes(), name="websocket reader")
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            results = await asyncio.gather(sending, leaving, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _send_all(self, since: int | None) -> None:
        stream = self._call.app.feed.stream(self._call.actor, since=since)
        try:
            async for message in stream:
                if (visible := visible_part(self._call.actor, message)) is not None:
                    await self._send(encode(visible, self._call.actor.language))
        finally:
            await _close(stream)

    async def _until_client_closes(self) -> None:
        """Return when the client closes; it must send nothing more."""
        message = await self._socket.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise RequestRefused(
                ErrorCode.BAD_REQUEST,
                "nothing is expected after the subscription",
                remedy="open another WebSocket to subscribe again",
            )

    async def _send(self, data: bytes) -> None:
        """Send one message; raise ``TimeoutError`` where the client does not read."""
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._socket.send_frame(data, WSMsgType.TEXT)

    async def _end(self, problem: Problem, code: WSCloseCode) -> None:
        if problem.code in _TRY_AGAIN_LATER:
            code = WSCloseCode.TRY_AGAIN_LATER
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                await self._socket.send_frame(encode_problem(problem, type="error"), WSMsgType.TEXT)
                await self._socket.close(code=code, drain=False)
                return
        self._abort()

    def _abort(self) -> None:
        """Drop a connection on which nothing moves any more."""
        _LOGGER.warning("a WebSocket of %r was read too slowly and cut off", self._call.actor.name)
        if self._call.request.transport is not None:
            self._call.request.transport.abort()


def encode(message: Snapshot | Event | Update, language: str = ENGLISH) -> bytes:
    """Return a message of the stream as JSON with its type, in the reader's language."""
    if isinstance(message, Event):
        return with_type("event", _with_text(message, language))
    return msgspec.json.encode(message)


def _with_text(event: Event, language: str) -> Event:
    """Return the event of an alert with its text in place of its facts, any other as it is."""
    if "facts" not in event.data:
        return event
    text = alert_event_text(event.data, language)
    data = {"message" if name == "facts" else name: value for name, value in event.data.items()}
    return replace(event, data=data | {"message": text})


def with_type(kind: str, message: ServerInfo | Event) -> bytes:
    """Return a message as JSON, its type before its fields."""
    return b'{"type":"%s",' % kind.encode() + msgspec.json.encode(message)[1:]


def _check_schema(version: int, info: ServerInfo) -> None:
    if version < info.min_schema_version:
        code, side = ErrorCode.SCHEMA_TOO_OLD, "client"
    elif version > info.schema_version:
        code, side = ErrorCode.SCHEMA_TOO_NEW, "bridge"
    else:
        return
    raise RequestRefused(
        code,
        f"this bridge speaks schema versions {info.min_schema_version} to {info.schema_version}",
        field="schema_version",
        value=str(version),
        remedy=f"update the {side}",
    )


async def _close(stream: AsyncIterator[Snapshot | Event | Update]) -> None:
    """End a stream that is a generator at once, not when it is collected."""
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


def _refuse_foreign_origin(request: web.Request) -> None:
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
