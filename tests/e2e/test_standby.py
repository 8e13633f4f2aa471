"""Two bridges on one PostgreSQL and one broker: one dies or stalls, the other continues, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
import os
from pathlib import Path
import signal
import time

import aiohttp
import pytest

from meter_bridge.protocol.messages import AccountView
from meter_bridge.storage.location import written
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.process import OwnedProcess, free_port
from scripts.lib.demo.street import Fitting, Street
from scripts.lib.demo.waiting import until
from tests import postgresql_server

pytestmark = [pytest.mark.postgresql, pytest.mark.crash]

START_WH = 50_000
SOON_S = 60.0
FITTING = Fitting("standby-one", "tasmota", START_WH, 6_000, interval_s=0.3)
SITE = """\
name: Standby house
sites:
  house:
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults: {tariff: flat, rating: 60 A}
    tariffs:
      flat: {versions: [{from: 2026-01-01, prices: 3.00}]}
    units:
      one: {opening credit: 100.00, meters: [tasmota:standby-one/1]}
"""


@dataclass
class Pair:
    """Two bridges of one installation, and their meter."""

    bridges: list[BridgeProcess]
    apis: list[BridgeApi]
    street: Street
    acknowledged: list[str]
    server: postgresql_server.Server

    async def account(self, which: int) -> AccountView | None:
        """Return the account from one of the bridges, or None while it does not serve."""
        try:
            return await self.apis[which].account("one")
        except aiohttp.ClientError, OSError:
            return None

    async def serving(self, which: int) -> float:
        """Wait until a bridge serves, and return how long that took in seconds."""
        started = time.monotonic()
        await until(f"bridge {which} serves", lambda: self.account(which), SOON_S)
        return time.monotonic() - started

    async def pay(self, enough: asyncio.Event) -> None:
        """Pay one rand after another to whichever bridge serves, repeating each until it is acknowledged."""
        while not enough.is_set():
            key = f"payment-{len(self.acknowledged)}"
            await until(f"{key} is acknowledged", lambda key=key: self._pay(key), SOON_S)  # type: ignore[misc]
            self.acknowledged.append(key)

    async def _pay(self, key: str) -> bool | None:
        for api in self.apis:
            try:
                async with asyncio.timeout(1):
                    await api.top_up("one", "1.00", key)
            except aiohttp.ClientError, OSError:
                continue
            return True
        return None

    async def stand_by(self, which: int) -> None:
        """Start a bridge while the other serves."""
        bridge = self.bridges[which]
        before = bridge.log.read_text().count("Standing by") if bridge.log.exists() else 0
        await OwnedProcess.start(bridge)

        async def stands_by() -> bool:
            return bridge.log.read_text().count("Standing by") > before

        await until(f"bridge {which} stands by", stands_by, SOON_S)


@asynccontextmanager
async def two_bridges(mosquitto: Mosquitto, folder: Path) -> AsyncIterator[Pair]:
    """Run the owner and the standby of one installation, and a meter."""
    with postgresql_server.running(synchronous_commit="on", fsync="on") as server:
        async with _on(server, mosquitto, folder) as pair:
            yield pair


@asynccontextmanager
async def _on(server: postgresql_server.Server, mosquitto: Mosquitto, folder: Path) -> AsyncIterator[Pair]:
    server.execute("CREATE DATABASE standby")
    environment = {
        "PREPAID_METER_BROKER": mosquitto.url("bridge"),
        "PREPAID_METER_DATABASE": written(server.url("standby")),
        "PREPAID_METER_STANDBY": "yes",
    }
    bridges = [
        BridgeProcess(folder / name, free_port(), folder / f"{name}.log", environment) for name in ("a", "b")
    ]
    site = folder / "site.yaml"
    site.write_text(SITE, encoding="utf-8")
    await bridges[0].run("apply", "--yes", str(site))
    token = await bridges[0].token("tests", "landlord")
    street = Street(mosquitto.url("meters"), [FITTING], server_ports={}, password="")
    await street.start()
    pair = Pair(bridges, [BridgeApi(bridge.url, token) for bridge in bridges], street, [], server)
    try:
        await bridges[0].start()
        await pair.stand_by(1)
        yield pair
    finally:
        for api in pair.apis:
            await api.close()
        for bridge in bridges:
            await bridge.stop()
        await street.stop()


@pytest.mark.invariant(5)
@pytest.mark.invariant(8)
async def test_the_standby_takes_over_and_nothing_is_lost_or_counted_twice(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with two_bridges(mosquitto, tmp_path) as pair:
        began = await first_register(pair, 0)
        enough = asyncio.Event()
        paying = asyncio.create_task(pair.pay(enough))
        await pair.bridges[0].kill()
        print(f"taken over {await pair.serving(1):.1f} s after kill -9")  # noqa: T201 - a figure for the docs
        await pair.stand_by(0)
        frozen = pair.bridges[1].pid
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        print(f"taken over {await pair.serving(0):.1f} s after a stall")  # noqa: T201
        os.kill(frozen, signal.SIGCONT)
        await until("the second stands by", lambda: lost_and_waiting(pair.bridges[1]), SOON_S)
        enough.set()
        await paying
        await switched_off(pair, 0)
        await settled(pair, 0, began)
        await books_agree(pair, 0)
        await pair.bridges[0].stop()
        await pair.bridges[1].stop()
        assert await pair.bridges[1].problems() == []


@pytest.mark.invariant(8)
@pytest.mark.invariant(13)
async def test_a_crash_of_the_server_loses_nothing_and_the_bridge_continues(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with two_bridges(mosquitto, tmp_path) as pair:
        began = await first_register(pair, 0)
        enough = asyncio.Event()
        paying = asyncio.create_task(pair.pay(enough))
        for _ in range(3):
            paid = len(pair.acknowledged)
            await until("somebody pays", lambda paid=paid: more_than(pair, paid), SOON_S)  # type: ignore[misc]
            await asyncio.to_thread(pair.server.stop)
            await asyncio.to_thread(pair.server.start)
        paid = len(pair.acknowledged)
        await until("payments go on", lambda: more_than(pair, paid), SOON_S)
        enough.set()
        await paying
        which = 0 if await pair.account(0) is not None else 1
        await pair.serving(which)
        await switched_off(pair, which)
        await settled(pair, which, began)
        await books_agree(pair, which)
        await pair.bridges[0].stop()
        await pair.bridges[1].stop()
        assert await pair.bridges[which].problems() == []


async def more_than(pair: Pair, paid: int) -> bool:
    """Return whether another payment has been acknowledged since."""
    return len(pair.acknowledged) > paid


async def first_register(pair: Pair, which: int) -> int:
    """Return the register value from which the account is charged."""

    async def look() -> int | None:
        view = await pair.account(which)
        meter = None if view is None else view.meters[0]
        if meter is None or meter.register_wh is None or meter.energy_wh is None:
            return None
        return meter.register_wh - meter.energy_wh

    return await until("the meter is read", look, SOON_S)


async def lost_and_waiting(bridge: BridgeProcess) -> bool:
    """Return whether a bridge has noticed that it lost its lease, and waits."""
    log = bridge.log.read_text()
    return "is lost; nothing more is charged" in log and log.rstrip().count("Standing by") >= 2


async def switched_off(pair: Pair, which: int) -> None:
    """Hold the supply off and check that the meter follows its owner."""
    await pair.apis[which].supply("one", "off", "the end of the test")

    async def open_contact() -> bool:
        return not pair.street.meter(FITTING.name).physics.contact_closed

    await until("the contact is open", open_contact, SOON_S)


async def settled(pair: Pair, which: int, began: int) -> None:
    """Wait until the energy charged equals the rise of the register since the start."""

    async def charged() -> bool:
        view = await pair.account(which)
        meter = None if view is None else view.meters[0]
        register = pair.street.meter(FITTING.name).physics.register_wh
        return meter is not None and (meter.register_wh, meter.energy_wh) == (register, register - began)

    await until("the register is charged", charged, SOON_S)


async def books_agree(pair: Pair, which: int) -> None:
    """Check that every acknowledged payment is booked once, and that money and energy match."""
    entries = await pair.apis[which].ledger("one")
    booked = sorted(str(entry.key) for entry in entries if entry.kind == "top_up")
    assert booked == sorted(pair.acknowledged)
    view = await pair.apis[which].account("one")
    used = Decimal(view.meters[0].energy_wh or 0) * 3 / 1000
    assert Decimal(view.available).scaleb(-view.amount_digits) == 100 + len(pair.acknowledged) - used
