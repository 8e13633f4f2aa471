"""The link to a Shelly without a broker, against a simulated device's server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
import random
from typing import Any

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
import pytest

from meter_bridge.devices.base.driver import Discovered, Item, Rejected, Report
from meter_bridge.devices.shelly.simulated_server import ShellyServer
from meter_bridge.devices.shelly.simulator import ShellyMeter
from meter_bridge.devices.shelly.websocket import ShellyWebSocket
from meter_bridge.devices.simulators import MeterSettings, wall_clock_ms
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import eventually, free_port, reports

NAME = "shellyplugsg3-a1b2c3d4e5f6"
ADDRESS = f"shelly:{NAME}/0"


class Bench:
    """A device with its server, and a link with what it told."""

    def __init__(self, password: str | None = None, known: str | None = None) -> None:
        settings = MeterSettings(name=NAME, load_w=2000, register_wh=5000, interval_ms=100)
        self.meter = ShellyMeter(settings, random=random.Random(1), start_ms=wall_clock_ms())
        self.server = ShellyServer(self.meter, password=password)
        self.known = known
        self.items: list[Item] = []
        self.link: ShellyWebSocket
        self.task: asyncio.Task[None]

    def take(self, items: Sequence[Item]) -> None:
        self.items += items

    async def start(self, address: str = ADDRESS) -> None:
        await self.server.start()
        self.link = ShellyWebSocket(self.server.host, [address], password=self.known, make_cnonce=lambda: 7)
        self.task = asyncio.create_task(self.link.run(self.take))
        await eventually(lambda: self.link.connected or self.link.problem, "link connected")

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.server.stop()

    def told(self) -> list[Report]:
        return reports(self.items)


class StrangeHost:
    """Takes connections and requests; answers none of them, or all of them with the same frame."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer: dict[str, Any] | None = None
        self.server: BaseTestServer

    @property
    def name(self) -> str:
        return f"{self.server.host}:{self.server.port}"

    @property
    def methods(self) -> list[str]:
        return [request["method"] for request in self.requests]

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            asked = message.json()
            self.requests.append(asked)
            if self.answer is not None:
                await socket.send_json({"id": asked["id"], **self.answer})
        return socket

    @asynccontextmanager
    async def linked(self, password: str | None = None) -> AsyncIterator[tuple[ShellyWebSocket, list[Item]]]:
        """Yield a link to this host, and what it tells."""
        told: list[Item] = []

        def take(items: Sequence[Item]) -> None:
            told.extend(items)

        link = ShellyWebSocket(self.name, [ADDRESS], password=password)
        task = asyncio.create_task(link.run(take))
        yield link, told
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def strange_host() -> AsyncIterator[StrangeHost]:
    made, app = StrangeHost(), web.Application()
    app.router.add_get("/rpc", made.listen)
    async with TestServer(app) as made.server:
        yield made


