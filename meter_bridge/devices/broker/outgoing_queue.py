"""Messages on their way to the broker: a window of unacknowledged ones and two short queues before it.

A broker tells how many QoS 1 messages it takes unacknowledged (its receive maximum, 20 with mosquitto).
Commands overtake the drivers' own questions; nothing here outlives a connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from meter_bridge.devices.base.driver import Publish

MAX_QUEUED_COMMANDS: Final = 1_000
MAX_QUEUED_QUERIES: Final = 50_000


class OutgoingQueue:
    """Hands messages to a connection as its window has room.

    It also is what the MQTT client calls its storage: the client reports there which packet ids are in
    flight. It keeps no copy, so a client never resends anything by itself: the outbox does, after a
    read-back.
    """

    def __init__(self, publish: Callable[[Publish], bool]) -> None:
        """``publish`` returns False if the socket did not take the message."""
        self._publish = publish
        self._in_flight: set[int] = set()
        self._commands: deque[Publish] = deque()
        self._queries: deque[Publish] = deque()
        self._window = 0

    @property
    def in_flight(self) -> int:
        """Number of messages that the broker has not acknowledged."""
        return len(self._in_flight)

    @property
    def waiting(self) -> int:
        """Number of messages that wait for room in the window."""
        return len(self._commands) + len(self._queries)

    def open(self, window: int) -> None:
        """Begin a connection with a window of so many messages."""
        self.close()
        self._window = window

    def close(self) -> None:
        """Forget everything: the connection is gone, and what it carried is uncertain."""
        self._window = 0
        self._in_flight.clear()
        self._commands.clear()
        self._queries.clear()

    def send(self, message: Publish, *, urgent: bool) -> bool:
        """Send now or keep for the next room; False when not connected or when too many wait."""
        if self._window == 0:
            return False
        if message.qos == 0:
            return self._publish(message)
        if self._has_room() and not self.waiting:
            return self._publish(message)
        queue, limit = (
            (self._commands, MAX_QUEUED_COMMANDS) if urgent else (self._queries, MAX_QUEUED_QUERIES)
        )
        if len(queue) >= limit:
            return False
        queue.append(message)
        return True

    def _has_room(self) -> bool:
        return len(self._in_flight) < self._window

    def _send_waiting(self) -> None:
        while self._has_room() and self.waiting:
            queue = self._commands or self._queries
            if not self._publish(queue[0]):
                return
            queue.popleft()

    def push_message(self, mid: int, _package: bytes) -> None:
        """Note a packet id that went out."""
        self._in_flight.add(mid)

    def remove_message_by_mid(self, mid: int) -> None:
        """Note an acknowledgement and use the room."""
        self._in_flight.discard(mid)
        self._send_waiting()

    @property
    def is_empty(self) -> bool:
        """Tell the client that it has nothing to resend."""
        return True

    def get_all(self) -> list[tuple[int, bytes]]:
        """Tell the client that it has nothing to resend."""
        return []

    def clear(self) -> None:
        """Leave the window alone: the client clears at a fresh session, when nothing is in flight."""

    async def wait_empty(self) -> None:
        """Return at once: a connection need not wait for anything."""
        await asyncio.sleep(0)
