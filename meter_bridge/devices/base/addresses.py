"""Meter addresses: ``family:device/channel``."""

from collections.abc import Mapping
from dataclasses import dataclass
import re
from typing import Final

from meter_bridge.devices.base.decoding import NAME_LENGTH
from meter_bridge.devices.base.driver import Family

ADDRESS_LENGTH: Final = 256
DEVICE_LENGTH: Final = NAME_LENGTH
"""Longest name of a device that a driver keeps."""
FORBIDDEN: Final = re.compile(r"[+#\x00-\x1f\x7f]")
"""Characters that a topic cannot carry."""
CHANNELS: Final[Mapping[Family, tuple[re.Pattern[str], str]]] = {
    Family.TASMOTA: (
        re.compile(r"[1-8]|phase[1-8]"),
        "the relay's number from 1 to 8 (1 has the register), or phase1 to phase8 with SetOption129",
    ),
    Family.SHELLY: (
        re.compile(r"[0-9]{1,3}|em1:[0-9]{1,3}"),
        "the number of its switch, pm1 or em component from 0, or em1:0 for a single-phase clamp",
    ),
    Family.ZIGBEE2MQTT: (
        re.compile(r"state[A-Za-z0-9_]{0,60}|[a-z_]{0,30}energy[a-z0-9_]{0,30}"),
        "the property of its relay such as state or state_l1, or of its register such as energy",
    ),
}
EXAMPLES: Final[Mapping[Family, str]] = {
    Family.TASMOTA: "tasmota:kitchen/1",
    Family.SHELLY: "shelly:shellyplus1pm-a8032ab12345/0",
    Family.ZIGBEE2MQTT: "zigbee2mqtt:Plug 7/state",
}


class AddressError(ValueError):
    """An address that names no meter; the text says what is wrong and how to write it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A meter's address in its parts."""

    family: Family
    device: str
    """Tasmota's topic, Shelly's topic prefix (by default its device id), Zigbee2MQTT's friendly name."""
    channel: str

    def __str__(self) -> str:
        """Return the address as the site file writes it."""
        return f"{self.family}:{self.device}/{self.channel}"


def parse_address(text: str) -> Address:
    """Read ``family:device/channel``; raise ``AddressError`` with the remedy where it is none."""
    if len(text) > ADDRESS_LENGTH:
        raise AddressError(f"address of {len(text)} characters: at most {ADDRESS_LENGTH} are allowed")
    family = _family(text)
    device, slash, channel = text.removeprefix(f"{family}:").rpartition("/")
    if not slash or not device:
        raise AddressError(f"address '{text}' has no channel: write for example {EXAMPLES[family]}")
    _check_device(text, device)
    _check_channel(text, family, channel)
    return Address(family, device, channel)


def _family(text: str) -> Family:
    name = text.partition(":")[0]
    try:
        return Family(name)
    except ValueError:
        known = ", ".join(Family)
        example = EXAMPLES[Family.TASMOTA]
        message = f"address '{text}' names no meter family: begin with one of {known}, for example {example}"
        raise AddressError(message) from None


def _check_device(text: str, device: str) -> None:
    if len(device) > DEVICE_LENGTH:
        raise AddressError(
            f"address '{text[:40]}…' names a device of {len(device)} characters: "
            f"at most {DEVICE_LENGTH} are allowed"
        )
    found = FORBIDDEN.search(device)
    if found:
        raise AddressError(
            f"address '{text}' holds {found.group()!r}, which no topic can carry: leave it out"
        )
    if device.startswith("/") or device.endswith("/"):
        raise AddressError(f"address '{text}' has an empty part: write single slashes between names")


def _check_channel(text: str, family: Family, channel: str) -> None:
    pattern, meaning = CHANNELS[family]
    if not pattern.fullmatch(channel):
        raise AddressError(
            f"address '{text}' has the channel '{channel}': a {family} channel is {meaning}, "
            f"for example {EXAMPLES[family]}"
        )
