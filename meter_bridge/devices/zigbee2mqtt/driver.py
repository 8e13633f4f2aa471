"""Zigbee2MQTT: meters behind a Zigbee gateway.

Source: Zigbee2MQTT documentation (*MQTT topics and messages*) and observed traffic of 2.14. The gateway
repeats its cache: after ``/set`` it publishes the requested state beside the power of before, whether the
device obeyed or not. So a message whose ``last_seen`` and measurements did not change is marked stale.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from meter_bridge.devices.addresses import FORBIDDEN, parse_address
from meter_bridge.devices.base.driver import Discovered, Item, Publish, Removed, Report
from meter_bridge.devices.base.quantities import (
    DEVICE_LIMIT,
    NAME_LENGTH,
    REFUSALS,
    TELEMETRY_LIMIT,
    UnreadableError,
    current_ma,
    power_mw,
    register_mwh,
    rejection,
    too_large,
    voltage_mv,
)
from meter_bridge.devices.zigbee2mqtt.exposes import (
    DEVICES,
    Channel,
    GatewayDevice,
    Measure,
    Register,
    Switch,
    Word,
    assumed_channel,
    channels_of,
)
from meter_bridge.devices.zigbee2mqtt.names import NAME
from meter_bridge.protocol.vocabulary import RelayPosition

DEVICE_LIST_LIMIT: Final = 8 * 1024 * 1024
"""Largest ``bridge/devices`` in bytes; real homes have hundreds of kB."""
MILLISECONDS: Final = 1000
EPOCH_MS_FROM: Final = 10**11
"""Instants above are in milliseconds, below in seconds."""
EARLIEST_MS: Final = 1_500_000_000_000
LATEST_MS: Final = 4_102_444_800_000

type MeasuredValues = tuple[int | None, int | None, int | None, int | None]


class Availability(msgspec.Struct, frozen=True):
    """The JSON form of availability and of ``bridge/state``."""

    state: str


@dataclass(slots=True)
class _Meter:
    address: str
    channel: Channel
    is_listed: bool = False
    last_seen: Word = None
    measured: MeasuredValues | None = None


@dataclass(slots=True)
class _Device:
    name: str
    meters: tuple[_Meter, ...]
    decoder: msgspec.json.Decoder[msgspec.Struct]
    fields: dict[str, str]


class Zigbee2MqttDriver:
    """Reads and commands the devices of one gateway."""

    family = NAME

    def __init__(self, base: str = "zigbee2mqtt") -> None:
        self._prefix = base + "/"
        self._devices: dict[str, _Device] = {}
        self._assigned: dict[str, set[str]] = {}
        self._listed: dict[str, GatewayDevice] = {}
        self._base_filters = (
            (f"{base}/bridge/state", 1),
            (f"{base}/bridge/devices", 1),
            (f"{base}/+", 1),
            (f"{base}/+/availability", 1),
        )

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the gateway's topics, and those of devices whose name holds a slash."""
        nested = [name for name in self._devices if "/" in name]
        return self._base_filters + tuple(
            (f"{self._prefix}{name}{suffix}", 1) for name in nested for suffix in ("", "/availability")
        )

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of devices in use, and those of the gateway."""
        return self._base_filters[:2] + tuple(
            (f"{self._prefix}{name}{suffix}", 1)
            for name in self._assigned
            for suffix in ("", "/availability")
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

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use; until the gateway lists them, the usual property names are assumed."""
        parsed = [address for address in map(parse_address, addresses) if address.family == self.family]
        before, self._assigned = self._assigned, {}
        for address in parsed:
            self._assigned.setdefault(address.device, set()).add(address.channel)
        for name in before.keys() | self._assigned.keys():
            self._rebuild(name)

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
        return Publish(f"{self._prefix}{parse_address(address).device}/{verb}", msgspec.json.encode(content))

    def _switch_of(self, address: str) -> Switch:
        parsed = parse_address(address)
        device = self._devices.get(parsed.device)
        meters = device.meters if device else ()
        found = next((meter.channel.switch for meter in meters if meter.channel.name == parsed.channel), None)
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
        before = {address for name in self._listed for address in self._addresses(name)}
        old, self._listed = (
            self._listed,
            {device.friendly_name: device for device in listed if _usable(device)},
        )
        for name in old.keys() | self._listed.keys():
            self._rebuild(name)
        now = [item for device in self._listed.values() for item in self._discovered(device)]
        gone = before - {item.address for item in now}
        return (*now, *(Removed(address) for address in sorted(gone)))

    def _addresses(self, name: str) -> list[str]:
        device = self._devices.get(name)
        return [meter.address for meter in device.meters if meter.is_listed] if device else []

    def _discovered(self, listed: GatewayDevice) -> Iterable[Discovered]:
        device = self._devices.get(listed.friendly_name)
        several = device is not None and len(device.meters) > 1
        model = listed.definition.model if listed.definition else None
        for meter in device.meters if device else ():
            name = f"{listed.friendly_name} {meter.channel.name}" if several else listed.friendly_name
            registers, relays = meter.channel.register is not None, meter.channel.switch is not None
            if meter.is_listed:
                yield Discovered(meter.address, name, model, listed.software_build_id, registers, relays)

    def _rebuild(self, name: str) -> None:
        listed = self._listed.get(name)
        channels = channels_of(listed.definition) if listed and listed.definition else ()
        meters = [
            _Meter(f"{self.family}:{name}/{channel.name}", channel, is_listed=True) for channel in channels
        ]
        known = {channel.name for channel in channels}
        assumed = sorted(self._assigned.get(name, set()) - known)
        meters += [_Meter(f"{self.family}:{name}/{channel}", assumed_channel(channel)) for channel in assumed]
        if not meters:
            self._devices.pop(name, None)
            return
        properties = tuple(sorted({part for meter in meters for part in meter.channel.properties()}))
        decoder, fields = _decoder(properties, tuple(_is_switch(meters, part) for part in properties))
        self._devices[name] = _Device(
            name, tuple(_with_previous_state(meters, self._devices.get(name))), decoder, fields
        )


