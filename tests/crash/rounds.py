"""Rounds of faults on real processes: each causes one fault, ends it, and checks what was lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
import random
import time
from typing import Final

from scripts.lib.demo.process import EndedError
from scripts.lib.demo.waiting import until
from tests.crash.house import SOON_S, UNITS, CrashHouse, crash_house
from tests.crash.proxy import Network

type Round = Callable[[CrashHouse, random.Random], Awaitable[None]]


async def bridge_killed(house: CrashHouse, chance: random.Random) -> None:
    """Kill the bridge with SIGKILL."""
    await asyncio.sleep(chance.uniform(0.05, 1.0))  # the instant is what is drawn
    await house.bridge.kill()
    await house.bridge.start()


async def broker_killed(house: CrashHouse, chance: random.Random) -> None:
    """Kill mosquitto with SIGKILL; it keeps nothing."""
    await asyncio.sleep(chance.uniform(0.05, 1.0))
    await house.mosquitto.kill()
    await asyncio.sleep(chance.uniform(0.0, 1.0))
    await house.mosquitto.start()


async def both_killed(house: CrashHouse, chance: random.Random) -> None:
    """Kill both at once, as a power cut does."""
    await asyncio.sleep(chance.uniform(0.05, 1.0))
    await asyncio.gather(house.mosquitto.kill(), house.bridge.kill())
    await house.mosquitto.start()
    await house.bridge.start()


async def connection_cut(house: CrashHouse, chance: random.Random) -> None:
    """Reset every connection, three times."""
    for _ in range(3):
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        house.proxy.cut()


async def connection_stalled(house: CrashHouse, chance: random.Random) -> None:
    """Stop all traffic for a while."""
    house.proxy.become(Network.STALLED)
    await asyncio.sleep(chance.uniform(0.5, 3.0))
    house.proxy.become(Network.FINE)


async def connection_delayed(house: CrashHouse, chance: random.Random) -> None:
    """Delay every packet."""
    house.proxy.become(Network.DELAYED, chance.uniform(0.05, 0.5))
    await asyncio.sleep(chance.uniform(0.5, 3.0))
    house.proxy.become(Network.FINE)


async def connection_half_open(house: CrashHouse, chance: random.Random) -> None:
    """Keep connections open but drop all traffic."""
    house.proxy.become(Network.HALF_OPEN)
    await asyncio.sleep(chance.uniform(0.5, 3.0))
    house.proxy.become(Network.FINE)


async def disk_full(house: CrashHouse, chance: random.Random) -> None:
    """Fill the disk: the bridge reports it, acknowledges nothing, and resumes by itself."""
    pid = house.bridge.pid
    assert pid is not None
    with house.volume.full(pid):
        await until("health turns red", house.down, SOON_S)
        await house.refuses_everybody()
        paid, until_s = house.paid(), time.monotonic() + chance.uniform(0.5, 3.0)
        while time.monotonic() < until_s:
            assert await house.down(), "health is not red although the disk is full"
            await asyncio.sleep(0.05)
        assert house.paid() == paid, "a top-up was acknowledged although the disk is full"
        assert house.lost() == []


async def disk_read_only(house: CrashHouse, _chance: random.Random) -> None:
    """Make the disk read-only after a power cut: the bridge refuses to start."""
    await house.bridge.kill()
    with house.volume.read_only():
        try:
            await house.bridge.start()
        except EndedError:
            pass
        else:
            raise AssertionError("the bridge started on a disk that it cannot write")
    await house.bridge.start()


ROUNDS: Final[dict[str, Round]] = {
    "bridge killed": bridge_killed,
    "broker killed": broker_killed,
    "both killed": both_killed,
    "connection cut": connection_cut,
    "connection stalled": connection_stalled,
    "connection delayed": connection_delayed,
    "connection half open": connection_half_open,
    "disk full": disk_full,
    "disk read-only": disk_read_only,
}


async def run_rounds(folder: Path, seed: int, rounds: int, report: Callable[[str], None]) -> Counter[str]:
    """Run this many rounds, each kind in turn; raise ``AssertionError`` if anything was lost."""
    chance, done = random.Random(seed), Counter[str]()
    names = list(ROUNDS)
    async with crash_house(folder) as house:
        for number in range(rounds):
            name = names[number % len(names)]
            await _one(house, chance, name)
            done[name] += 1
            report(f"{number + 1:4}  {name:22} {_paid(house)} top-ups acknowledged, none lost")
        await house.finish()
        assert house.lost() == []
        assert await house.wrong_balances() == []
        await house.bridge.stop()
        assert await house.bridge.problems() == []
        report(
            f"{_paid(house)} top-ups acknowledged in {rounds} rounds: each is there once, the books are right"
        )
    return done


async def _one(house: CrashHouse, chance: random.Random, name: str) -> None:
    account, off = chance.choice(list(UNITS)), chance.random() < 0.5
    switching = asyncio.create_task(house.switcher.switch(account, off=off))
    await ROUNDS[name](house, chance)
    await switching
    await until(f"the bridge is healthy again after '{name}'", house.healthy, SOON_S)
    assert house.lost() == []
    for unit in UNITS:
        await until(
            f"the relay of {unit} is right after '{name}'", partial(house.relay_is_right, unit), SOON_S
        )


def _paid(house: CrashHouse) -> int:
    return sum(house.paid())
