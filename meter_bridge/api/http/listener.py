"""Listening sockets that let in only so many connections, in all and from one peer.

A connection holds a file descriptor from the instant it is accepted: before TLS is agreed, and while a
request comes in by single letters. Without a limit anybody who reaches the port can take all that the process
has, and then neither the database nor the broker can be opened. So they are counted where they are accepted.
"""

from collections import Counter
from ipaddress import ip_address
import socket
from typing import Final, override

from meter_bridge.engine.access.throttle import peer_key

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
        """Start with none."""
        self._max_total = max_total
        self._max_per_peer = max_per_peer
        self._open: Counter[str] = Counter()

    def __len__(self) -> int:
        """Return how many are open."""
        return self._open.total()

    def admit(self, peer: str) -> bool:
        """Count a connection; False where there are too many, and then it is not counted."""
        from_afar = not ip_address(peer).is_loopback
        if len(self) >= self._max_total or (from_afar and self._open[peer_key(peer)] >= self._max_per_peer):
            return False
        self._open[peer_key(peer)] += 1
        return True

    def release(self, peer: str) -> None:
        """Forget a connection."""
        self._open[peer_key(peer)] -= 1
        if not self._open[peer_key(peer)]:
            del self._open[peer_key(peer)]


class CountedSocket(socket.socket):
    """One connection, which leaves the crowd when it is closed."""

    connection_limit: ConnectionLimit | None = None
    peer: str = ""

    @override
    def close(self) -> None:
        limit, self.connection_limit = self.connection_limit, None
        if limit is not None:
            limit.release(self.peer)
        super().close()


class Listener(socket.socket):
    """A listening socket that closes at once what the crowd has no room for."""

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
    """Return a socket that listens on an address; raise ``OSError`` where that is not to be had."""
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
