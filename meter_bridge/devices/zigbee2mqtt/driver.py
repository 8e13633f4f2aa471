"""Zigbee2MQTT: meters behind a Zigbee gateway.

Source: Zigbee2MQTT documentation (*MQTT topics and messages*) and observed traffic of 2.14. The gateway
repeats its cache: after ``/set`` it publishes the requested state beside the power of before, whether the
device obeyed or not. So a message whose ``last_seen`` and measurements did not change is marked stale.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import Discovered, Item, Publish, Rejected, Removed, Report
from meter_bridge.devices.base.quantities import (
    DEVICE_LIMIT,
    NAME_LENGTH,
    REFUSALS,
    TELEMETRY_LIMIT,
    UnreadableError,
    rejection,
    too_large,
)
from meter_bridge.devices.family import FORBIDDEN, Address
from meter_bridge.devices.zigbee2mqtt.exposes import (
    DEVICES,
    Channel,
    GatewayDevice,
    Switch,
    Word,
    assumed_channel,
    channels_of,
    named_channel,
)
from meter_bridge.devices.zigbee2mqtt.followed_names import FollowedNames
from meter_bridge.devices.zigbee2mqtt.names import BASE, NAME
from meter_bridge.devices.zigbee2mqtt.readings import Layout, Meter, layout_of, read_message
from meter_bridge.protocol.vocabulary import RelayPosition

DEVICE_LIST_LIMIT: Final = 8 * 1024 * 1024
"""Largest ``bridge/devices`` in bytes; real homes have hundreds of kB."""


class Availability(msgspec.Struct, frozen=True):
    """The JSON form of availability and of ``bridge/state``."""

    state: str


@dataclass(slots=True)
class _Device:
    name: str
    """The friendly name, which its topics carry."""
    meters: tuple[Meter, ...]
    layout: Layout
    refused: tuple[Rejected, ...]
    """Channels that the site file names and that are not read; told with every message."""


class Zigbee2MqttDriver:
    """Reads and commands the devices of all gateways."""

    family = NAME

    def __init__(self, base: str = BASE, *others: str) -> None:
        """Take the base topics of the gateways; devices of the first are named without it."""
        self._first = Gateway(base)
        self._others = {other: Gateway(other, f"{other}/") for other in others}
        self._gateways = (self._first, *self._others.values())

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the gateways' topics, and those of devices whose name holds a slash."""
        return tuple(each for gateway in self._gateways for each in gateway.filters())

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of devices in use, and those of the gateways."""
        return tuple(each for gateway in self._gateways for each in gateway.own_filters())

    def matches(self, topic: str) -> bool:
        """Return whether a topic is under the base of a gateway."""
        return any(gateway.matches(topic) for gateway in self._gateways)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message."""
        for gateway in self._gateways:
            if gateway.matches(topic):
                return gateway.decode(topic, payload, retained=retained)
        return ()

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use; until a gateway lists them, the usual property names are assumed."""
        own: dict[Gateway, list[Address]] = {gateway: [] for gateway in self._gateways}
        for address in map(parse_address, addresses):
            if address.family == self.family:
                own[self._gateway(address)].append(address)
        for gateway, used in own.items():
            gateway.assign(used)

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Ask the relay to move."""
        return self._gateway(parse_address(address)).switch(address, position)

    def query(self, address: str) -> Sequence[Publish]:
        """Ask for the relay's position; nothing where the device cannot be asked, and never for energy."""
        return self._gateway(parse_address(address)).query(address)

    def _gateway(self, address: Address) -> Gateway:
        named = (gateway for base, gateway in self._others.items() if address.device.startswith(f"{base}/"))
        return next(named, self._first)


