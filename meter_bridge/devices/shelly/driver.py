"""Shelly Gen2+ over MQTT: RPC frames on the device's topic prefix.

Source: Shelly technical documentation, *RPC Channels* and *MQTT*. The prefix, by default the device id, is
the device's part of the address. A request names ``<source>/<prefix>`` as its origin, so the answer's topic
tells whose it is.
"""

from collections.abc import Sequence
from typing import Final

from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import Item, Publish, Report
from meter_bridge.devices.base.quantities import (
    REFUSALS,
    TELEMETRY_LIMIT,
    check_new_device,
    rejection,
    too_large,
)
from meter_bridge.devices.shelly.device import (
    INFORMATION_REQUEST,
    METERING,
    STATUS_REQUEST,
    Request,
    ShellyDevice,
    switch_request,
)
from meter_bridge.devices.shelly.names import NAME, TITLE
from meter_bridge.protocol.vocabulary import RelayPosition

EVENTS: Final = "/events/rpc"
ONLINE: Final = "/online"
STATUS: Final = "/status/"
ANSWER: Final = "/rpc"
ONLINE_WORDS: Final = {b"true": True, b"false": False}


class ShellyDriver:
    """Reads and commands Shelly devices that have ``rpc_ntf`` on, as they have by default."""

    family = NAME

    def __init__(self, source: str = "prepaid-meter-bridge") -> None:
        """``source`` is the topic under which answers come; it must be unique to this installation."""
        self._source = source + "/"
        self._devices: dict[str, ShellyDevice] = {}
        self._assigned: dict[str, set[str]] = {}

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of prefixes without a slash, and those of devices in use that have one."""
        nested = [name for name in self._assigned if "/" in name]
        return (
            (self._source + "#", 1),
            ("+" + EVENTS, 1),
            ("+" + ONLINE, 1),
            ("+/status/+", 1),
            *((name + suffix, 1) for name in nested for suffix in (EVENTS, ONLINE, "/status/+")),
        )

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the topics of devices in use, and those of their answers."""
        answers = [(self._source + name + ANSWER, 1) for name in self._assigned]
        suffixes = (EVENTS, ONLINE, STATUS + "+")
        return (*answers, *((name + suffix, 1) for name in self._assigned for suffix in suffixes))

    def matches(self, topic: str) -> bool:
        """Return whether a topic has the shape of Shelly's."""
        return topic.endswith((EVENTS, ONLINE)) or STATUS in topic or topic.startswith(self._source)

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message."""
        if len(payload) > TELEMETRY_LIMIT:
            return too_large(topic, len(payload), TELEMETRY_LIMIT)
        try:
            if topic.endswith(EVENTS):
                return self._frame_items(self._device(topic[: -len(EVENTS)]), payload)
            return self._other_topic(topic, payload, retained=retained)
        except REFUSALS as error:
            return rejection(topic, error)

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use."""
        self._assigned = {}
        for address in map(parse_address, addresses):
            if address.family == self.family:
                self._assigned.setdefault(address.device, set()).add(address.channel)

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Ask the relay to move; a clamp has none."""
        parsed = parse_address(address)
        if not parsed.channel.isdecimal():
            return ()
        return (self._request(parsed.device, switch_request(parsed.channel, position)),)

    def query(self, address: str) -> Sequence[Publish]:
        """Ask for the device's full status."""
        return (self._request(parse_address(address).device, STATUS_REQUEST),)

    def _request(self, device: str, request: Request) -> Publish:
        return Publish(device + ANSWER, request.encoded(self._source + device))

    def _device(self, name: str) -> ShellyDevice:
        device = self._devices.get(name)
        if device is None:
            check_new_device(name, self._devices, self._assigned, TITLE)
            device = self._devices[name] = ShellyDevice(name)
        return device

    def _other_topic(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        if topic.startswith(self._source):
            name = topic[len(self._source) :].removesuffix(ANSWER)
            return self._frame_items(self._devices[name], payload) if name in self._devices else ()
        if topic.endswith(ONLINE):
            return self._online(topic[: -len(ONLINE)], payload, retained=retained)
        name, found, component = topic.rpartition(STATUS)
        if not found or component.partition(":")[0].removesuffix("data") not in METERING:
            return ()
        return self._device(name).component(component, payload, retained=retained)

    def _frame_items(self, device: ShellyDevice, payload: bytes) -> Sequence[Item]:
        items = device.frame(payload)
        if device.status_known and device.information_known and not device.wants_status:
            return items
        return (*items, *self._missing_requests(device))

    def _missing_requests(self, device: ShellyDevice) -> Sequence[Publish]:
        wanted = [] if device.information_known else [INFORMATION_REQUEST]
        if device.wants_status or not device.status_known:
            wanted.append(STATUS_REQUEST)
        device.wants_status = False
        return [self._request(device.name, request) for request in wanted]

    def _online(self, name: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        online = ONLINE_WORDS.get(payload)
        # Other families and programs use topics that end in /online too.
        if online is None or (name not in self._devices and not online):
            return ()
        if "/" in name and name not in self._assigned:  # nor are other prefixes asked for
            return ()
        device = self._device(name)
        device.gone()
        reports = [Report(address, online=online, stale=retained) for address in self._addresses(device)]
        return (
            *reports,
            *(
                [self._request(name, INFORMATION_REQUEST), self._request(name, STATUS_REQUEST)]
                if online
                else []
            ),
        )

    def _addresses(self, device: ShellyDevice) -> Sequence[str]:
        used = {f"{self.family}:{device.name}/{channel}" for channel in self._assigned.get(device.name, ())}
        return sorted(used | {device.address(component) for component in device.components})
