"""The bare reading path of a benchmark."""

import asyncio
from collections.abc import Iterable, Sequence

from meter_bridge.devices.base.driver import Item, Report
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.devices.registry import build_drivers


class DecodeOnly:
    """Counts what a connection reads: client, routing and strict decoding, and nothing after."""

    def __init__(self) -> None:
        """Start at zero."""
        self.reports = 0
        self.connected = asyncio.Event()

    def take(self, items: Sequence[Item]) -> None:
        """Count the reports of one message."""
        self.reports += sum(isinstance(item, Report) for item in items)

    def connection_changed(self, connected: bool) -> None:  # noqa: FBT001
        """Note that the broker accepted the connection."""
        if connected:
            self.connected.set()


def decode_only(settings: MqttSettings, addresses: Iterable[str]) -> tuple[MqttConnection, DecodeOnly]:
    """Return a connection whose items are only counted, to be started and stopped by the caller."""
    counted = DecodeOnly()
    connection = MqttConnection(settings, build_drivers(addresses), counted.take, counted.connection_changed)
    return connection, counted
