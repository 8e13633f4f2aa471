"""The API of a worker: it answers for every shard, through the bridge that owns it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
import json
import time
from typing import Final, override
from urllib.parse import unquote, urlencode

from aiohttp import ClientError, ClientWebSocketResponse, WSServerHandshakeError, web

from meter_bridge.api.http.authentication import SESSION_COOKIE, SHARD_HEADER
from meter_bridge.api.http.connection import add_security_headers
from meter_bridge.api.http.endpoint import BODY_BYTES, SITE_FILE_BYTES, read_body
from meter_bridge.api.http.errors import error_middleware
from meter_bridge.api.server import ApiServer, ListenSettings
from meter_bridge.cluster import response_merge, routes
from meter_bridge.cluster.directory import ShardDirectory, ShardTimes
from meter_bridge.cluster.history import merge_history, shard_queries
from meter_bridge.cluster.payment_routing import PaymentRouting
from meter_bridge.cluster.peer_client import PeerClient, shard_unavailable
from meter_bridge.cluster.registry import ClusterView
from meter_bridge.cluster.stream_merge import serve_merged_stream
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ServerInfo
from meter_bridge.tenant_page.files import INDEX, PageFiles, file_response
from meter_bridge.tenant_page.sign_in import code_digest, link_digest

_OK: Final = 200
_UNAVAILABLE: Final = 503


class Router:
    """Answers requests by asking the bridges of shards."""

    def __init__(
        self,
        peers: PeerClient,
        directory: ShardDirectory,
        times: ShardTimes,
        cluster_view: Callable[[], ClusterView],
        key: SecretKey,
        payment_routing: PaymentRouting,
    ) -> None:
        """Keep whom to ask; ``cluster_view`` returns who owns what now, ``key`` finds who signs in."""
        self._files = PageFiles()
        self._key = key
        self._payment_routing = payment_routing
        self._peers = peers
        self._directory = directory
        self._times = times
        self._cluster_view = cluster_view

    def app(self) -> web.Application:
        """Return the application that serves the API."""
        app = web.Application(middlewares=[error_middleware])
        app.router.add_route("*", "/{tail:.*}", self.serve)
        app.on_response_prepare.append(add_security_headers)
        return app

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer a request: a worker's for one shard, anybody else's for whatever it is about."""
        path = request.rel_url.raw_path
        if request.method in {"GET", "HEAD"} and (path == routes.ROOT or path.startswith(routes.PAGE)):
            return await self._page_file(request, path)
        shard_header = request.headers.get(SHARD_HEADER, "")
        if shard_header:
            return await self._answer_peer(request, path, _shard_number(shard_header))
        customer = await self._customer_shard(request)
        if path == routes.SOCKET:
            return await self._serve_websocket(request, self._all_shards if customer is None else [customer])
        if path in {routes.HEALTH, routes.METRICS}:
            return await (self._health(request) if path == routes.HEALTH else self._metrics(request))
        body = await _body(request, path)
        if customer is not None:
            return await self._forward(request, customer, body)
        return await self._answer(request, path, body)

    async def _page_file(self, request: web.Request, path: str) -> web.Response:
        """Answer with a file of the tenant's page, which is the same in all bridges, whoever owns what."""
        if path == routes.ROOT:
            return web.Response(status=HTTPStatus.FOUND, headers={"Location": routes.PAGE})
        name = unquote(path.removeprefix(routes.PAGE)) or INDEX
        return file_response(request, await self._files.load(name))

    async def _answer_peer(self, request: web.Request, path: str, shard: int) -> web.StreamResponse:
        """Let a shard of this worker answer another worker."""
        if path == routes.SOCKET:
            return await self._serve_websocket(request, [shard])
        return await self._peers.forward(request, shard, None, await _body(request, path))

    async def _customer_shard(self, request: web.Request) -> int | None:
        """Return the shard of the customer whose page asks, None where it is not a page that does."""
        cookie = request.cookies.get(SESSION_COOKIE)
        if cookie is None or "Authorization" in request.headers:
            return None
        return await asyncio.to_thread(self._directory.shard_of_session, cookie)

    async def _answer(self, request: web.Request, path: str, body: bytes) -> web.Response:
        """Answer what is asked with a token, or by somebody who wants to come in."""
        if path == routes.SIGN_IN:
            return await self._forward(request, await self._shard_of_sign_in(body), body)
        if path.startswith(routes.PAYMENT_EVENTS):
            return await self._forward_webhook(request, path, body)
        if path == routes.PAYMENT_DECISION:
            return await self._forward(
                request, await asyncio.to_thread(self._payment_routing.shard_of_decision, body), body
            )
        found = await asyncio.to_thread(routes.route, request.method, path, self._directory)
        if found.to_all_shards:
            return await self._forward_to_all(request, body)
        if path == routes.HISTORY:
            return await self._history(request)
        return await self._forward(request, found.shard, body)

    async def _shard_of_sign_in(self, body: bytes) -> int:
        """Return the shard of the customer whose code or link is sent; the first one refuses all others."""
        try:
            sent = json.loads(body)
            code, link = str(sent.get("code") or ""), str(sent.get("link") or "")
        except ValueError, AttributeError:
            return routes.FIRST
        digest = link_digest(self._key, link) if link else code_digest(self._key, code)
        return await asyncio.to_thread(self._directory.shard_of_secret, digest) or routes.FIRST

    @property
    def _all_shards(self) -> list[int]:
        return sorted(self._cluster_view().owners)

    async def _forward(
        self, request: web.Request, shard: int, body: bytes, path: str | None = None
    ) -> web.Response:
        """Let the owner of a shard answer, where not named otherwise the same question."""
        return await self._peers.forward(request, shard, self._cluster_view().owner(shard), body, path)

    async def _forward_to_all(self, request: web.Request, body: bytes) -> web.Response:
        """Let every shard answer, and make one answer of theirs; a refusal of one is that of all."""
        answers = await asyncio.gather(*(self._forward(request, shard, body) for shard in self._all_shards))
        return _merge_unless_refused(answers, response_merge.merge_lists)

    async def _forward_webhook(self, request: web.Request, path: str, body: bytes) -> web.Response:
        """Let the bridges that keep the books of what a provider tells take it, and answer when all have."""
        provider = unquote(path.removeprefix(routes.PAYMENT_EVENTS))
        shards = await asyncio.to_thread(
            self._payment_routing.shards_of_message, provider, request.headers, body
        )
        answers = [await self._forward(request, shard, body) for shard in shards]
        return (
            answers[0]
            if len(answers) == 1
            else _merge_unless_refused(answers, response_merge.merge_webhook_answers)
        )

    async def _history(self, request: web.Request) -> web.Response:
        """Answer what changed hour by hour: of one account, or of those of all shards."""
        query = dict(request.query)
        now = int(time.time() * 1000)
        number, queries = await asyncio.to_thread(shard_queries, self._times, query, now)
        shards: Sequence[int] = self._all_shards
        if "account" in query:
            account_shard = await asyncio.to_thread(self._directory.shard_of_account, query["account"])
            shards = [account_shard or routes.FIRST]
        answers = await asyncio.gather(
            *(self._forward(request, n, b"", f"{routes.HISTORY}?{urlencode(queries[n])}") for n in shards)
        )
        return _merge_unless_refused(answers, lambda told: merge_history(told, number))

    async def _health(self, request: web.Request) -> web.Response:
        """Answer how the shards of this worker are; one without any waits for its turn, and is well."""
        answers = await asyncio.gather(
            *(self._forward(request, shard, b"") for shard in sorted(self._peers.local_addresses)),
            return_exceptions=True,
        )
        found = [_decode(answer) for answer in answers if isinstance(answer, web.Response)]
        worst = response_merge.merge_health(found) if found else {"status": "ok", "reasons": []}
        return web.json_response(worst, status=_UNAVAILABLE if worst["status"] == "down" else _OK)

    async def _metrics(self, request: web.Request) -> web.Response:
        """Answer the metrics of this worker's shards, each named in a label."""
        shards = sorted(self._peers.local_addresses)
        answers = await asyncio.gather(*(self._forward(request, shard, b"") for shard in shards))
        refused = next((answer for answer in answers if answer.status != _OK), None)
        if refused is not None:
            return refused
        texts = {n: str(answer.text) for n, answer in zip(shards, answers, strict=True)}
        return web.Response(text=response_merge.merge_metrics(texts), headers={"Content-Type": "text/plain"})

    async def _serve_websocket(self, request: web.Request, shards: Sequence[int]) -> web.StreamResponse:
        """Serve a WebSocket: of one shard as it is, of several as one."""
        upstream: list[ClientWebSocketResponse] = []
        try:
            for shard in shards:
                upstream += [
                    await self._peers.open_websocket(request, shard, self._cluster_view().owner(shard))
                ]
        except WSServerHandshakeError as error:
            return await self._refusal(request, upstream, error)
        except (ClientError, TimeoutError, OSError, RequestRefused) as error:
            await _close(upstream)
            raise shard_unavailable(shards[len(upstream)]) from error
        if len(upstream) == 1:
            return await _relay(request, upstream[0])
        return await serve_merged_stream(request, upstream, self._times)

    async def _refusal(
        self, request: web.Request, upstream: Sequence[ClientWebSocketResponse], error: WSServerHandshakeError
    ) -> web.Response:
        """Pass a refused handshake on, in the words of the first shard's answer to the same token."""
        await _close(upstream)
        del error
        return await self._forward(request, routes.FIRST, b"")


