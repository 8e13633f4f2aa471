"""A bridge that is killed at random instants, while meters run and people pay, loses and doubles nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
import random

import aiohttp
import pytest

from meter_bridge.protocol.messages import AccountView, MeterView
from meter_bridge.protocol.vocabulary import RelayPosition, RelayProof
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.mosquitto import Mosquitto
from scripts.lib.demo.ports import free_port
from scripts.lib.demo.street import Fitting, Street
from scripts.lib.demo.waiting import until

ROUNDS = 5
START_WH = 50_000
SOON_S = 30.0
UNITS = {
    "one": Fitting("killed-one", "tasmota", START_WH, 6_000, interval_s=0.3),
    "two": Fitting("shellyplugsg3-killed", "shelly", START_WH, 6_000, interval_s=0.3),
    "three": Fitting("Killed three", "zigbee2mqtt", START_WH, 6_000, interval_s=0.3),
}
SITE = """\
name: Killed house
sites:
  house:
    time zone: Africa/Johannesburg
    currency: ZAR
    defaults: {tariff: flat, rating: 60 A}
    tariffs:
      flat: {versions: [{from: 2026-01-01, prices: 3.00}]}
    units:
      one: {opening credit: 100.00, meters: [tasmota:killed-one/1]}
      two: {opening credit: 100.00, meters: [shelly:shellyplugsg3-killed/0]}
      three: {opening credit: 100.00, meters: ["zigbee2mqtt:Killed three/state"]}
"""


class Payer:
    """Pays one rand after the other, each with a key of its own that it repeats until it is acknowledged."""

    def __init__(self, api: BridgeApi, account: str) -> None:
        self._api = api
        self._account = account
        self.acknowledged: list[str] = []
        self.enough = asyncio.Event()

    async def pay(self) -> None:
        while not self.enough.is_set():
            key = f"{self._account}-{len(self.acknowledged)}"
            await until(f"{key} is acknowledged", lambda key=key: self._acknowledged(key), SOON_S)  # type: ignore[misc]
            self.acknowledged.append(key)

    async def _acknowledged(self, key: str) -> bool | None:
        try:
            await self._api.top_up(self._account, "1.00", key)
        except aiohttp.ClientError, OSError:
            return None
        return True


@pytest.fixture
def chance() -> random.Random:
    """Return a source of instants; its seed is shown where a test fails."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown where a test fails
    return random.Random(seed)


@asynccontextmanager
async def killed_house(
    mosquitto: Mosquitto, folder: Path
) -> AsyncIterator[tuple[BridgeProcess, BridgeApi, Street]]:
    """Run a bridge of its own with meters of its own on the session's broker."""
    street = Street(mosquitto.url("meters"), UNITS.values(), server_ports={}, password="")
    environment = {"PREPAID_METER_BROKER": mosquitto.url("bridge")}
    bridge = BridgeProcess(folder / "data", free_port(), folder / "bridge.log", environment)
    site = folder / "site.yaml"
    site.write_text(SITE, encoding="utf-8")
    await bridge.run("apply", "--yes", str(site))
    api = BridgeApi(bridge.url, await bridge.token("tests", "landlord"))
    await street.start()
    await bridge.start()
    try:
        yield bridge, api, street
    finally:
        await api.close()
        await bridge.stop()
        await street.stop()


async def account_when_it_answers(api: BridgeApi, account_id: str) -> AccountView | None:
    try:
        return await api.account(account_id)
    except aiohttp.ClientError, OSError:
        return None


@pytest.mark.crash
@pytest.mark.invariant(8)
@pytest.mark.invariant(5)
async def test_nothing_is_lost_or_charged_twice(
    mosquitto: Mosquitto, tmp_path: Path, chance: random.Random
) -> None:
    async with killed_house(mosquitto, tmp_path) as (bridge, api, street):
        began = {account: await first_register(api, account) for account in UNITS}
        payers = [Payer(api, account) for account in UNITS]
        paying = [asyncio.create_task(payer.pay()) for payer in payers]
        for _ in range(ROUNDS):
            await asyncio.sleep(chance.uniform(0.1, 1.5))  # the instant is what the test draws
            await bridge.kill()
            await bridge.start()
        await end_and_compare(bridge, api, street, payers, paying, began)


