"""Everything that the demo starts, and stops again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
import time
from typing import Final

from scripts.lib.demo import cast, history
from scripts.lib.demo.bridge import BridgeApi, BridgeProcess
from scripts.lib.demo.homeassistant import HomeAssistant, entry_of
from scripts.lib.demo.landlord import Dashboard
from scripts.lib.demo.process import LOOPBACK, free_port
from scripts.lib.demo.street import Fitting, Street

PROJECT: Final = Path(__file__).resolve().parents[3]
LANDING: Final = 1_000_000
"""Balance of the household when the story begins: one rand."""
EXPORT_EVERY_S: Final = 60
CALM_WATTS: Final = 350.0
CUT: Final = ("Flat 5", "shellyplugsg3-a8032ab10004", "shellyplugsg3-a8032ab10014")
"""Meters of units whose credit is used up when the story begins."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The demo's ports, on this machine only; others are used if the preferred ones are in use."""

    bridge: int = 8126
    home_assistant: int = 8123
    dashboard: int = 8501
    broker: int = 18830

    def free(self) -> Ports:
        """Return ports that are free now."""
        wanted = (self.bridge, self.home_assistant, self.dashboard, self.broker)
        return Ports(*(free_port(port) for port in wanted))


@dataclass
class Stage:
    """The running demo."""

    folder: Path
    ports: Ports
    bridge: BridgeProcess
    api: BridgeApi
    home: HomeAssistant
    dashboard: Dashboard
    street: Street

    @property
    def logs(self) -> tuple[tuple[str, str], ...]:
        """Return the last lines of each log."""
        return tuple((process.name, process.tail()) for process in (self.bridge, self.home, self.dashboard))


@asynccontextmanager
async def set_up(folder: Path, ports: Ports, say: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Start everything in an empty folder; stop all of it on exit, whatever happens."""
    async with AsyncExitStack() as stack:
        parts = _parts(folder, ports.free())
        shelly_port = free_port()
        say("starting Home Assistant; meanwhile the bridge's own engine creates the history")
        stack.push_async_callback(parts.home.stop)
        home = asyncio.create_task(parts.home.start())
        began = time.monotonic()
        document = cast.site_document(f"{LOOPBACK}:{shelly_port}")
        registers = await _seed(parts.bridge.data, document)
        say(f"{history.DAYS} days of readings, charges and top-ups are in the books ({_since(began)})")
        stack.push_async_callback(parts.bridge.stop)
        await parts.bridge.start()
        say(f"the bridge is running, with its own broker ({_since(began)})")
        parts.street = _street(parts.ports, registers, shelly_port)
        stack.push_async_callback(parts.street.stop)
        await parts.street.start()
        stack.push_async_callback(parts.dashboard.stop)
        await asyncio.gather(home, parts.dashboard.start())
        parts.api = BridgeApi(parts.bridge.url, await parts.bridge.token("Demo", "landlord"))
        stack.push_async_callback(parts.api.close)
        await _connect(parts)
        say(f"Home Assistant is connected to the bridge, the dashboard is running ({_since(began)})")
        yield parts


def _parts(folder: Path, ports: Ports) -> Stage:
    data, logs = folder / "bridge", folder / "logs"
    environment = {
        "PREPAID_METER_EMBEDDED_PORT": str(ports.broker),
        "PREPAID_METER_EXPORT_EVERY_S": str(EXPORT_EVERY_S),
        cast.SHELLY_PASSWORD_VARIABLE: cast.SHELLY_PASSWORD,
    }
    bridge = BridgeProcess(data, ports.bridge, logs / "bridge.log", environment)
    return Stage(
        folder,
        ports,
        bridge,
        BridgeApi(bridge.url, ""),
        HomeAssistant(PROJECT, folder / "homeassistant", ports.home_assistant, logs / "homeassistant.log"),
        Dashboard(data, ports.dashboard, logs / "dashboard.log"),
        Street("mqtt://127.0.0.1", [], server_ports={}, password=""),  # nosec B106 - none
    )


async def _seed(data: Path, document: str) -> dict[str, int]:
    """Write the history in a thread while the event loop starts the other parts."""
    until = time.time_ns() // 1_000_000
    past = history.seed(data, document, until=until, landing=LANDING)
    return await asyncio.to_thread(asyncio.run, past)


def _street(ports: Ports, registers: dict[str, int], shelly_port: int) -> Street:
    """Return simulated meters that continue where the history ends."""
    fittings = [
        Fitting(
            name=metered.name,
            family=metered.family,
            register_wh=registers[address],
            watts=_watts(account_id) * metered.share,
            closed=metered.name not in CUT,
            own_server=metered.own_server,
        )
        for account_id, resident in cast.RESIDENTS.items()
        for address, metered in resident.meters.items()
    ]
    servers = {fitting.name: shelly_port for fitting in fittings if fitting.own_server}
    free = Fitting(cast.FREE_METER, "tasmota", watts=15.0)
    return Street(
        f"mqtt://{LOOPBACK}:{ports.broker}",
        [*fittings, free],
        server_ports=servers,
        password=cast.SHELLY_PASSWORD,
    )


def _watts(account_id: str) -> float:
    if account_id == cast.HOUSEHOLD:
        return CALM_WATTS
    return cast.RESIDENTS[account_id].habit.daily_wh / 24 * 1.4


async def _connect(stage: Stage) -> None:
    await stage.home.onboard()
    token = await stage.bridge.token("Home Assistant", "landlord")
    entry_of(await stage.home.add_bridge(stage.ports.bridge, token))


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s"
