"""One WebSocket over those of all shards: a snapshot of everything, then what happens anywhere.

Each shard counts its events for itself. A client sees one rising number: the instant of an event in
milliseconds, with some room for those of the same instant. A client that comes back with such a number is
told again what happened within ``OVERLAP_MS`` before it, because clocks of workers are not the same.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
import json
from typing import Final

from aiohttp import ClientWebSocketResponse, WSCloseCode, WSMsgType, web

from meter_bridge.cluster.directory import ShardTimes
from meter_bridge.cluster.response_merge import Answer, instant_at, merge_snapshots, number_at
from meter_bridge.storage.shards import RANGE

OVERLAP_MS: Final = 2_000
SUBSCRIBE_TIMEOUT_S: Final = 30.0
PING_S: Final = 30
OLDEST: Final = 1 << 50
"""Numbers below were given by a bridge of its own, before the installation was divided."""


async def serve_merged_stream(
    request: web.Request, upstream: Sequence[ClientWebSocketResponse], times: ShardTimes
) -> web.WebSocketResponse:
    """Serve a WebSocket out of one for each shard, until any of them ends."""
    socket = web.WebSocketResponse(heartbeat=PING_S, compress=False)
    await socket.prepare(request)
    try:
        async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
            infos = [await each.receive() for each in upstream]
        if all(info.type is WSMsgType.TEXT for info in infos):
            await socket.send_str(infos[0].data)
            await _run_conversation(socket, upstream, times)
    except TimeoutError, ConnectionError:
        pass
    finally:
        for each in upstream:
            await each.close()
    if not socket.closed:
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"connect again")
    return socket


async def _run_conversation(
    socket: web.WebSocketResponse, upstream: Sequence[ClientWebSocketResponse], times: ShardTimes
) -> None:
    """Pass the subscription on to every shard, merge their snapshots, then pass on what they tell."""
    message = await socket.receive(timeout=SUBSCRIBE_TIMEOUT_S)
    if message.type is not WSMsgType.TEXT:
        return
    subscription = _object(message.data)
    since = subscription.get("since")
    marks = None if not isinstance(since, int) else await asyncio.to_thread(_resume_points, times, since)
    for n, each in enumerate(upstream):
        await each.send_json({**subscription, **({} if marks is None else {"since": marks[n]})})
    snapshots = [await each.receive(timeout=SUBSCRIBE_TIMEOUT_S) for each in upstream]
    answers = [_object(each.data) if each.type is WSMsgType.TEXT else {} for each in snapshots]
    refused = next((answer for answer in answers if answer.get("type") != "snapshot"), None)
    if refused is not None:
        await socket.send_json(dict(refused))
        return
    seq = await asyncio.to_thread(_seq, times, answers)
    stream = _MergedStream(socket, since if isinstance(since, int) and since >= OLDEST else seq)
    await socket.send_json(merge_snapshots(answers, seq))
    await _until_any_ends(socket, upstream, stream)


async def _until_any_ends(
    socket: web.WebSocketResponse, upstream: Sequence[ClientWebSocketResponse], stream: _MergedStream
) -> None:
    """Pass on what every shard tells, until the client or a shard's bridge ends its connection."""
    tasks = [asyncio.create_task(stream.forward(each)) for each in upstream]
    tasks.append(asyncio.create_task(_until_client_closes(socket)))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(ConnectionError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _until_client_closes(socket: web.WebSocketResponse) -> None:
    """Return when the client closes; it has nothing more to say."""
    await socket.receive()


class _MergedStream:
    """Tells one client what happens, under numbers that rise."""

    def __init__(self, socket: web.WebSocketResponse, last: int) -> None:
        """Begin after a number."""
        self._socket = socket
        self._last = last

    async def forward(self, upstream: ClientWebSocketResponse) -> None:
        """Pass on what one shard tells until it ends."""
        async for message in upstream:
            if message.type is not WSMsgType.TEXT:
                return
            message_fields = _object(message.data)
            if message_fields.get("type") != "event":
                await self._socket.send_str(message.data)
                continue
            at = datetime.fromisoformat(str(message_fields["at"]))
            self._last = max(self._last + 1, number_at(int(at.timestamp() * 1000)))
            await self._socket.send_json({**message_fields, "seq": self._last})


def _resume_points(times: ShardTimes, since: int) -> list[int]:
    """Return for each shard the event after which a client wants to hear."""
    if since >= OLDEST:
        return times.events_before(instant_at(since) - OVERLAP_MS)
    at = times.event_at(since) if since < RANGE else None
    return times.events_before(0 if at is None else at)


def _seq(times: ShardTimes, snapshots: Sequence[Answer]) -> int:
    """Return the number of a snapshot: after the newest event that it holds."""
    numbers = [seq for snapshot in snapshots if isinstance(seq := snapshot.get("seq"), int)]
    instants = [at for seq in numbers if (at := times.event_at(seq)) is not None]
    return number_at(max(instants, default=0) + 1) - 1


def _object(text: str) -> Mapping[str, object]:
    """Return a JSON object, an empty one for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
