"""The event stream of a bridge over its WebSocket, without lost or repeated events."""

import asyncio
import json
import random
from typing import Final, NoReturn, Protocol

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from .connection import BridgeConnection, negotiate_schema
from .decode import from_dict
from .errors import (
    BridgeTooNewError,
    BridgeTooOldError,
    CannotConnectError,
    ConnectionTimeoutError,
    PrepaidMeterError,
    ProtocolError,
    WrongInstallationError,
    refusal,
)
from .protocol import ErrorCode, Event, Problem, ServerInfo, Snapshot, Update

HANDSHAKE_SECONDS: Final = 15
SILENCE_SECONDS: Final = 75
"""The bridge sends a ping every 30 s, so this long without a frame means that two pings were lost."""
FIRST_RETRY_SECONDS: Final = 1.0
LAST_RETRY_SECONDS: Final = 60.0


class StreamHandler(Protocol):
    """Receives the messages of the stream, in the order in which the bridge sent them."""

    def on_snapshot(self, info: ServerInfo, snapshot: Snapshot) -> None:
        """Replace the whole state: the connection has just been established."""

    def on_event(self, event: Event) -> None:
        """Handle an event; each is delivered once, even if the connection was interrupted."""

    def on_update(self, update: Update) -> None:
        """Update the accounts that have changed."""

    def on_lost(self, error: PrepaidMeterError) -> None:
        """Handle the loss of the connection, or a failed attempt to reconnect."""


class BridgeStream:
    """A subscription that resumes after the last event seen."""

    def __init__(
        self,
        connection: BridgeConnection,
        handler: StreamHandler,
        installation_id: str | None = None,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
        last_seq: int | None = None,
    ) -> None:
        """Create the stream without connecting.

        ``installation_id`` guards against another bridge at the same address; ``last_seq`` is the last event
        that was processed.
        """
        self._connection = connection
        self._handler = handler
        self._installation_id = installation_id
        self._first_retry_seconds = first_retry_seconds
        self._socket: ClientWebSocketResponse | None = None
        self._last_seq = last_seq

    @property
    def last_seq(self) -> int | None:
        """Return the sequence number of the newest processed event, None before the first connection."""
        return self._last_seq

    async def connect(self) -> None:
        """Open the socket and handle the snapshot.

        Raises:
            PrepaidMeterError: the connection could not be established.
        """
        socket = await self._connection.open_websocket()
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                info, snapshot = await self._subscribe(socket)
        except TimeoutError as error:
            await socket.close()
            raise ConnectionTimeoutError("the bridge did not answer the subscription in time") from error
        except BaseException:  # including cancellation: no socket may stay open
            await socket.close()
            raise
        self._socket = socket
        self._handler.on_snapshot(info, snapshot)

    async def run(self) -> NoReturn:
        """Process the stream until cancelled, reconnecting with increasing delays."""
        failures = 0
        try:
            while True:
                try:
                    if self._socket is None:
                        await self.connect()
                    failures = 0
                    await self._read()
                except PrepaidMeterError as error:
                    await self.close()
                    self._handler.on_lost(error)
                await asyncio.sleep(self._delay(failures))
                failures += 1
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the socket, if there is one."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _delay(self, failures: int) -> float:
        max_delay = min(self._first_retry_seconds * (1 << min(failures, 16)), LAST_RETRY_SECONDS)
        # Jitter, so that not all clients reconnect to a restarted bridge at the same moment.
        return max_delay * random.uniform(0.5, 1.0)  # noqa: S311

    async def _subscribe(self, socket: ClientWebSocketResponse) -> tuple[ServerInfo, Snapshot]:
        info = from_dict(ServerInfo, await _receive(socket, "server_info"))
        schema = negotiate_schema(info)
        if self._installation_id not in (None, info.installation_id):
            raise WrongInstallationError(f"{info.installation_id} answers instead of {self._installation_id}")
        since = {} if self._last_seq is None else {"since": self._last_seq}
        try:
            await socket.send_json({"type": "subscribe", "schema_version": schema} | since)
        except ConnectionError as error:
            raise CannotConnectError("the connection broke while subscribing") from error
        snapshot = from_dict(Snapshot, await _receive(socket, "snapshot", info.version))
        # A snapshot older than the last event means that the bridge was restored from a backup: start there.
        # Otherwise the events up to the snapshot are still to come, and only they advance the position.
        if self._last_seq is None or snapshot.seq < self._last_seq:
            self._last_seq = snapshot.seq
        return info, snapshot

    async def _read(self) -> NoReturn:
        socket = self._socket
        if socket is None:
            raise CannotConnectError("there is no connection to read from")
        while True:
            self._dispatch(await _message(socket))

    def _dispatch(self, message: dict[str, object]) -> None:
        match message["type"]:
            case "event":
                self._handle_event(from_dict(Event, message))
            case "update":
                self._handler.on_update(from_dict(Update, message))
            case "error":
                _raise_refusal(message, version="")

    def _handle_event(self, event: Event) -> None:
        if self._last_seq is not None and event.seq <= self._last_seq:
            return
        self._last_seq = event.seq
        self._handler.on_event(event)


async def _receive(socket: ClientWebSocketResponse, kind: str, version: str = "") -> dict[str, object]:
    message = await _message(socket)
    if message["type"] == "error":
        _raise_refusal(message, version)
    if message["type"] != kind:
        raise ProtocolError(f"expected {kind}, got {message['type']}")
    return message


async def _message(socket: ClientWebSocketResponse) -> dict[str, object]:
    try:
        frame = await socket.receive(timeout=SILENCE_SECONDS)
    except TimeoutError as error:
        raise ConnectionTimeoutError("the bridge has stopped responding") from error
    except (ClientError, OSError) as error:
        raise CannotConnectError(f"the connection broke: {error}") from error
    if frame.type is not WSMsgType.TEXT:
        raise CannotConnectError(f"the bridge closed the connection ({frame.type.name}, {socket.close_code})")
    try:
        message: object = json.loads(frame.data)
    except ValueError as error:
        raise ProtocolError("a message is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError("a message has no type")
    return message


def _raise_refusal(message: dict[str, object], version: str) -> NoReturn:
    problem = from_dict(Problem, message)
    # The codes refer to the client's schema.
    if problem.code is ErrorCode.SCHEMA_TOO_OLD:
        raise BridgeTooNewError(version)
    if problem.code is ErrorCode.SCHEMA_TOO_NEW:
        raise BridgeTooOldError(version)
    raise refusal(problem)