def _usable(listed: GatewayDevice) -> bool:
    """Return whether a device has properties and a name that fits into a topic."""
    name = listed.friendly_name
    return listed.definition is not None and 0 < len(name) <= NAME_LENGTH and not FORBIDDEN.search(name)


def _with_previous_state(meters: Iterable[_Meter], before: _Device | None) -> Iterable[_Meter]:
    known = {meter.address: meter for meter in before.meters} if before else {}
    for meter in meters:
        old = known.get(meter.address)
        if old is not None:
            meter.last_seen, meter.measured = old.last_seen, old.measured
        yield meter


def _is_switch(meters: Iterable[_Meter], name: str) -> bool:
    return any(meter.channel.switch is not None and meter.channel.switch.property == name for meter in meters)


@lru_cache(maxsize=1024)
def _decoder(
    properties: tuple[str, ...], switches: tuple[bool, ...]
) -> tuple[msgspec.json.Decoder[msgspec.Struct], dict[str, str]]:
    """Make a strict decoder for a set of properties; devices of the same model share it."""
    fields: dict[str, str] = {}
    members: list[tuple[str, type, object]] = [
        ("seen", Word, msgspec.field(default=None, name="last_seen")),  # type: ignore[list-item]
    ]
    for number, (name, is_switch) in enumerate(zip(properties, switches, strict=True)):
        fields[name] = f"p{number}"
        kind = Word if is_switch else float | None
        members.append((f"p{number}", kind, msgspec.field(default=None, name=name)))  # type: ignore[arg-type]
    return msgspec.json.Decoder(msgspec.defstruct("Reading", members, frozen=True)), fields


def _readings(device: _Device, payload: bytes, *, retained: bool) -> Sequence[Item]:
    if not payload:
        return ()
    reading = device.decoder.decode(payload)
    return tuple([_report(device, meter, reading, retained=retained) for meter in device.meters])


def _report(device: _Device, meter: _Meter, reading: msgspec.Struct, *, retained: bool) -> Report:
    channel, fields = meter.channel, device.fields
    measured = (
        _register_wh(channel.register, fields, reading),
        None if channel.power is None else _quantity(channel.power, fields, reading, power_mw),
        None if channel.voltage is None else _quantity(channel.voltage, fields, reading, voltage_mv),
        None if channel.current is None else _quantity(channel.current, fields, reading, current_ma),
    )
    seen: Word = getattr(reading, "seen")  # noqa: B009
    stale = retained or _is_repeat(meter, seen, measured)
    return Report(
        meter.address,
        measured[0],
        channel.register.step_wh if channel.register else 1,
        power_mw=measured[1],
        voltage_mv=measured[2],
        current_ma=measured[3],
        relay=None if channel.switch is None else _position(channel.switch, fields, reading),
        online=None if stale else True,
        measured_at_ms=None if seen is None else _instant_ms(seen),
        stale=stale,
        returned_wh=_register_wh(channel.returned, fields, reading),
    )


def _is_repeat(meter: _Meter, seen: Word, measured: MeasuredValues) -> bool:
    """Return whether nothing came from the device itself since the last message."""
    repeated = meter.last_seen == seen and meter.measured == measured
    meter.last_seen, meter.measured = seen, measured
    return repeated


def _register_wh(register: Register | None, fields: dict[str, str], reading: msgspec.Struct) -> int | None:
    if register is None:
        return None
    value: float | None = getattr(reading, fields[register.property])
    return None if value is None else register_mwh(value, register.mwh_per_unit) // 1000


def _quantity(
    measure: Measure, fields: dict[str, str], reading: msgspec.Struct, convert: Callable[[float], int]
) -> int | None:
    value: float | None = getattr(reading, fields[measure.property])
    return None if value is None else convert(value * measure.factor)


def _position(switch: Switch, fields: dict[str, str], reading: msgspec.Struct) -> RelayPosition | None:
    word: Word = getattr(reading, fields[switch.property])
    if word is None:
        return None
    if word == switch.on:
        return RelayPosition.CLOSED
    if word == switch.off:
        return RelayPosition.OPEN
    raise UnreadableError(
        "unknown_relay_word", f"{switch.property} is {word!r:.40}, expected {switch.on!r} or {switch.off!r}"
    )


def _online(payload: bytes) -> bool:
    word = AVAILABILITY.decode(payload).state if payload.startswith(b"{") else payload.decode()
    if word not in {"online", "offline"}:
        raise UnreadableError("unknown_availability", f"availability {word[:40]!r}")
    return word == "online"


def _instant_ms(seen: Word) -> int | None:
    """Read ``last_seen`` in any of its configured formats; None if it is no instant."""
    if isinstance(seen, str):
        return _iso_ms(seen)
    if isinstance(seen, bool) or seen is None or not 0 < seen < LATEST_MS:
        return None
    return _plausible(int(seen if seen > EPOCH_MS_FROM else seen * MILLISECONDS))


def _iso_ms(text: str) -> int | None:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError, OverflowError:
        return None
    return None if instant.tzinfo is None else _plausible(round(instant.timestamp() * MILLISECONDS))


def _plausible(instant_ms: int) -> int | None:
    return instant_ms if EARLIEST_MS < instant_ms < LATEST_MS else None


AVAILABILITY: Final = msgspec.json.Decoder(Availability)
