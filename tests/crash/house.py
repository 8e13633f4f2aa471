"""A house of real processes: broker, proxy, bridge on a small disk, meters of every family, customers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp

from meter_bridge.storage.database import DATABASE_NAME
from meter_bridge.storage.sqlite import connect_read_only
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.process import free_port
from scripts.lib.demo.street import Fitting, Street
from scripts.lib.demo.waiting import until
from tests.crash.proxy import Proxy
from tests.crash.volume import Volume

SOON_S: Final = 60.0
START_WH: Final = 50_000
PRICE: Final = 3
UNITS: Final = {
    "one": Fitting("crash-one", "tasmota", START_WH, 4_000, interval_s=0.5),
    "two": Fitting("shellyplugsg3-crash", "shelly", START_WH, 4_000, interval_s=0.5),
    "three": Fitting("Crash three", "zigbee2mqtt", START_WH, 4_000, interval_s=0.5),
}
SITE: Final = """\
name: Crashing house
sites:
  house:
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults: {tariff: flat, rating: 60 A}
    tariffs:
      flat: {versions: [{from: 2026-01-01, prices: 3.00}]}
    units:
      one: {opening credit: 100.00, meters: [tasmota:crash-one/1]}
      two: {opening credit: 100.00, meters: [shelly:shellyplugsg3-crash/0]}
      three: {opening credit: 100.00, meters: ["zigbee2mqtt:Crash three/state"]}
