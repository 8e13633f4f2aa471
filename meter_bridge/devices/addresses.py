"""Meter addresses, ``family:device/channel``, and what they tell of a device before it is connected."""

from collections.abc import Sequence
from typing import Final

from meter_bridge.devices.base.quantities import NAME_LENGTH
from meter_bridge.devices.family import FORBIDDEN, NO_SETTINGS, Address, Family, FamilySettings
from meter_bridge.devices.registry import families, usual_family

ADDRESS_LENGTH: Final = 256
DEVICE_LENGTH: Final = NAME_LENGTH
"""Longest name of a device that a driver keeps."""


class AddressError(ValueError):
    """An address that names no meter; the text says what is wrong and how to write it."""


def parse_address(text: str) -> Address:
    """Read ``family:device/channel``; raise ``AddressError`` with the remedy where it is none."""
    if len(text) > ADDRESS_LENGTH:
        raise AddressError(f"address of {len(text)} characters: at most {ADDRESS_LENGTH} are allowed")
    family = _family(text)
    device, slash, channel = text.removeprefix(f"{family.name}:").rpartition("/")
    if not slash or not device:
        raise AddressError(f"address '{text}' has no channel: write for example {family.example}")
    _check_device(text, device)
    _check_channel(text, family, channel)
    return Address(family.name, device, channel)


def only_device(host: str, addresses: Sequence[str]) -> str:
    """Return the device that all addresses at a host name; raise ``ValueError`` where they name several."""
    names = sorted({parse_address(address).device for address in addresses})
    if len(names) != 1:
        raise ValueError(f"{host} is one device, but the addresses name {len(names)}: {', '.join(names)}")
    return names[0]


def is_same_device(one: str, other: str) -> bool:
    """Return whether two addresses are channels of one device."""
    first, second = parse_address(one), parse_address(other)
    return (first.family, first.device) == (second.family, second.device)


def _family(text: str) -> Family:
    family = families().get(text.partition(":")[0])
    if family is None:
        known, example = ", ".join(families()), usual_family().example
        raise AddressError(
            f"address '{text}' names no meter family: begin with one of {known}, for example {example}"
        )
    return family


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
    if not family.channel.fullmatch(channel):
        raise AddressError(
            f"address '{text}' has the channel '{channel}': a {family.name} channel is "
            f"{family.channel_meaning}, for example {family.example}"
        )


def has_relay(text: str, settings: FamilySettings = NO_SETTINGS) -> bool:
    """Return whether an address may be a relay, as its family names them."""
    address = parse_address(text)
    return families()[address.family].has_relay(address, settings.get(address.family, NO_SETTINGS))


def address_mistake(text: str, settings: FamilySettings) -> tuple[str, str] | None:
    """Return what is wrong with an address of the right form under some settings, and the remedy."""
    address = parse_address(text)
    return families()[address.family].address_mistake(address, settings.get(address.family, NO_SETTINGS))


def unsupported_reason(energy_address: str, relay_address: str | None) -> str | None:
    """Return why a meter cannot cut by itself, or None where it can."""
    if relay_address is None:
        return "a meter without a relay has nothing to cut with"
    energy, relay = parse_address(energy_address), parse_address(relay_address)
    cannot = families()[energy.family].local_cut_off
    if cannot is None:
        return f"a {energy.family} device has no local cut-off"
    if not is_same_device(energy_address, relay_address):
        return "the relay is not in the device that counts"
    return cannot(energy.channel, relay.channel)
