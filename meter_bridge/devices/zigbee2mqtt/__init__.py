"""Zigbee2MQTT: meters behind its gateway."""

import re
from typing import TYPE_CHECKING, Final

from meter_bridge.devices.family import BrokerRights, Family
from meter_bridge.devices.zigbee2mqtt.names import BASE, NAME, TITLE
from meter_bridge.text.marks import N_

if TYPE_CHECKING:
    from meter_bridge.devices.base.driver import Driver
    from meter_bridge.devices.base.simulated_meter import SimulatedMeter


def _driver() -> Driver:
    from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver  # noqa: PLC0415 - only where used

    return Zigbee2MqttDriver(BASE)


def _simulator() -> type[SimulatedMeter]:
    from meter_bridge.devices.zigbee2mqtt.simulator import Zigbee2MqttMeter  # noqa: PLC0415 - only where used

    return Zigbee2MqttMeter


def _rights(_device: str) -> BrokerRights:
    """Return the rights of the gateway, which speaks for all of its devices."""
    topics = (f"{BASE}/#",)
    return BrokerRights("Zigbee2MQTT gateway", topics, topics, user=BASE)


def _commands(device: str) -> tuple[str, ...]:
    return f"{BASE}/{device}/set", f"{BASE}/{device}/get"


FAMILY: Final = Family(
    name=NAME,
    title=TITLE,
    rank=3,
    channel=re.compile(r"state[A-Za-z0-9_]{0,60}|[a-z0-9_]{0,30}(?:energy|summ_delivered)[a-z0-9_]{0,30}"),
    channel_meaning="the property of its relay such as state or state_l1, or of its register such as energy",
    example="zigbee2mqtt:Plug 7/state",
    has_relay=lambda channel: channel.startswith("state"),
    driver=_driver,
    rights=_rights,
    commands=_commands("+"),
    nested_commands=_commands,
    no_register=N_("set 'output: json' in Zigbee2MQTT, and look there whether the device has a register"),
    simulator=_simulator,
)
