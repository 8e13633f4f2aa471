"""The open WebSockets: counted, bounded, and closed when the bridge stops."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import WSCloseCode, web

from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

MAX_SOCKETS: Final = 256


class OpenSockets:
    """Keeps account of the WebSockets of one application."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: set[web.WebSocketResponse] = set()

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._open)

    @contextmanager
    def admit(self, socket: web.WebSocketResponse) -> Iterator[None]:
        """Count a WebSocket as open; raise ``RequestRefused`` where there are too many."""
        if len(self._open) >= MAX_SOCKETS:
            raise RequestRefused(
                ErrorCode.TOO_MANY_REQUESTS,
                f"{MAX_SOCKETS} WebSockets are open already",
                remedy="close some, or try again later",
            )
        self._open.add(socket)
        try:
            yield
        finally:
            self._open.discard(socket)

    async def close_all(self, _app: web.Application) -> None:
        """Tell every client that the bridge goes away."""
        for socket in tuple(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the bridge stops", drain=False)


SOCKETS: Final = web.AppKey("sockets", OpenSockets)
