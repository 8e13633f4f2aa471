"""Drivers of all families, and the bare reading path of a benchmark."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from meter_bridge.devices.base.driver import Driver, Family, Item, Report
from meter_bridge.devices.broker.connection import MqttConnection
from meter_bridge.devices.broker.url import MqttSettings
from meter_bridge.devices.shelly.driver import ShellyDriver
from meter_bridge.devices.tasmota.driver import TasmotaDriver
from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver

SOURCE: Final = "prepaid-meter-bridge"
ZIGBEE2MQTT_BASE: Final = "zigbee2mqtt"


def build_drivers(
    addresses: Iterable[str] = (),
    *,
    families: Iterable[Family] = tuple(Family),
    source: str = SOURCE,
    zigbee2mqtt_base: str = ZIGBEE2MQTT_BASE,
) -> list[Driver]:
    """Return a driver per family with the addresses in use; raise ``AddressError`` for one that is none.

    ``source`` is the topic under which Shelly devices answer; two bridges on one broker need two.
    """
    makers: dict[Family, Callable[[], Driver]] = {
        Family.TASMOTA: TasmotaDriver,
        Family.SHELLY: lambda: ShellyDriver(source),
        Family.ZIGBEE2MQTT: lambda: Zigbee2MqttDriver(zigbee2mqtt_base),
    }
    drivers = [makers[family]() for family in families]
    in_use = list(addresses)
    for driver in drivers:
        driver.assign(in_use)
    return drivers


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
