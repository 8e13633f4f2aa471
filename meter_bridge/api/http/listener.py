"""Listening sockets that let in only so many connections, in all and from one peer.

A connection holds a file descriptor from the instant it is accepted: before TLS is agreed, and while a
request comes in by single letters. Without a limit, anybody who reaches the port could take all of the
process's, and then neither the database nor the broker can be opened. So they are counted when accepted.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
import os
from pathlib import Path
import socket
from typing import Final, override

from aiohttp import WSCloseCode, web

from meter_bridge.actor import Actor
from meter_bridge.engine.access.throttle import peer_key
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode

MAX_CONNECTIONS: Final = 512
"""Twice the WebSockets, and half of the descriptors that a process has by default."""
MAX_CONNECTIONS_PER_PEER: Final = 128
"""Of another machine; a proxy on this one speaks for everybody."""
BACKLOG: Final = 100


class ConnectionLimit:
    """Counts the open connections."""

    def __init__(
        self, max_total: int = MAX_CONNECTIONS, max_per_peer: int = MAX_CONNECTIONS_PER_PEER
    ) -> None:
        self._max_total = max_total
        self._max_per_peer = max_per_peer
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        return self._open.total()

    def admit(self, peer: str) -> bool:
        """Count a connection, unless there are too many; return whether it was counted."""
        is_remote = not ip_address(peer).is_loopback
        if len(self) >= self._max_total or (is_remote and self._open[peer_key(peer)] >= self._max_per_peer):
            return False
        self._open[peer_key(peer)] += 1
        return True

    def release(self, peer: str) -> None:
        """Forget a connection."""
        self._open[peer_key(peer)] -= 1
        if not self._open[peer_key(peer)]:
            del self._open[peer_key(peer)]


class CountedSocket(socket.socket):
    """One connection, no longer counted once it is closed."""

    connection_limit: ConnectionLimit | None = None
    peer: str = ""

    @override
    def close(self) -> None:
        limit, self.connection_limit = self.connection_limit, None
        if limit is not None:
            limit.release(self.peer)
        super().close()


class Listener(socket.socket):
    """A listening socket that closes connections beyond the limit as soon as it accepts them."""

    connection_limit: ConnectionLimit

    @override
    def accept(self) -> tuple[socket.socket, tuple[object, ...]]:
        connection, address = super().accept()
        peer = str(address[0]).partition("%")[0]
        if not self.connection_limit.admit(peer):
            connection.close()
            raise ConnectionAbortedError("too many connections are open")
        kind = connection.family, connection.type, connection.proto
        counted = CountedSocket(*kind, fileno=connection.detach())
        counted.connection_limit, counted.peer = self.connection_limit, peer
        return counted, address


def listen(family: int, address: tuple[object, ...], connection_limit: ConnectionLimit) -> Listener:
    """Return a socket that listens on an address; raise ``OSError`` if the address is unavailable."""
    listener = Listener(family, socket.SOCK_STREAM)
    listener.connection_limit = connection_limit
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - its only argument
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise OSError(error.errno, f"cannot listen on {address[0]}, port {address[1]}: {reason}") from error
    return listener


SOCKET_NAME: Final = "bridge.sock"
_MODE_0600: Final = 0o177
"""File mode creation mask that leaves reading and writing to the owner alone."""


class SocketError(OSError):
    """A Unix socket that cannot be listened on; the message says why and what to do."""


def bind(path: Path) -> socket.socket:
    """Return a socket bound to the path, which only the owner can open, from its first moment."""
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The mask and not a later chmod: between the two anybody could connect.
        before = os.umask(_MODE_0600)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
    except OSError as error:
        listener.close()
        raise SocketError(
            f"cannot listen on {path}: {error}; choose a data folder that is writable and has a shorter name"
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    return listener


def is_listening(path: Path) -> bool:
    """Return whether anybody listens on the path; raises ``PermissionError`` for another user's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def _remove_stale(path: Path) -> None:
    """Remove what a killed bridge left behind; raise where another one still listens."""
    if path.is_socket():
        if is_listening(path):
            raise SocketError(f"another bridge listens on {path}; end it first")
        path.unlink(missing_ok=True)


MAX_SOCKETS: Final = 256
MAX_SOCKETS_PER_TOKEN: Final = 32
"""A landlord's Home Assistants, dashboards and telephones."""
MAX_SOCKETS_PER_ACCOUNT: Final = 16
"""Of customers, whatever tokens and sessions they open them with."""


class OpenSockets:
    """Keeps account of the WebSockets of one application."""

    def __init__(self) -> None:
        self._open: set[web.WebSocketResponse] = set()
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def admit(self, socket: web.WebSocketResponse, actor: Actor) -> Iterator[None]:
        """Count a WebSocket as open; raise ``RequestRefused`` where there are too many, in all or of one."""
        if len(self._open) >= MAX_SOCKETS:
            raise _too_many_sockets(MAX_SOCKETS, "")
        token, accounts = f"token {actor.token_id}", [f"account {each}" for each in actor.accounts]
        if actor.token_id is not None and self._held[token] >= MAX_SOCKETS_PER_TOKEN:
            raise _too_many_sockets(MAX_SOCKETS_PER_TOKEN, " of this token")
        if any(self._held[account] >= MAX_SOCKETS_PER_ACCOUNT for account in accounts):
            raise _too_many_sockets(MAX_SOCKETS_PER_ACCOUNT, " of this account")
        self._open.add(socket)
        self._held.update((token, *accounts))
        try:
            yield
        finally:
            self._open.discard(socket)
            self._held -= Counter((token, *accounts))

    async def close_all(self, _app: web.Application) -> None:
        """Tell every client that the bridge goes away."""
        for opened in tuple(self._open):
            await opened.close(code=WSCloseCode.GOING_AWAY, message=b"the bridge stops", drain=False)


def _too_many_sockets(limit: int, whose: str) -> RequestRefused:
    return RequestRefused(
        ErrorCode.TOO_MANY_REQUESTS,
        f"{limit} WebSockets{whose} are open already",
        remedy="close some, or try again later",
    )


SOCKETS: Final = web.AppKey("sockets", OpenSockets)


def is_loopback(host: str) -> bool:
    """Return whether a host can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