@pytest.fixture(params=[None, "correct horse"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Run with and without a password."""
    made = Bench(request.param, request.param)
    await made.start()
    yield made
    await made.stop()


async def test_a_device_is_read_and_offered(bench: Bench) -> None:
    await eventually(lambda: any(isinstance(item, Discovered) for item in bench.items))

    def full() -> list[Report]:
        return [
            report for report in bench.told() if report.register_wh is not None and report.relay is not None
        ]

    await eventually(full, "full status")
    assert full()[0].register_wh == 5000
    assert full()[0].relay is RelayPosition.CLOSED
    assert full()[0].power_mw == 2_000_000
    assert not [item for item in bench.items if isinstance(item, Rejected)]


async def test_notifications_follow(bench: Bench) -> None:
    await eventually(lambda: sum(report.measured_at_ms is not None for report in bench.told()) > 2)


async def test_the_relay_obeys_and_the_load_is_gone(bench: Bench) -> None:
    await eventually(lambda: any(report.register_wh is not None for report in bench.told()))
    await bench.link.switch(ADDRESS, RelayPosition.OPEN)
    await eventually(lambda: any(report.relay is RelayPosition.OPEN for report in bench.told()))
    await eventually(lambda: bench.told()[-1].power_mw == 0)
    await bench.link.query(ADDRESS)
    await eventually(lambda: bench.told()[-1].relay is RelayPosition.OPEN)


async def test_a_lost_device_is_offline_and_found_again(bench: Bench) -> None:
    bench.meter.faults.silent = True
    await eventually(lambda: Report(ADDRESS, online=False) in bench.items)
    with pytest.raises(ConnectionError):
        await bench.link.switch(ADDRESS, RelayPosition.OPEN)
    bench.meter.faults.silent = False
    bench.items.clear()
    await eventually(lambda: Report(ADDRESS, online=True) in bench.items)


@pytest.mark.parametrize("password", [None, "correct horse"])
async def test_another_device_at_the_host_is_neither_read_nor_switched(password: str | None) -> None:
    made = Bench(password, password)
    another = "shelly:shellyplus1pm-0000000000aa/0"
    await made.start(another)
    await eventually(lambda: made.link.problem, "told")
    told = made.link.problem or ""
    assert "another device answers, a1b2c3d4e5f6: correct the meter's host or address" in told
    with pytest.raises(ConnectionError, match="another device answers"):
        await made.link.switch(another, RelayPosition.OPEN)
    assert not made.link.connected
    assert made.items == []
    assert made.meter.physics.reported_closed
    await made.stop()


async def test_nobody_is_switched_who_has_not_said_who_it_is(strange_host: StrangeHost) -> None:
    """Between the connection and the first answer another device may be there."""
    async with strange_host.linked() as (link, items):
        await eventually(lambda: len(strange_host.methods) == 2, "asked who it is")
        with pytest.raises(ConnectionError):
            await link.switch(ADDRESS, RelayPosition.OPEN)
        await link.query(ADDRESS)
        await eventually(lambda: len(strange_host.methods) == 3)
        assert set(strange_host.methods) == {"Shelly.GetDeviceInfo", "Shelly.GetStatus"}
        assert not link.connected
        assert items == []


CHALLENGE = '{"auth_type": "digest", "nonce": 5, "nc": 1, "realm": "x", "algorithm": "SHA-256"}'
REFUSAL = {"error": {"code": 401, "message": CHALLENGE}}


async def test_another_device_gets_no_proof_of_the_password(strange_host: StrangeHost) -> None:
    strange_host.answer = {"src": "shellyplugsg3-0000000000aa", **REFUSAL}
    async with strange_host.linked("correct horse") as (link, _items):
        await eventually(lambda: "another device answers" in (link.problem or ""))
        assert not any("auth" in request for request in strange_host.requests)


async def test_a_device_that_first_asks_for_the_password_is_answered(strange_host: StrangeHost) -> None:
    strange_host.answer = REFUSAL
    async with strange_host.linked("correct horse"):
        await eventually(lambda: any("auth" in request for request in strange_host.requests))


async def test_a_device_that_does_not_say_who_it_is_is_not_read(strange_host: StrangeHost) -> None:
    strange_host.answer = {"result": {"switch:0": {"id": 0, "output": True, "aenergy": {"total": 5.0}}}}
    async with strange_host.linked() as (link, items):
        await eventually(lambda: "it does not say which device it is" in (link.problem or ""))
        assert items == []
        strange_host.answer = REFUSAL
        await link.query(ADDRESS)
        await eventually(lambda: items)
        assert {item.kind for item in items if isinstance(item, Rejected)} == {"authentication_required"}
        assert not reports(items)


async def test_a_host_known_by_a_topic_prefix_is_whoever_answers() -> None:
    made = Bench()
    await made.start("shelly:cellar/0")
    await eventually(lambda: any(report.register_wh == 5000 for report in made.told()))
    await made.stop()


@pytest.mark.parametrize("known", [None, "wrong"])
async def test_a_wrong_password_is_refused_without_end(known: str | None) -> None:
    bench = Bench("right", known)
    await bench.start()
    await eventually(lambda: any(isinstance(item, Rejected) for item in bench.items))
    refused = next(item for item in bench.items if isinstance(item, Rejected))
    assert refused.kind == "authentication_required"
    await bench.stop()


async def test_an_unreachable_device_is_told() -> None:
    link = ShellyWebSocket(f"127.0.0.1:{free_port()}", [ADDRESS])
    task = asyncio.create_task(link.run(lambda _items: None))
    await eventually(lambda: link.problem)
    assert not link.connected
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_one_link_is_one_device() -> None:
    with pytest.raises(ValueError, match="is one device, but the addresses name 2"):
        ShellyWebSocket("h", ["shelly:a/0", "shelly:b/0"])
