"""Drivers of all families."""

from collections.abc import Callable, Iterable
from typing import Final

from meter_bridge.devices.base.driver import Driver, Family
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
