"""A recording of Zigbee2MQTT 2.14.1 itself, with a stand-in for its radio.

The gateway ran with a plug, a circuit breaker and a prepaid breaker, for which the stand-in answered and
reported. Messages about the gateway alone are left out.
"""

import json
from pathlib import Path
from typing import Final

from meter_bridge.devices.base.driver import Discovered, Item, Rejected, Report
from meter_bridge.devices.zigbee2mqtt.driver import Zigbee2MqttDriver
from meter_bridge.protocol.vocabulary import RelayPosition
from tests.devices.support import reports

RECORDING: Final = Path(__file__).parent / "recordings" / "zigbee2mqtt-2.14.1.jsonl"
METERS: Final = {f"zigbee2mqtt:{name}/state" for name in ("plug", "d5z", "zbndj63")}


def played() -> list[Item]:
    """Return what a driver tells of the recording."""
    driver = Zigbee2MqttDriver()
    items: list[Item] = []
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        message = json.loads(line)
        if driver.matches(message["topic"]):
            payload = message["payload"].encode()
            items += driver.decode(message["topic"], payload, retained=message["retain"])
    return items


def test_nothing_of_it_is_rejected() -> None:
    assert not [item for item in played() if isinstance(item, Rejected)]


def test_every_meter_is_discovered_with_its_relay() -> None:
    offered = {item.address: item for item in played() if isinstance(item, Discovered)}
    assert offered.keys() == METERS
    assert all(item.has_relay for item in offered.values())


def test_register_and_power_are_read_to_the_last_digit() -> None:
    told: dict[str, list[Report]] = {}
    for report in reports(played()):
        told.setdefault(report.address, []).append(report)
    assert told.keys() == METERS
    for history in told.values():
        assert [report.register_wh for report in history if report.register_wh is not None][-1] == 1_234_570
        assert [report.power_mw for report in history if report.power_mw is not None][-1] == 1_502_000


def test_what_a_gateway_claims_after_a_command_proves_nothing() -> None:
    breaker = [report for report in reports(played()) if report.address == "zigbee2mqtt:d5z/state"]
    opened = [report for report in breaker if report.relay is RelayPosition.OPEN]
    # The breaker never moved in this recording.
    assert opened
    assert all(report.stale for report in opened)