class Gateway:
    """Reads and commands the devices of one gateway."""

    def __init__(self, base: str, address_prefix: str = "") -> None:
        """``address_prefix`` begins the names of its devices in addresses."""
        self._prefix = base + "/"
        self._address_prefix = address_prefix
        self._devices: dict[str, _Device] = {}
        self._assigned: dict[str, set[str]] = {}
        self._listed: dict[str, GatewayDevice] = {}
        self._hardware: dict[str, str] = {}
        """The ieee address of each friendly name, also of devices whose properties are not known yet."""
        self._names = FollowedNames()
        self._base_filters = (
            (f"{base}/bridge/state", 1),
            (f"{base}/bridge/devices", 1),
            (f"{base}/+", 1),
            (f"{base}/+/availability", 1),
        )

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the gateway's topics, and those of devices whose name holds a slash."""
        return self._base_filters + self._device_filters(name for name in self._devices if "/" in name)

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of devices in use, and those of the gateway."""
        return self._base_filters[:2] + self._device_filters(map(self._names.present, self._assigned))

    def _device_filters(self, names: Iterable[str]) -> tuple[tuple[str, int], ...]:
        return tuple(
            (f"{self._prefix}{name}{suffix}", 1) for name in names for suffix in ("", "/availability")
        )

    def matches(self, topic: str) -> bool:
        """Return whether a topic is under the gateway's base."""
        return topic.startswith(self._prefix)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message."""
        name = topic[len(self._prefix) :]
        device = self._devices.get(name)
        try:
            if device is None:
                return self._other(name, topic, payload, retained=retained)
            if len(payload) > TELEMETRY_LIMIT:
                return too_large(topic, len(payload), TELEMETRY_LIMIT)
            return _readings(device, payload, retained=retained)
        except REFUSALS as error:
            return rejection(topic, error)

    def assign(self, addresses: Iterable[Address]) -> None:
        """Name the addresses in use at this gateway."""
        self._assigned = {}
        for address in addresses:
            self._assigned.setdefault(self._name_of(address), set()).add(address.channel)
        self._names.learn(self._assigned, self._listed)
        self._rebuild()

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Ask the relay to move."""
        switch = self._switch_of(address)
        word = switch.on if position is RelayPosition.CLOSED else switch.off
        return (self._publish(address, "set", {switch.property: word}),)

    def query(self, address: str) -> Sequence[Publish]:
        """Ask for the relay's position; nothing where the device cannot be asked, and never for energy."""
        switch = self._switch_of(address)
        return (self._publish(address, "get", {switch.property: ""}),) if switch.gettable else ()

    def _publish(self, address: str, verb: str, content: dict[str, Word]) -> Publish:
        name = self._names.present(self._name_of(parse_address(address)))
        return Publish(f"{self._prefix}{name}/{verb}", msgspec.json.encode(content))

    def _switch_of(self, address: str) -> Switch:
        parsed = parse_address(address)
        device = self._devices.get(self._names.present(self._name_of(parsed)))
        meters = device.meters if device else ()
        found = next((meter.channel.switch for meter in meters if meter.address == address), None)
        return found or Switch(parsed.channel)

    def _other(self, name: str, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        if name == "bridge/devices":
            return self._device_list(topic, payload)
        if name == "bridge/state":
            return self._gateway_state(payload, retained=retained)
        owner = name.removesuffix("/availability")
        device = self._devices.get(owner)
        if owner == name or device is None or not payload:
            return ()
        online = _online(payload)
        return tuple(Report(meter.address, online=online, stale=retained) for meter in device.meters)

    def _gateway_state(self, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Meters are offline with their gateway; its return proves nothing about them."""
        if not payload or _online(payload):
            return ()
        return tuple(
            Report(meter.address, online=False, stale=retained)
            for device in self._devices.values()
            for meter in device.meters
        )

    def _device_list(self, topic: str, payload: bytes) -> Sequence[Item]:
        if len(payload) > DEVICE_LIST_LIMIT:
            return too_large(topic, len(payload), DEVICE_LIST_LIMIT)
        if not payload:
            return ()
        listed = DEVICES.decode(payload)
        if len(listed) > DEVICE_LIMIT:
            raise UnreadableError("too_many_devices", f"{len(listed)} Zigbee devices, at most {DEVICE_LIMIT}")
        before = {meter.address for meter in self._meters() if meter.is_listed}
        self._listed = {device.friendly_name: device for device in listed if _usable(device)}
        self._hardware = {device.friendly_name: device.ieee_address for device in listed}
        told = self._names.learn(self._assigned, self._listed)
        self._rebuild()
        now = [item for device in self._listed.values() for item in self._discovered(device)]
        gone = before - {item.address for item in now}
        refused = (each for device in self._devices.values() for each in device.refused)
        return (*now, *(Removed(address) for address in sorted(gone)), *told, *refused)

    def _meters(self) -> Iterator[Meter]:
        return (meter for device in self._devices.values() for meter in device.meters)

    def _discovered(self, listed: GatewayDevice) -> Iterable[Discovered]:
        device = self._devices.get(listed.friendly_name)
        several = device is not None and len(device.meters) > 1
        model = listed.definition.model if listed.definition else None
        for meter in device.meters if device else ():
            name = f"{listed.friendly_name} {meter.channel.name}" if several else listed.friendly_name
            registers, relays = meter.channel.register is not None, meter.channel.switch is not None
            if meter.is_listed:
                yield Discovered(meter.address, name, model, listed.software_build_id, registers, relays)

    def _rebuild(self) -> None:
        """Make the devices anew from what is listed and what is in use; meters keep what they measured."""
        before = {meter.address: meter for meter in self._meters()}
        users: dict[str, list[str]] = {}
        for assigned in self._assigned:
            users.setdefault(self._names.present(assigned), []).append(assigned)
        self._devices = {}
        for name in self._listed.keys() | users.keys():
            device = self._build(name, users.get(name, []))
            for meter in device.meters:
                meter.device = self._hardware.get(name) or None
                old = before.get(meter.address)
                if old is not None:
                    meter.last_seen, meter.measured = old.last_seen, old.measured
            if device.meters:
                self._devices[name] = device

    def _build(self, name: str, users: Sequence[str]) -> _Device:
        listed = self._listed.get(name)
        offered = channels_of(listed.definition) if listed and listed.definition else ()
        owner = users[0] if users else self._names.unused(name, listed, self._assigned)
        meters = [Meter(self._address(owner, each.name), each, is_listed=True) for each in offered]
        refused: list[Rejected] = []
        known = {meter.address for meter in meters}
        for user in users:
            for channel in sorted(self._assigned[user]):
                address = self._address(user, channel)
                if address not in known:
                    meters.append(Meter(address, _named(channel, offered, listed, address, refused)))
        return _Device(name, tuple(meters), layout_of([each.channel for each in meters]), tuple(refused))

    def _name_of(self, address: Address) -> str:
        return address.device.removeprefix(self._address_prefix)

    def _address(self, name: str, channel: str) -> str:
        return f"{NAME}:{self._address_prefix}{name}/{channel}"


def _named(
    name: str,
    offered: Sequence[Channel],
    listed: GatewayDevice | None,
    address: str,
    refused: list[Rejected],
) -> Channel:
    """Return the channel that the site file names; one without anything to read where that is refused."""
    found = next((channel for channel in offered if channel.name == name), None)
    if found is not None:
        return found
    try:
        definition = listed.definition if listed else None
        return assumed_channel(name) if definition is None else named_channel(name, definition)
    except UnreadableError as error:
        refused += rejection(address, error)
        return Channel(name)


def _readings(device: _Device, payload: bytes, *, retained: bool) -> Sequence[Item]:
    if not payload:
        return ()
    items = read_message(device.name, device.meters, device.layout, payload, retained=retained)
    return (*items, *device.refused) if device.refused else items


def _usable(listed: GatewayDevice) -> bool:
    """Return whether a device has properties and a name that fits into a topic."""
    name = listed.friendly_name
    return listed.definition is not None and 0 < len(name) <= NAME_LENGTH and not FORBIDDEN.search(name)


def _online(payload: bytes) -> bool:
    word = AVAILABILITY.decode(payload).state if payload.startswith(b"{") else payload.decode()
    if word not in {"online", "offline"}:
        raise UnreadableError("unknown_availability", f"availability {word[:40]!r}")
    return word == "online"


AVAILABILITY: Final = msgspec.json.Decoder(Availability)