async def end_and_compare(
    bridge: BridgeProcess,
    api: BridgeApi,
    street: Street,
    payers: Sequence[Payer],
    paying: Sequence[asyncio.Task[None]],
    began: Mapping[str, int],
) -> None:
    """End paying and using, and find each register charged, each top-up booked once and the books right."""
    for payer in payers:
        payer.enough.set()
    await asyncio.gather(*paying)
    for account, fitting in UNITS.items():
        street.dials[fitting.name].watts = 0
        await until(
            f"{account} is charged for its register",
            lambda account=account: charged(api, street, account, began[account]),  # type: ignore[misc]
            SOON_S,
        )
    for payer, account in zip(payers, UNITS, strict=True):
        await books_agree(api, account, payer.acknowledged)
    await bridge.stop()
    assert await bridge.problems() == []


async def first_register(api: BridgeApi, account: str) -> int:
    """Return the register from which on an account is charged."""

    async def look() -> int | None:
        meter = (await api.account(account)).meters[0]
        known = meter.register_wh is not None and meter.energy_wh is not None
        return meter.register_wh - meter.energy_wh if known else None  # type: ignore[operator]

    return await until(f"{account} is read", look, SOON_S)


async def charged(api: BridgeApi, street: Street, account: str, began: int) -> bool | None:
    """Say whether the energy charged is exactly what the register rose since the start."""
    meter = (await api.account(account)).meters[0]
    physics = street.meter(UNITS[account].name).physics
    step = 10 if meter.family == "zigbee2mqtt" else 1
    register = physics.register_wh // step * step
    return True if (meter.register_wh, meter.energy_wh) == (register, register - began) else None


async def books_agree(api: BridgeApi, account: str, acknowledged: list[str]) -> None:
    """Check that every acknowledged top-up is there once, and that the money fits the energy."""
    entries = await api.ledger(account)
    booked = [entry.key for entry in entries if entry.kind == "top_up"]
    assert sorted(map(str, booked)) == sorted(acknowledged)
    view = await api.account(account)
    energy = view.meters[0].energy_wh or 0
    used = Decimal(energy) * 3 / 1000
    expected = Decimal(100) + len(acknowledged) - used
    assert Decimal(view.available).scaleb(-view.amount_digits) == expected


@pytest.mark.crash
@pytest.mark.invariant(9)
async def test_relay_commands_are_taken_up_again(
    mosquitto: Mosquitto, tmp_path: Path, chance: random.Random
) -> None:
    async with killed_house(mosquitto, tmp_path) as (bridge, api, street):
        for account in UNITS:
            await first_register(api, account)
        for action, position in (("off", RelayPosition.OPEN), ("auto", RelayPosition.CLOSED)):
            for fitting in UNITS.values():
                street.meter(fitting.name).faults.deaf = True
            for account in UNITS:
                await api.supply(account, action, "a test" if action == "off" else None)
            await asyncio.sleep(chance.uniform(0.0, 0.5))  # the instant is what the test draws
            await bridge.kill()
            for fitting in UNITS.values():
                street.meter(fitting.name).faults.deaf = False
            await bridge.start()
            for account, fitting in UNITS.items():
                await until(
                    f"the relay of {account} is {position}",
                    lambda account=account, position=position: proven(api, account, position),  # type: ignore[misc]
                    SOON_S,
                )
                assert street.meter(fitting.name).physics.contact_closed is (position is RelayPosition.CLOSED)


async def proven(api: BridgeApi, account: str, position: RelayPosition) -> MeterView | None:
    """Return the meter once its relay is proven at a position."""
    meter = (await api.account(account)).meters[0]
    relay = meter.relay
    done = relay is not None and relay.requested is position and relay.proof is RelayProof.CONFIRMED
    return meter if done else None