async def _body(request: web.Request, path: str) -> bytes:
    """Return what was sent, up to the most that any route of its kind takes."""
    return await read_body(request, SITE_FILE_BYTES if path.startswith(routes.FILES) else BODY_BYTES)


async def _close(sockets: Sequence[ClientWebSocketResponse]) -> None:
    for socket in sockets:
        await socket.close()


async def _relay(request: web.Request, upstream: ClientWebSocketResponse) -> web.WebSocketResponse:
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


def _merge_unless_refused(
    answers: Sequence[web.Response], merge: Callable[[Sequence[response_merge.Answer]], Mapping[str, object]]
) -> web.Response:
    """Return one answer of several; a refusal of one is that of all."""
    refused = next((answer for answer in answers if answer.status != _OK), None)
    if refused is not None:
        return refused
    return web.json_response(dict(merge([_decode(answer) for answer in answers])))


def _shard_number(text: str) -> int:
    """Return the shard that a worker names; one that nobody has for anything else."""
    return int(text) if text.isdecimal() and len(text) < len("1000000") else -1


def _decode(answer: web.Response) -> response_merge.Answer:
    """Return a JSON answer."""
    assert isinstance(answer.body, bytes)
    found = json.loads(answer.body)
    return found if isinstance(found, dict) else {}


class RouterServer(ApiServer):
    """Serves the front as a bridge serves its API: TLS, Unix socket and announcement are the same."""

    def __init__(self, router: Router, info: ServerInfo, listen: ListenSettings) -> None:
        """Remember what to serve and where."""
        super().__init__(None, listen)
        self._router = router
        self._info = info

    @property
    @override
    def logs_requests(self) -> bool:
        """Leave the log to the bridge that knows who asks."""
        return False

    @override
    def app(self) -> web.Application:
        return self._router.app()

    @override
    def info(self) -> ServerInfo:
        return self._info
