"""The API of a worker: it answers for every shard, through the bridge that owns it."""

import asyncio
from collections.abc import Callable, Sequence
import json
from typing import Final, override

from aiohttp import ClientError, ClientWebSocketResponse, WSServerHandshakeError, web

from meter_bridge.api.bodies import BODY_BYTES
from meter_bridge.api.guard import guard
from meter_bridge.api.headers import add_security_headers
from meter_bridge.api.peers import SHARD_HEADER
from meter_bridge.api.port import Refused
from meter_bridge.api.server import ApiServer, Listen
from meter_bridge.protocol.messages import ServerInfo
from meter_bridge.workers import merging, routes
from meter_bridge.workers.directory import Directory, Times
from meter_bridge.workers.following import follow
from meter_bridge.workers.reaching import Peers, away
from meter_bridge.workers.registry import Look

_OK: Final = 200
_UNAVAILABLE: Final = 503


class Front:
    """Answers requests by asking the bridges of shards."""

    def __init__(self, peers: Peers, directory: Directory, times: Times, look: Callable[[], Look]) -> None:
        """Keep whom to ask; ``look`` returns the newest view of who owns what."""
        self._peers = peers
        self._directory = directory
        self._times = times
        self._look = look

    def app(self) -> web.Application:
        """Return the application that serves the API."""
        app = web.Application(middlewares=[guard], client_max_size=BODY_BYTES)
        app.router.add_route("*", "/{tail:.*}", self.serve)
        app.on_response_prepare.append(add_security_headers)
        return app

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request: a worker's for one shard, anybody else's for whatever it is about."""
        path = request.rel_url.raw_path
        asked = request.headers.get(SHARD_HEADER, "")
        if path == routes.SOCKET:
            return await self._follow(request, self._all if not asked else [_number(asked)])
        if path == routes.HEALTH and not asked:
            return await self._health(request)
        body = await request.read()
        if asked:
            return await self._peers.ask(request, _number(asked), None, body)
        found = await asyncio.to_thread(routes.route, request.method, path, self._directory)
        if found.everywhere:
            return await self._everywhere(request, body)
        return await self._ask(request, found.shard, body)

    @property
    def _all(self) -> list[int]:
        """Return every shard."""
        return sorted(self._look().owners)

    async def _ask(self, request: web.Request, shard: int, body: bytes) -> web.Response:
        """Let the owner of a shard answer."""
        return await self._peers.ask(request, shard, self._look().owner(shard), body)

    async def _everywhere(self, request: web.Request, body: bytes) -> web.Response:
        """Let every shard answer, and make one answer of theirs; a refusal of one is that of all."""
        answers = await asyncio.gather(*(self._ask(request, shard, body) for shard in self._all))
        refused = next((answer for answer in answers if answer.status != _OK), None)
        if refused is not None:
            return refused
        return web.json_response(merging.merged_lists([_decoded(answer) for answer in answers]))

    async def _health(self, request: web.Request) -> web.Response:
        """Answer how the shards of this worker are; one without any waits for its turn, and is well."""
        answers = await asyncio.gather(
            *(self._ask(request, shard, b"") for shard in sorted(self._peers.here)), return_exceptions=True
        )
        found = [_decoded(answer) for answer in answers if isinstance(answer, web.Response)]
        worst = merging.merged_health(found) if found else {"status": "ok", "reasons": []}
        return web.json_response(worst, status=_UNAVAILABLE if worst["status"] == "down" else _OK)

    async def _follow(self, request: web.Request, shards: Sequence[int]) -> web.StreamResponse:
        """Serve a WebSocket: of one shard as it is, of several as one."""
        upstream: list[ClientWebSocketResponse] = []
        try:
            for shard in shards:
                upstream += [await self._peers.listen(request, shard, self._look().owner(shard))]
        except WSServerHandshakeError as error:
            return await self._refusal(request, upstream, error)
        except (ClientError, TimeoutError, OSError, Refused) as error:
            await _close(upstream)
            raise away(shards[len(upstream)]) from error
        if SHARD_HEADER in request.headers:
            return await _pass_through(request, upstream[0])
        return await follow(request, upstream, self._times)

    async def _refusal(
        self, request: web.Request, upstream: Sequence[ClientWebSocketResponse], error: WSServerHandshakeError
    ) -> web.Response:
        """Pass a refused handshake on, in the words of the first shard's answer to the same token."""
        await _close(upstream)
        del error
        return await self._ask(request, routes.FIRST, b"")


async def _close(sockets: Sequence[ClientWebSocketResponse]) -> None:
    for socket in sockets:
        await socket.close()


async def _pass_through(request: web.Request, upstream: ClientWebSocketResponse) -> web.WebSocketResponse:
    """Hand messages over both ways until either side ends."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)

    async def down() -> None:
        async for message in upstream:
            await socket.send_str(message.data)

    async def up() -> None:
        async for message in socket:
            await upstream.send_str(message.data)

    tasks = [asyncio.create_task(down()), asyncio.create_task(up())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await upstream.close()
        await socket.close()
    return socket


def _number(text: str) -> int:
    """Return the shard that a worker names; one that nobody has for anything else."""
    return int(text) if text.isdecimal() and len(text) < len("1000000") else -1


def _decoded(answer: web.Response) -> merging.Answer:
    """Return a JSON answer."""
    assert isinstance(answer.body, bytes)
    found = json.loads(answer.body)
    return found if isinstance(found, dict) else {}


class FrontServer(ApiServer):
    """Serves the front as a bridge serves its API: TLS, Unix socket and announcement are the same."""

    def __init__(self, front: Front, info: ServerInfo, listen: Listen) -> None:
        """Remember what to serve and where."""
        super().__init__(None, listen)
        self._front = front
        self._about = info

    @override
    def app(self) -> web.Application:
        return self._front.app()

    @override
    def info(self) -> ServerInfo:
        return self._about
