"""The link to a Shelly without a broker, against a simulated device's server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
import random

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

    async def start(self) -> None:
        await self.server.start()
        self.link = ShellyWebSocket(self.server.host, [ADDRESS], password=self.known, make_cnonce=lambda: 7)
        self.task = asyncio.create_task(self.link.run(self.take))
        await eventually(lambda: self.link.connected, "link connected")

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.server.stop()

    def told(self) -> list[Report]:
        return reports(self.items)


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
