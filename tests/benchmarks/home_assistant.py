"""From a meter's message at the broker to the new state in a real Home Assistant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
import tempfile
import time
from typing import Final

import aiohttp
from gmqtt import Client

from scripts.lib.demo.bridge import BridgeProcess
from scripts.lib.demo.homeassistant import HomeAssistant, entry_of
from scripts.lib.demo.process import free_port
from scripts.lib.demo.waiting import until
from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, mosquitto
from tests.benchmarks.publisher import START_WH, telemetry

PROJECT: Final = Path(__file__).parents[2]
METERS: Final = 20
READINGS: Final = 400
PER_SECOND: Final = 20


class States:
    """Records when Home Assistant first shows a power."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    async def listen(self, home: HomeAssistant) -> None:
        """Follow changed states until cancelled."""
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{home.url}/api/websocket") as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": home.tokens["access_token"]})
            await socket.send_json({"id": 1, "type": "subscribe_events", "event_type": "state_changed"})
            async for message in socket:
                self._take(message.json())

    def _take(self, message: dict[str, object]) -> None:
        event = message.get("event")
        if isinstance(event, dict) and str(event["data"]["entity_id"]).endswith("_power"):
            state = event["data"]["new_state"]
            if state is not None:
                self.seen.setdefault(str(float(state["state"])), time.monotonic())


@asynccontextmanager
async def at_home(folder: Path, process: BridgeProcess) -> AsyncIterator[HomeAssistant]:
    """Run a Home Assistant that shows the bridge's accounts."""
    home = HomeAssistant(PROJECT, folder / "home", free_port(), folder / "home.log")
    await home.start()
    try:
        await home.onboard()
        entry_of(await home.add_bridge(process.port, await process.token("benchmark", "landlord")))
        yield home
    finally:
        await home.stop()


async def main() -> None:
    """Publish readings of many meters and print the percentiles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await asyncio.to_thread(asyncio.run, install(folder / "data", METERS))
        broker, port = await mosquitto(folder)
        process = await bridge(folder, folder / "data", port)
        try:
            async with at_home(folder, process) as home:
                delays = await measure(home, port)
        finally:
            await process.stop()
            await broker.stop()
    cuts = quantiles(delays, n=100)
    print(
        f"  message to Home Assistant's state, {len(delays)} of {READINGS} seen, {PER_SECOND}/s:"
        f" median {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms (goal: under 300)",
        flush=True,
    )


async def measure(home: HomeAssistant, port: int) -> list[float]:
    """Return the delays in ms; each reading is identified by its power."""
    states, client = States(), Client("benchmark")
    await client.connect("127.0.0.1", port)
    for meter in range(METERS):
        client.publish(f"tele/m{meter}/SENSOR", telemetry(START_WH), qos=0)
    await until("powers are shown", lambda: home.state(f"sensor.u{METERS - 1}_power"), 60)
    listening = asyncio.create_task(states.listen(home))
    await asyncio.sleep(1)
    sent: dict[str, float] = {}
    for count in range(READINGS):
        watts = 2000 + count
        reading = telemetry(START_WH + 1 + count // METERS).replace(b'"Power":1800', b'"Power":%d' % watts)
        sent[str(float(watts))] = time.monotonic()
        client.publish(f"tele/m{count % METERS}/SENSOR", reading, qos=0)
        await asyncio.sleep(1 / PER_SECOND)
    await asyncio.sleep(2)
    listening.cancel()
    await client.disconnect()
    return [(states.seen[power] - at) * 1000 for power, at in sent.items() if power in states.seen]
