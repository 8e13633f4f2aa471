"""From the last reading before depletion to the relay command on the wire, beside 200 readings a second."""

import asyncio
from pathlib import Path
from statistics import quantiles
import tempfile
import time
from typing import Final

from gmqtt import Client

from tests.benchmarks.installation import install
from tests.benchmarks.parts import bridge, mosquitto
from tests.benchmarks.publisher import START_WH, telemetry

METERS: Final = 500
RATE: Final = 200
CREDIT: Final = "100.00"
ENOUGH_WH: Final = 60_000
"""More energy than the credit buys in any band."""


class Watch:
    """Publishes readings and records when each meter is commanded to open."""

    def __init__(self) -> None:
        self.client = Client("benchmark")
        self.client.on_message = self._on_command
        self.opened: dict[str, float] = {}
        self.sent: dict[str, float] = {}

    def _on_command(self, _client: object, topic: str, payload: bytes, _qos: int, _properties: object) -> int:
        if payload.upper() == b"OFF":
            self.opened.setdefault(topic.split("/")[1], time.monotonic())
        return 0

    def read(self, meter: int, wh: int) -> None:
        self.client.publish(f"tele/m{meter}/SENSOR", telemetry(START_WH + wh), qos=0)

    async def paced(self, wh: dict[int, int]) -> None:
        """Publish one reading for each meter at the rate."""
        started = time.monotonic()
        for count, (meter, register) in enumerate(wh.items()):
            self.sent[f"m{meter}"] = time.monotonic()
            self.read(meter, register)
            await asyncio.sleep(max(started + (count + 1) / RATE - time.monotonic(), 0))


async def main() -> None:
    """Deplete every meter once, at the rate, and print the percentiles."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        await asyncio.to_thread(asyncio.run, install(data, METERS, CREDIT))
        broker, port = await mosquitto(folder)
        process = await bridge(folder, data, port)
        watch = Watch()
        await watch.client.connect("127.0.0.1", port)
        watch.client.subscribe("cmnd/+/POWER", qos=0)
        watch.client.subscribe("cmnd/+/POWER1", qos=0)
        for wh in (0, 1, 2):
            await watch.paced(dict.fromkeys(range(METERS), wh))
        watch.sent.clear()
        await watch.paced(dict.fromkeys(range(METERS), ENOUGH_WH))
        await asyncio.sleep(2)
        await watch.client.disconnect()
        await process.stop()
        await broker.stop()
    delays = [(watch.opened[key] - sent) * 1000 for key, sent in watch.sent.items() if key in watch.opened]
    missing = METERS - len(delays)
    cuts = quantiles(delays, n=100)
    print(
        f"  reading to relay command at {RATE}/s, {len(delays)} cuts ({missing} missing):"
        f" median {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms (goal: under 50)",
        flush=True,
    )
