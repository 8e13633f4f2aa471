"""Shelly Gen2+ without a broker: RPC over the device's own WebSocket at ``ws://<host>/rpc``.

The device sends its notifications to whoever has sent it a request with a ``src`` on the same socket.
"""

import asyncio
from collections.abc import Callable, Sequence
import logging
import secrets
from typing import Final

import aiohttp
import msgspec

from meter_bridge.core.register.register import DEVICE_ADDRESS
from meter_bridge.devices.addresses import only_device, parse_address
from meter_bridge.devices.base.driver import Rejected, Report, ReportSink
from meter_bridge.devices.base.quantities import REFUSALS, TELEMETRY_LIMIT, rejection
from meter_bridge.devices.shelly.device import (
    INFORMATION_REQUEST,
    STATUS_REQUEST,
    Request,
    ShellyDevice,
    switch_request,
)
from meter_bridge.devices.shelly.digest import Answer, Challenge, answer, read_challenge
from meter_bridge.devices.shelly.payloads import FRAME
from meter_bridge.protocol.vocabulary import RelayPosition

LOGGER: Final = logging.getLogger(__name__)
CONNECT_TIMEOUT_S: Final = 10.0
HEARTBEAT_S: Final = 15.0
FIRST_DELAY_S: Final = 0.5
MAX_DELAY_S: Final = 30.0
NOT_AUTHENTICATED: Final = 401
MAX_ATTEMPTS: Final = 3
"""How often a request is repeated with a fresh challenge before the password is taken for wrong."""
MAX_UNANSWERED: Final = 32


class ShellyWebSocket:
    """One device; a ``Link`` for all its channels in use."""

    def __init__(
        self,
        host: str,
        addresses: Sequence[str],
        *,
        password: str | None = None,
        source: str = "prepaid-meter-bridge",
        make_cnonce: Callable[[], int] = lambda: secrets.randbits(31),
    ) -> None:
        """All addresses name the same device."""
        device = only_device(host, addresses)
        self.addresses = tuple(addresses)
        self._host = host
        self._password = password
        self._source = source
        self._make_cnonce = make_cnonce
        self._device = ShellyDevice(device)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._answers = False
        self._challenge: Challenge | None = None
        self._unanswered: dict[int, tuple[Request, int]] = {}
        self.problem: str | None = None
        """Why there is no connection, for people."""

    @property
    def connected(self) -> bool:
        """Whether the device answers, as the one that the addresses name if they name it by its id."""
        return self._answers

    async def run(self, sink: ReportSink) -> None:
        """Connect, listen and reconnect until cancelled."""
        delay = FIRST_DELAY_S
        async with aiohttp.ClientSession() as session:
            while True:
                if await self._attempt(session, sink):
                    delay = FIRST_DELAY_S
                await asyncio.sleep(delay)
                delay = min(delay * 2, MAX_DELAY_S)

    async def switch(self, address: str, position: RelayPosition) -> None:
        """Ask the relay to move; raise ``ConnectionError`` while not connected."""
        if not self.connected:
            raise ConnectionError(self.problem or f"no connection to the Shelly at {self._host}")
        await self._send(switch_request(parse_address(address).channel, position))

    async def query(self, address: str) -> None:
        """Ask for the device's full status, which holds every channel; raise ``ConnectionError`` as above."""
        parse_address(address)
        await self._send(STATUS_REQUEST)

    async def _attempt(self, session: aiohttp.ClientSession, sink: ReportSink) -> bool:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                socket = await session.ws_connect(
                    f"ws://{self._host}/rpc", heartbeat=HEARTBEAT_S, max_msg_size=TELEMETRY_LIMIT
                )
            async with socket:
                await self._listen(socket, sink)
        except (aiohttp.ClientError, OSError) as error:
            self._explain(str(error) or type(error).__name__)
        finally:
            answered = self._disconnected(sink)
        return answered

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, sink: ReportSink) -> None:
        self._socket = socket
        if self._device.expected is None:
            self._begin(sink)
        await self._send(INFORMATION_REQUEST)
        await self._send(STATUS_REQUEST)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._receive(message.data.encode(), sink)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await self._receive(message.data, sink)

    def _begin(self, sink: ReportSink) -> None:
        self._answers, self.problem = True, None
        sink([Report(address, online=True) for address in self.addresses])

    async def _receive(self, payload: bytes, sink: ReportSink) -> None:
        """Take what the device sends; of another than the addresses name nothing is read, nor answered."""
        device = self._device
        try:
            items = device.frame(payload)
            if device.is_another:
                await self._leave()
                return
            if await self._answer_challenge(payload):
                return
        except REFUSALS as error:
            sink(rejection(f"ws://{self._host}/rpc", error))
            return
        if device.expected is not None and not device.is_told:
            self._explain("it does not say which device it is")
            items = [item for item in items if isinstance(item, Rejected)]
        elif not self._answers:
            self._begin(sink)
        if items:
            sink(items)
        if device.wants_status:
            device.wants_status = False
            await self._send(STATUS_REQUEST)

    async def _leave(self) -> None:
        told = (self._device.hardware or "").removeprefix(DEVICE_ADDRESS)
        self._explain(f"another device answers, {told}: correct the meter's host or address")
        if self._socket is not None:
            await self._socket.close()

    async def _answer_challenge(self, payload: bytes) -> bool:
        """Repeat a request that was refused without authentication; return whether it was repeated."""
        frame = FRAME.decode(payload)
        if type(frame.id) is not int or frame.method is not None:
            return False
        request, attempt = self._unanswered.pop(frame.id, (None, 0))
        refused = frame.error is not None and frame.error.code == NOT_AUTHENTICATED
        if not refused or frame.error is None or request is None or self._password is None:
            return False
        if attempt >= MAX_ATTEMPTS:
            self._explain("the device refuses the password: correct it")
            return False
        self._challenge = read_challenge(frame.error.message)
        await self._send(request, attempt + 1)
        return True

    async def _send(self, request: Request, attempt: int = 1) -> None:
        socket = self._socket
        if socket is None or socket.closed:
            raise ConnectionError(f"no connection to the Shelly at {self._host}")
        if len(self._unanswered) < MAX_UNANSWERED:
            self._unanswered[request.id] = request, attempt
        await socket.send_str(request.encoded(self._source, self._proof()).decode())

    def _proof(self) -> dict[str, object] | None:
        if self._challenge is None or self._password is None:
            return None
        proof: Answer = answer(self._challenge, self._password, self._make_cnonce())
        return {name: value for name, value in msgspec.structs.asdict(proof).items() if value is not None}

    def _disconnected(self, sink: ReportSink) -> bool:
        """Note that the socket is closed, and return whether the device had answered."""
        answered, self._answers = self._answers, False
        self._socket = None
        self._challenge = None
        self._unanswered.clear()
        self._device.gone()
        if answered:
            self._explain("the connection was lost")
            sink([Report(address, online=False) for address in self.addresses])
        return answered

    def _explain(self, reason: str) -> None:
        problem = f"no connection to the Shelly at {self._host}: {reason}"
        if problem != self.problem:
            LOGGER.warning("%s; trying again", problem)
        self.problem = problem
