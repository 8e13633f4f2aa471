"""A thousand accounts in one entry of a real Home Assistant: the time of set-up, the cost of an update."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
import tempfile
import time
from typing import Final

from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.homeassistant import HomeAssistant, ask, entry_of
from scripts.lib.demo.process import free_port
from scripts.lib.demo.waiting import until
from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, cpu_s, load, mosquitto, quiet

PROJECT: Final = Path(__file__).parents[2]
FEW: Final = 10
MANY: Final = 1_000
UPDATES: Final = 150
PER_SECOND: Final = 5.0
"""Below the ten updates a second into which the bridge gathers changes, so that each reading is an update."""
ENTRIES: Final = "/api/config/config_entries/entry"


@dataclass(frozen=True)
class Measured:
    """The figures of one Home Assistant with a number of accounts."""

    first_s: float
    first_cpu_s: float
    again_s: float
    again_cpu_s: float
    update_ms: float
    states: int


async def main() -> None:
    """Measure few and many accounts and print both."""
    few, many = await measured(FEW), await measured(MANY)
    for accounts, found in ((FEW, few), (MANY, many)):
        print(
            f"  {accounts:>5} accounts, {found.states} entities enabled: first set-up {found.first_s:.1f} s"
            f" ({found.first_cpu_s:.1f} s of processor), later ones {found.again_s:.1f} s"
            f" ({found.again_cpu_s:.1f} s; goal: each under 5), an update of one {found.update_ms:.1f} ms"
            " of processor",
            flush=True,
        )
    print(f"  an update with {MANY // FEW} times as many accounts: x {many.update_ms / few.update_ms:.2f}")


async def measured(accounts: int) -> Measured:
    """Start broker, bridge and Home Assistant with this many accounts, and measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await asyncio.to_thread(asyncio.run, install(folder / "data", accounts))
        broker, port = await mosquitto(folder)
        process = await bridge(folder, folder / "data", port)
        home = HomeAssistant(PROJECT, folder / "home", free_port(), folder / "home.log")
        try:
            await load(port, accounts, 1, 0)
            await home.start()
            await home.onboard()
            await quiet(home)
            return await _measured(home, process, port, accounts)
        finally:
            await home.stop()
            await process.stop()
            await broker.stop()


async def _measured(home: HomeAssistant, process: BridgeProcess, port: int, accounts: int) -> Measured:
    token = await process.token("benchmark", "landlord")
    cpu, begin = cpu_s(home), time.monotonic()
    entry = entry_of(await home.add_bridge(process.port, token))
    await until("the last account is there", lambda: home.state(f"sensor.u{accounts - 1}_balance"), 60)
    first_s, first_cpu_s = time.monotonic() - begin, cpu_s(home) - cpu
    await until("the last account is complete", lambda: _knows(home, f"sensor.u{accounts - 1}_price"), 600)
    await quiet(home)
    cpu, begin = cpu_s(home), time.monotonic()
    await home.post(f"{ENTRIES}/{entry}/reload", {})
    again_s, again_cpu_s = time.monotonic() - begin, cpu_s(home) - cpu
    await quiet(home)
    idle = await _cpu_of(home, UPDATES / PER_SECOND)
    cpu = cpu_s(home)
    for n in range(UPDATES):
        await load(port, 1, 1, 100 + 100 * n)
        await asyncio.sleep(1 / PER_SECOND)
    update_ms = (cpu_s(home) - cpu - idle) / UPDATES * 1000
    states = len(await home.get("/api/states"))
    return Measured(first_s, first_cpu_s, again_s, again_cpu_s, update_ms, states)


async def _knows(home: HomeAssistant, entity: str) -> bool:
    """Return whether an entity is registered, even if disabled."""
    asked = {"type": "config/entity_registry/get_entries", "entity_ids": [entity]}
    return (await ask(home, asked))[entity] is not None


async def _cpu_of(home: HomeAssistant, seconds: float) -> float:
    """Return the processor time that Home Assistant uses while nothing changes."""
    cpu = cpu_s(home)
    await asyncio.sleep(seconds)
    return cpu_s(home) - cpu
