"""The link to HomeWizard devices, against simulated ones and against answers that no device gives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web
import pytest

from meter_bridge.devices.base.driver import Discovered, Item, Rejected, Report
from meter_bridge.devices.base.simulated_physics import ConstantLoad
from meter_bridge.devices.homewizard.link import LOCKED, HomeWizardLink
from meter_bridge.devices.homewizard.simulated_device import SimulatedHomeWizard
from meter_bridge.devices.polling import DeviceError
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import START_MS, eventually, free_port, reports

SERIAL: Final = "3c39e7aabbcc"
ADDRESS: Final = f"homewizard:{SERIAL}/1"
KWH: Final = f"homewizard:{SERIAL}/kwh"
SOON_S: Final = 0.02


class Bench:
    """A link with what it told."""

    def __init__(self, host: str, addresses: Sequence[str] = (ADDRESS,), token: str | None = None) -> None:
        self.items: list[Item] = []
        self.link = HomeWizardLink(host, addresses, token=token, interval_s=SOON_S, timeout_s=1)
        self.task = asyncio.create_task(self.link.run(self.take))

    def take(self, items: Sequence[Item]) -> None:
        self.items += items

    def told(self) -> list[Report]:
        return reports(self.items)

    def refused(self) -> list[str]:
        return [item.kind for item in self.items if isinstance(item, Rejected)]

    async def stop(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


class Clock:
    """An hour a second, so that energy is seen to flow."""

    def __init__(self) -> None:
        self.start = asyncio.get_running_loop().time()

    def __call__(self) -> int:
        return START_MS + round((asyncio.get_running_loop().time() - self.start) * 3_600_000)


@asynccontextmanager
async def device(product: str = "HWE-SKT", register_wh: int = 122_376) -> AsyncIterator[SimulatedHomeWizard]:
    made = SimulatedHomeWizard(
        SERIAL, ConstantLoad(1_500_000), clock=Clock(), product=product, register_wh=register_wh
    )
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def linked(
    host: str, addresses: Sequence[str] = (ADDRESS,), token: str | None = None
) -> AsyncIterator[Bench]:
    bench = Bench(host, addresses, token)
    yield bench
    await bench.stop()


async def test_a_socket_is_offered_and_read() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: len([each for each in bench.told() if each.register_wh is not None]) > 2)
        offer = next(item for item in bench.items if isinstance(item, Discovered))
        assert (offer.address, offer.name, offer.model, offer.has_relay) == (
            ADDRESS,
            "Energy Socket",
            "HWE-SKT",
            True,
        )
        first = next(each for each in bench.told() if each.register_wh is not None)
        assert bench.told()[0] == Report(ADDRESS, online=True)
        assert (first.power_mw, first.relay, first.returned_wh) == (1_500_000, RelayPosition.CLOSED, 0)
        assert (first.register_wh or 0) >= 122_376
        assert 220_000 < (first.voltage_mv or 0) < 240_000
        assert bench.refused() == []


async def test_the_relay_obeys_is_read_back_and_the_register_stands_still() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: bench.link.connected)
        await bench.link.switch(ADDRESS, RelayPosition.OPEN)
        await eventually(lambda: bench.told()[-1].relay is RelayPosition.OPEN)
        stood = bench.told()[-1]
        await bench.link.query(ADDRESS)
        seen = len(bench.told())
        await eventually(lambda: len(bench.told()) > seen + 1)
        assert (bench.told()[-1].register_wh, bench.told()[-1].power_mw) == (stood.register_wh, 0)
        await bench.link.switch(ADDRESS, RelayPosition.CLOSED)
        await eventually(lambda: bench.told()[-1].relay is RelayPosition.CLOSED)


async def test_a_meter_of_three_phases_has_no_relay() -> None:
    async with device("HWE-KWH3") as meter, linked(meter.host, [KWH]) as bench:
        await eventually(lambda: any(each.register_wh is not None for each in bench.told()))
        told = bench.told()[-1]
        assert (told.relay, [each.power_mw for each in told.phases]) == (None, [500_000] * 3)
        assert told.voltage_mv is not None
        with pytest.raises(ConnectionError, match="has no relay: name another in the site file, or none"):
            await bench.link.switch(KWH, RelayPosition.OPEN)
        offer = next(item for item in bench.items if isinstance(item, Discovered))
        assert not offer.has_relay


async def test_a_lost_device_is_offline_after_three_readings_and_found_again() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: bench.link.connected)
        socket.refusals.silent = True
        await eventually(lambda: Report(ADDRESS, online=False) in bench.items)
        assert not bench.link.connected
        with pytest.raises(ConnectionError):
            await bench.link.switch(ADDRESS, RelayPosition.OPEN)
        with pytest.raises(ConnectionError):
            await bench.link.query(ADDRESS)
        socket.refusals.silent = False
        bench.items.clear()
        await eventually(lambda: Report(ADDRESS, online=True) in bench.items)


async def test_another_device_at_the_same_host_is_not_read() -> None:
    async with device() as socket:
        socket.serial = "3c39e7000000"
        async with linked(socket.host) as bench:
            await eventually(lambda: bench.link.problem)
            assert "another device answers, Energy Socket 3c39e7000000" in str(bench.link.problem)
            assert bench.items == []


async def test_a_device_that_is_replaced_while_it_is_away_is_not_read() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: bench.link.connected)
        socket.refusals.silent = True
        await eventually(lambda: not bench.link.connected)
        bench.items.clear()
        socket.serial, socket.refusals.silent = "3c39e7000000", False
        await eventually(lambda: "another device" in str(bench.link.problem))
        assert bench.told() == []


async def test_a_device_that_took_the_address_of_another_is_not_switched() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: bench.link.connected)
        bench.task.cancel()
        with suppress(asyncio.CancelledError):
            await bench.task
        link = HomeWizardLink(socket.host, [ADDRESS])
        socket.serial = "3c39e7000000"
        with pytest.raises(DeviceError, match="another device answers"):
            await link.move("1", RelayPosition.OPEN)
        await link.close()
        assert socket.physics.contact_closed


async def test_a_locked_switch_and_a_closed_interface_are_told_with_the_remedy() -> None:
    async with device() as socket, linked(socket.host) as bench:
        await eventually(lambda: bench.link.connected)
        socket.refusals.locked = True
        with pytest.raises(ConnectionError, match=LOCKED):
            await bench.link.switch(ADDRESS, RelayPosition.OPEN)
        await eventually(lambda: "switch_locked" in bench.refused())
        socket.refusals.local_api_off = True
        await eventually(lambda: "switch on 'Local API'" in str(bench.link.problem))


async def test_an_unreachable_device_is_told() -> None:
    async with linked(f"127.0.0.1:{free_port()}") as bench:
        await eventually(lambda: bench.link.problem)
        assert not bench.link.connected


DEVICE: Final = {
    "product_type": "HWE-SKT",
    "product_name": "Energy Socket",
    "serial": SERIAL,
    "firmware_version": "4.19",
    "api_version": "v1",
}
HOSTILE: Final = {
    "a text for the register": ('{"wifi_ssid": "x", "total_power_import_kwh": "many"}', "wrong_type"),
    "no register": ('{"wifi_ssid": "x", "active_power_w": 5}', "no_energy_register"),
    "a register below zero": ('{"wifi_ssid": "x", "total_power_import_kwh": -1}', "register_out_of_range"),
    "a huge register": ('{"wifi_ssid": "x", "total_power_import_kwh": 1e300}', "register_out_of_range"),
    "a list": ("[1, 2]", "wrong_type"),
    "a list that names a member": ('["wifi_ssid"]', "wrong_type"),
    "not JSON": ("<html>", "wrong_type"),
    "nested": ("[" * 30_000, "wrong_type"),
    "too large": ('{"wifi_ssid": "' + "x" * 200_000 + '"}', "too_large"),
}


@asynccontextmanager
async def answering(data: Callable[[], str]) -> AsyncIterator[str]:
    """Serve a device whose readings are any text; yield where."""

    async def identity(_request: web.Request) -> web.Response:
        return web.json_response(DEVICE)

    async def reading(_request: web.Request) -> web.Response:
        return web.Response(text=data(), content_type="application/json")

    async def state(_request: web.Request) -> web.Response:
        return web.json_response({"power_on": True, "switch_lock": False})

    application = web.Application()
    application.router.add_get("/api", identity)
    application.router.add_get("/api/v1/data", reading)
    application.router.add_get("/api/v1/state", state)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bound = runner.addresses[0]
    yield f"{bound[0]}:{bound[1]}"
    await runner.cleanup()


@pytest.mark.parametrize("case", HOSTILE)
async def test_an_answer_that_no_device_gives_is_refused_by_name_and_the_next_is_read(case: str) -> None:
    answers = [HOSTILE[case][0]]
    right = '{"wifi_ssid": "x", "total_power_import_kwh": 1.5, "active_power_w": 5}'
    async with answering(lambda: answers.pop() if answers else right) as host, linked(host) as bench:
        await eventually(lambda: any(each.register_wh == 1500 for each in bench.told()))
        assert bench.refused() == [HOSTILE[case][1]]


async def test_a_minor_value_that_cannot_be_is_dropped_by_itself() -> None:
    data = '{"wifi_ssid": "x", "total_power_import_kwh": 1.5, "active_voltage_v": -1e9}'
    async with answering(lambda: data) as host, linked(host) as bench:
        await eventually(lambda: any(each.register_wh == 1500 for each in bench.told()))
        assert "voltage_out_of_range" in bench.refused()


def test_one_link_is_one_device() -> None:
    with pytest.raises(ValueError, match="is one device, but the addresses name 2"):
        HomeWizardLink("192.0.2.1", [ADDRESS, "homewizard:3c39e7000000/1"])
