"""A stand-in for Home Assistant's ingress: a page with the dashboard in a frame, below a path.

As in ``hassio/ingress.py`` and the Supervisor: the path up to the token is stripped, Host is kept, and a
message of more than 4 MiB (aiohttp's default) closes the connection.
"""

import asyncio
from typing import Final

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from scripts.lib.demo.process import LOOPBACK, free_port

BASE: Final = "/api/hassio_ingress/e2e-token"
HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})
PANEL: Final = f"""\
<!doctype html><title>Home Assistant</title>
<style>body {{ margin: 0 }} iframe {{ border: 0; width: 100vw; height: 100vh }}</style>
<iframe title="Prepaid electricity" src="{BASE}/"></iframe>"""

type Socket = web.WebSocketResponse | ClientWebSocketResponse


class Ingress:
    """The proxy; ``url`` is Home Assistant's own page."""

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}/"
        self._runner: web.AppRunner | None = None
        self._session: ClientSession | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/", self._panel)
        app.router.add_route("*", f"{BASE}/{{path:.*}}", self._forward)
        self._session = ClientSession(auto_decompress=False)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _panel(self, request: web.Request) -> web.Response:
        return web.Response(text=PANEL, content_type="text/html")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        target = f"{self._behind}/{request.match_info['path']}"
        if request.query_string:
            target += f"?{request.query_string}"
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, target)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        async with self._session.request(
            request.method, target, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
            response = web.Response(status=answer.status, body=await answer.read())
            response.headers.clear()
            for name, value in kept:
                response.headers.add(name, value)
            return response

    async def _socket(self, request: web.Request, target: str) -> web.WebSocketResponse:
        assert self._session is not None
        offered = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        here = web.WebSocketResponse(protocols=offered)
        await here.prepare(request)
        passed = {
            name: request.headers[name] for name in ("Host", "Origin", "Cookie") if name in request.headers
        }
        async with self._session.ws_connect(target, protocols=offered, headers=passed) as there:
            await asyncio.wait(
                [asyncio.create_task(_pass(here, there)), asyncio.create_task(_pass(there, here))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        return here


async def _pass(source: Socket, sink: Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type is WSMsgType.TEXT:
            await sink.send_str(message.data)
