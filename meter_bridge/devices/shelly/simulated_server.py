"""A simulated Shelly's own WebSocket server, with or without a password."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
import json
from typing import Final

from aiohttp import WSMsgType, web
import msgspec

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.shelly.digest import ALGORITHM, Challenge, expected_response
from meter_bridge.devices.shelly.simulator import Call, ShellyMeter
from meter_bridge.devices.simulators.fleet import TICK_S, wall_clock_ms

HOST: Final = "127.0.0.1"
EVENTS: Final = "/events/rpc"
NOT_AUTHENTICATED: Final = 401


class ShellyServer:
    """Serves one simulated meter at ``ws://<host>/rpc``."""

    def __init__(
        self, meter: ShellyMeter, *, password: str | None = None, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        self.meter = meter
        self._password = password
        self._clock = clock
        self._sockets: set[web.WebSocketResponse] = set()
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None
        self.host = ""
        """Host and port where it serves, for the link."""

    async def start(self, port: int = 0) -> None:
        """Serve on loopback, on a free port unless one is named."""
        application = web.Application()
        application.router.add_get("/rpc", self._serve)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, port)
        await site.start()
        bound = self._runner.addresses[0]
        self.host = f"{bound[0]}:{bound[1]}"
        self._task = asyncio.create_task(self._run(), name="simulated-shelly")

    async def stop(self) -> None:
        """Close all sockets and end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._close_sockets()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _run(self) -> None:
        while True:
            await self._step()
            if self.meter.faults.silent:
                await self._close_sockets()
            await asyncio.sleep(TICK_S)

    async def _step(self) -> None:
        await self._notify(self.meter.step(max(0, self._clock() - self.meter.physics.now_ms)))

    async def _close_sockets(self) -> None:
        for socket in list(self._sockets):
            await socket.close()

    async def _notify(self, messages: Sequence[Publish]) -> None:
        for message in messages:
            if message.topic.endswith(EVENTS):
                for socket in list(self._sockets):
                    with suppress(ConnectionError):
                        await socket.send_str(message.payload.decode())

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.meter.faults.silent:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(socket, message.data)
        finally:
            self._sockets.discard(socket)
        return socket

    async def _receive(self, socket: web.WebSocketResponse, text: str) -> None:
        try:
            call = msgspec.json.decode(text, type=Call)
        except msgspec.MsgspecError:
            return
        await self._step()
        before = self.meter.physics.reported_closed
        frame = self.meter.call(call) if self._is_authorized(call) else self._refusal(call)
        if self.meter.faults.deaf:
            return
        await socket.send_str(json.dumps(frame))
        if before != self.meter.physics.reported_closed:
            await self._notify(self.meter.relay_report())

    def _is_authorized(self, call: Call) -> bool:
        if self._password is None:
            return True
        proof = call.auth
        if proof is None:
            return False
        challenge = Challenge(nonce=proof.nonce, realm=self.meter.name, nc=proof.nc or 1)
        return proof.response == expected_response(challenge, self._password, proof.cnonce)

    def _refusal(self, call: Call) -> dict[str, object]:
        challenge = {
            "auth_type": "digest",
            "nonce": self._clock() // 1000,
            "nc": 1,
            "realm": self.meter.name,
            "algorithm": ALGORITHM,
        }
        error = {"code": NOT_AUTHENTICATED, "message": json.dumps(challenge)}
        return {"id": call.id, "src": self.meter.name, "dst": call.src, "error": error}
