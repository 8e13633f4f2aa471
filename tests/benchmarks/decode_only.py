"""The baseline of the throughput benchmark: MQTT client, routing and decoding only.

Run as ``python -m tests.benchmarks.decode_only DATA BROKER_URL``. It subscribes to the meters of the
installation in the folder ``DATA`` as the bridge does, until a signal ends it.
"""

import asyncio
from collections.abc import Iterable, Sequence
import logging
from pathlib import Path
import signal
import sys
from typing import Final

from meter_bridge.commands.run import set_up_logging
from meter_bridge.devices.base.driver import Item, Report
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.url import MqttSettings, parse_broker_url
from meter_bridge.devices.registry import build_drivers
from meter_bridge.engine.restore import load_installation
from meter_bridge.storage.database import reading
from meter_bridge.storage.location import location_of

_LOGGER: Final = logging.getLogger("meter_bridge.decode_only")


class DecodeOnly:
    """A connection to the broker that only counts reports."""

    def __init__(self, broker: MqttSettings, addresses: Iterable[str]) -> None:
        self.reports = 0
        self.connected = asyncio.Event()
        self.connection = MqttConnection(broker, build_drivers(addresses), self._count, self._changed)

    def _count(self, items: Sequence[Item]) -> None:
        self.reports += sum(isinstance(item, Report) for item in items)

    def _changed(self, connected: bool) -> None:  # noqa: FBT001 - as the connection calls it
        if connected:
            self.connected.set()


async def decode(data: Path, broker: MqttSettings) -> None:
    """Receive and decode the messages of an installation's meters until a signal."""
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with reading(location_of(data)) as reader, reader.connect() as stored:
        installation = load_installation(stored)
    addresses = [*installation.by_energy_address, *installation.by_relay_address] if installation else []
    base_line = DecodeOnly(broker, addresses)
    base_line.connection.start()
    await stop.wait()
    await base_line.connection.stop()
    messages = base_line.connection.messages
    _LOGGER.info("Decoded %d reports of %d messages", base_line.reports, messages)


if __name__ == "__main__":
    set_up_logging("INFO")
    asyncio.run(decode(Path(sys.argv[1]), parse_broker_url(sys.argv[2])))
