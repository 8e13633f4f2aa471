import pytest

from meter_bridge.devices.addresses import AddressError, parse_address
from meter_bridge.devices.family import Address


@pytest.mark.parametrize(
    "text,expected",
    [
        ("tasmota:kitchen/1", Address("tasmota", "kitchen", "1")),
        ("tasmota:house/kitchen/phase2", Address("tasmota", "house/kitchen", "phase2")),
        ("shelly:shellyplus1pm-a8032ab12345/0", Address("shelly", "shellyplus1pm-a8032ab12345", "0")),
        ("shelly:clamp/em1:1", Address("shelly", "clamp", "em1:1")),
        ("zigbee2mqtt:Plug 7/state", Address("zigbee2mqtt", "Plug 7", "state")),
        ("zigbee2mqtt:0xa4c1/energy_l2", Address("zigbee2mqtt", "0xa4c1", "energy_l2")),
    ],
)
def test_an_address_is_family_device_and_channel(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text,lesson",
    [
        ("kitchen", "begin with one of tasmota, shelly, zigbee2mqtt"),
        ("esphome:x/1", "begin with one of"),
        ("tasmota:kitchen", "has no channel: write for example tasmota:kitchen/1"),
        ("tasmota:/1", "has no channel"),
        ("tasmota:kitchen/9", "relay's number from 1 to 8"),
        ("tasmota:a+b/1", "which no topic can carry"),
        ("tasmota:a\x00b/1", "which no topic can carry"),
        ("tasmota:a//1", "empty part"),
        ("shelly:x/switch:0", "number of its switch"),
        ("zigbee2mqtt:x/last_seen", "property of its relay"),
        ("tasmota:" + "x" * 300 + "/1", "at most 256"),
    ],
)
def test_a_wrong_address_is_refused_with_its_remedy(text: str, lesson: str) -> None:
    with pytest.raises(AddressError, match=lesson.replace("+", r"\+")):
        parse_address(text)