"""
BOOKED: Final = (
    "SELECT o.key, count(e.seq) FROM operation o JOIN journal_entry e ON e.seq = o.entry_seq"
    " AND e.kind = 'top_up' GROUP BY o.key"
)
UNREACHABLE: Final = (aiohttp.ClientError, OSError, TimeoutError)


class Payer:
    """Pays one rand after another, each with a key that it repeats until it is acknowledged."""

    def __init__(self, api: BridgeApi, account: str, pause_s: float) -> None:
        self._api = api
        self._account = account
        self._pause_s = pause_s
        self.acknowledged: list[str] = []
        self.refused = 0
        """Answers that there were none, and questions that nobody answered."""
        self.enough = asyncio.Event()

    async def pay(self) -> None:
        """Pay until stopped."""
        while not self.enough.is_set():
            key = f"{self._account}-{len(self.acknowledged)}"
            try:
                async with asyncio.timeout(SOON_S):
                    await self._api.top_up(self._account, "1.00", key)
            except UNREACHABLE:
                self.refused += 1
                await asyncio.sleep(self._pause_s)
                continue
            self.acknowledged.append(key)
            await asyncio.sleep(self._pause_s)


class Switcher:
    """Places and lifts holds without knowing whether the bridge received them."""

    def __init__(self, api: BridgeApi) -> None:
        self._api = api

    async def switch(self, account: str, *, off: bool) -> None:
        """Send one request."""
        try:
            async with asyncio.timeout(1.0):
                await self._api.supply(account, "off" if off else "auto", "works" if off else None)
        except UNREACHABLE:
            return


class CrashHouse:
    """All processes of the house."""

    def __init__(self, folder: Path, pause_s: float) -> None:
        self.volume = Volume(folder / "disk")
        self.mosquitto = Mosquitto(folder / "mosquitto", free_port())
        self.proxy = Proxy(free_port(), self.mosquitto.port)
        through = self.mosquitto.url("bridge").replace(f":{self.mosquitto.port}", f":{self.proxy.port}")
        environment = {"PREPAID_METER_BROKER": through}
        self.bridge = BridgeProcess(
            self.volume.folder / "data", free_port(), folder / "bridge.log", environment
        )
        self.street = Street(self.mosquitto.url("meters"), UNITS.values(), server_ports={}, password="")
        self._folder = folder
        self._pause_s = pause_s
        self.began: dict[str, int] = {}
        self.payers: dict[str, Payer] = {}
        self._paying: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start everything and wait until every meter has been read."""
        await self.mosquitto.start()
        await self.proxy.start()
        site = self._folder / "site.yaml"
        site.write_text(SITE, encoding="utf-8")
        await self.bridge.run("apply", "--yes", str(site))
        self.api = BridgeApi(self.bridge.url, await self.bridge.token("tests", "landlord"))
        self.switcher = Switcher(self.api)
        await self.street.start()
        await self.bridge.start()
        for account in UNITS:
            self.began[account] = await until(f"{account} is read", partial(self._first, account), SOON_S)
        self.payers = {account: Payer(self.api, account, self._pause_s) for account in UNITS}
        self._paying = [asyncio.create_task(payer.pay()) for payer in self.payers.values()]

    async def stop(self) -> None:
        for task in self._paying:
            task.cancel()
        await asyncio.gather(*self._paying, return_exceptions=True)
        await self.api.close()
        await self.bridge.stop()
        await self.street.stop()
        await self.proxy.stop()
        await self.mosquitto.stop()
        self.volume.remove()

    async def _first(self, account: str) -> int | None:
        """Return the register value from which an account is charged."""
        meter = (await self.api.account(account)).meters[0]
        known = meter.register_wh is not None and meter.energy_wh is not None
        return meter.register_wh - meter.energy_wh if known else None  # type: ignore[operator]

    async def healthy(self) -> bool | None:
        """Return whether the bridge serves, stores and is connected to its broker."""
        try:
            status, _ = await self.api.health()
        except UNREACHABLE:
            return None
        return True if status == "ok" else None

    async def down(self) -> bool | None:
        """Return whether the bridge reports that it cannot store anything."""
        try:
            status, _ = await self.api.health()
        except UNREACHABLE:
            return None
        return True if status == "down" else None

    def paid(self) -> list[int]:
        """Return how many top-ups of each account were acknowledged."""
        return [len(payer.acknowledged) for payer in self.payers.values()]

    async def refuses_everybody(self) -> None:
        """Wait until all earlier requests have been answered and a later one has been refused.

        A payer sends one request at a time, so its request after a refusal shows the bridge's present state.
        """
        before = {account: payer.refused for account, payer in self.payers.items()}

        async def refused() -> bool:
            return all(payer.refused > before[account] for account, payer in self.payers.items())

        await until("every payer is refused", refused, SOON_S)

    async def relay_is_right(self, account: str) -> bool | None:
        """Return whether a contact is where the decision requires it."""
        try:
            view = await self.api.account(account)
        except UNREACHABLE:
            return None
        closed = self.street.meter(UNITS[account].name).physics.contact_closed
        return True if closed is (view.supply.state == "connected") else None

    def lost(self) -> list[str]:
        """Return acknowledged top-ups that are not booked exactly once."""
        with closing(connect_read_only(self.bridge.data / DATABASE_NAME)) as connection:
            booked = dict(connection.execute(BOOKED).fetchall())
        return [
            key for payer in self.payers.values() for key in payer.acknowledged if booked.get(key, 0) != 1
        ]

    async def finish(self) -> None:
        """Stop all customers and wait until nothing changes any more."""
        for payer in self.payers.values():
            payer.enough.set()
        await asyncio.gather(*self._paying)
        for account, fitting in UNITS.items():
            self.street.dials[fitting.name].watts = 0
            await until(f"{account} is charged", partial(self._charged, account), SOON_S)

    async def _charged(self, account: str) -> bool | None:
        """Return whether the energy charged equals the rise of the register."""
        meter = (await self.api.account(account)).meters[0]
        register = self.street.meter(UNITS[account].name).physics.register_wh
        if meter.family == "zigbee2mqtt":
            register = register // 10 * 10
        return True if meter.energy_wh == register - self.began[account] else None

    async def wrong_balances(self) -> list[str]:
        """Return accounts whose balance is not payments less charges."""
        wrong = []
        for account, payer in self.payers.items():
            view = await self.api.account(account)
            used = Decimal(view.meters[0].energy_wh or 0) * PRICE / 1000
            expected = Decimal(100) + len(payer.acknowledged) - used
            balance = Decimal(view.available).scaleb(-view.amount_digits)
            if balance != expected:
                wrong.append(f"{account} holds {balance}, not {expected}")
        return wrong


@asynccontextmanager
async def crash_house(folder: Path, pause_s: float = 0.02) -> AsyncIterator[CrashHouse]:
    house = CrashHouse(folder, pause_s)
    try:
        await house.start()
        yield house
    finally:
        await house.stop()
