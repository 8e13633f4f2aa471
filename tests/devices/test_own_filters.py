"""A bridge that shares the sites hears its own meters, whole, and none of another's."""

import pytest

from meter_bridge.devices.base.driver import Driver
from meter_bridge.devices.registry import build_drivers

ADDRESSES = ("tasmota:m1/1", "shelly:plug-1/0", "zigbee2mqtt:Plug one/state")
OWN = (
    "tele/m1/SENSOR",
    "stat/m1/POWER1",
    "m1/tele/SENSOR",
    "tasmota/discovery/AABBCCDDEEFF/config",
    "plug-1/events/rpc",
    "plug-1/online",
    "plug-1/status/switch:0",
    "prepaid-meter-bridge/plug-1/rpc",
    "zigbee2mqtt/Plug one",
    "zigbee2mqtt/Plug one/availability",
    "zigbee2mqtt/bridge/devices",
)


def hears(name: str, topic: str) -> bool:
    """Say whether a filter matches a topic, by the rules of MQTT."""
    wanted, given = name.split("/"), topic.split("/")
    return len(wanted) == len(given) and all(w in ("+", g) for w, g in zip(wanted, given, strict=True))


@pytest.fixture
def drivers() -> list[Driver]:
    return build_drivers(ADDRESSES)


@pytest.mark.parametrize("topic", OWN)
def test_what_an_own_meter_sends_is_heard_by_some_filter(drivers: list[Driver], topic: str) -> None:
    names = [name for driver in drivers for name, _ in driver.own_filters()]
    assert any(hears(name, topic) for name in names)


@pytest.mark.parametrize("topic", [each for each in OWN if "bridge/dev" not in each and "discov" not in each])
def test_what_the_meter_of_another_sends_is_not(drivers: list[Driver], topic: str) -> None:
    foreign = topic.replace("m1", "m2").replace("plug-1", "plug-2").replace("Plug one", "Plug two")
    names = [name for driver in drivers for name, _ in driver.own_filters()]
    assert not any(hears(name, foreign) for name in names)
