"""Tasmota over MQTT.

Source: Tasmota documentation (*MQTT*, *Commands*, *JSON Status Responses*) and ``xdrv_03_energy.ino``.
``Total`` is imported energy in kWh, kept by the device as float32; ``TotalStartTime`` changes when it was
reset.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from meter_bridge.core.supply.local_cutoff import SlotState
from meter_bridge.devices.addresses import parse_address
from meter_bridge.devices.base.driver import (
    Discovered,
    Item,
    Publish,
    Removed,
    Report,
    ReportedCutOff,
)
from meter_bridge.devices.base.quantities import (
    REFUSALS,
    TELEMETRY_LIMIT,
    Minor,
    MinorValues,
    UnreadableError,
    check_new_device,
    rejection,
    too_large,
)
from meter_bridge.devices.tasmota.device import (
    PREFIX_FIRST,
    PREFIX_LAST,
    PREFIXES,
    KnownLayout,
    Layout,
    TasmotaDevice,
)
from meter_bridge.devices.tasmota.names import NAME, TITLE
from meter_bridge.devices.tasmota.payloads import (
    ANNOUNCED_SENSORS,
    ANNOUNCEMENT,
    INFORMATION,
    PARAMETERS,
    RESULT,
    SENSOR,
    STATE,
    STATUS,
    STATUS_SENSOR,
    STATUS_STATE,
    Parameters,
    RuleSet,
    Sensor,
    State,
)
from meter_bridge.devices.tasmota.readings import Reading, has_register, read_sensor
from meter_bridge.devices.tasmota.rules import read_rule_set, write_rule
from meter_bridge.protocol.vocabulary import RelayPosition

type Handler = Callable[[TasmotaDevice, bytes, bool], Sequence[Item]]

DISCOVERY: Final = "tasmota/discovery/"
FILTERS: Final = (
    (DISCOVERY + "+/+", 1),
    ("tele/#", 1),
    ("stat/#", 1),
    ("+/tele/#", 1),
    ("+/stat/#", 1),
)
STATUS_NUMBERS: Final = ("", "0", "1", "8", "10", "11")
RULE_SETS: Final = (1, 2, 3)
LARGEST_COUNT: Final = 2**40
"""No device has started as often, or run for so many seconds."""


class TasmotaDriver:
    """Reads and commands Tasmota devices, announced or not."""

    family = NAME

    def __init__(self, full_topics: Sequence[str] = ()) -> None:
        """``full_topics`` are layouts of devices that announce none, besides the two usual ones."""
        self._known_layouts = tuple(KnownLayout(each) for each in full_topics)
        self._devices: dict[str, TasmotaDevice] = {}
        self._assigned: frozenset[str] = frozenset()
        self._by_mac: dict[str, TasmotaDevice] = {}
        self._routes: dict[str, tuple[Handler, TasmotaDevice]] = {}
        self._handlers = self._command_handlers()

    def _command_handlers(self) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {
            "SENSOR": self._sensor,
            "STATE": self._state,
            "RESULT": self._result,
            "LWT": self._last_will,
            "INFO3": self._information,
            "POWER": self._relay_handler(1),
        }
        handlers |= {f"POWER{number}": self._relay_handler(number) for number in range(1, 9)}
        handlers |= {f"STATUS{number}": self._status for number in STATUS_NUMBERS}
        handlers |= {f"RULE{number}": self._result for number in RULE_SETS}
        return handlers

    def filters(self) -> Sequence[tuple[str, int]]:
        """Return the usual layouts and those of announced devices that use another."""
        unusual = (device for device in self._devices.values() if _is_custom_layout(device.layout))
        known = {name for each in self._known_layouts for name in each.layout.filters("+")}
        layouts = {each.layout for each in self._known_layouts}
        devices = (
            name
            for device in unusual
            if device.layout not in layouts
            for name in device.layout.filters(device.topic)
        )
        nested = (
            name
            for device in self._devices.values()
            if device.channels and "/" in device.topic
            for each in self._known_layouts
            for name in each.layout.filters(device.topic)
        )
        return FILTERS + tuple((name, 1) for name in dict.fromkeys((*sorted(known), *devices, *nested)))

    def own_filters(self) -> Sequence[tuple[str, int]]:
        """Return the usual layouts of each device in use, its own besides, and announcements."""
        used = [device for device in self._devices.values() if device.channels]
        layouts = [
            (device, layout)
            for device in used
            for layout in {
                PREFIX_FIRST,
                PREFIX_LAST,
                device.layout,
                *(each.layout for each in self._known_layouts),
            }
        ]
        topics = {name for device, layout in layouts for name in layout.filters(device.topic)}
        return ((DISCOVERY + "+/+", 1), *((name, 1) for name in sorted(topics)))

    def matches(self, topic: str) -> bool:
        """Return whether a topic has Tasmota's shape."""
        return topic in self._routes or topic.startswith(DISCOVERY) or self._parse(topic) is not None

    def decode(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read one message."""
        if len(payload) > TELEMETRY_LIMIT:
            return too_large(topic, len(payload), TELEMETRY_LIMIT)
        try:
            route = self._routes.get(topic)
            if route is not None:
                return route[0](route[1], payload, retained)
            return self._unrouted(topic, payload, retained=retained)
        except REFUSALS as error:
            return rejection(topic, error)

    def assign(self, addresses: Sequence[str]) -> None:
        """Name the addresses in use; others keep being reported as found."""
        channels: dict[str, set[str]] = {}
        for address in map(parse_address, addresses):
            if address.family == self.family:
                channels.setdefault(address.device, set()).add(address.channel)
        self._assigned = frozenset(channels)
        for device in self._devices.values():
            device.use(frozenset())
        shared: dict[frozenset[str], frozenset[str]] = {}
        for topic, names in channels.items():
            used = frozenset(names)
            self._device(topic).use(shared.setdefault(used, used))

    def switch(self, address: str, position: RelayPosition) -> Sequence[Publish]:
        """Ask the relay to move; every Tasmota device with a relay answers to ``POWER1``."""
        parsed = parse_address(address)
        device = self._device(parsed.device)
        number = parsed.channel.removeprefix("phase")
        return (device.command(f"POWER{number}", "ON" if position is RelayPosition.CLOSED else "OFF"),)

    def query(self, address: str) -> Sequence[Publish]:
        """Ask for the sensors (status 10) and the relays (status 11)."""
        device = self._device(parse_address(address).device)
        return device.command("STATUS", "10"), device.command("STATUS", "11")

    def ask_cut_off(self, address: str, slot: int) -> Sequence[Publish]:
        """Ask what a rule set holds."""
        return (self._device(parse_address(address).device).command(f"Rule{slot}", ""),)

    def write_cut_off(self, address: str, slot: int, relay_address: str, limit_wh: int) -> Sequence[Publish]:
        """Write the rule, let it act once each time it comes true, and enable it."""
        device = self._device(parse_address(address).device)
        rule = write_rule(slot, parse_address(relay_address).channel, limit_wh)
        return tuple(device.command(f"Rule{slot}", payload) for payload in (rule, "5", "1"))

    def withdraw_cut_off(self, address: str, slot: int) -> Sequence[Publish]:
        """Disable the rule set and empty it."""
        device = self._device(parse_address(address).device)
        return tuple(device.command(f"Rule{slot}", payload) for payload in ("0", '"'))

    def _device(self, topic: str) -> TasmotaDevice:
        device = self._devices.get(topic)
        if device is None:
            check_new_device(topic, self._devices, self._assigned, TITLE)
            device = self._devices[topic] = TasmotaDevice(topic)
        return device

    def _parse(self, topic: str) -> tuple[str, Layout, str] | None:
        """Return device, layout and command; a layout that a person named counts before a usual one."""
        for each in self._known_layouts:
            found = each.parse(topic)
            if found is not None:
                return found
        return _parse(topic)

    def _unrouted(self, topic: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        if topic.startswith(DISCOVERY):
            return self._discovery(topic, payload)
        parsed = self._parse(topic)
        handler = self._handlers.get(parsed[2]) if parsed else None
        if parsed is None or handler is None:
            return ()
        device = self._device(parsed[0])
        if not device.layout_announced:
            device.layout = parsed[1]
        self._routes[topic] = handler, device
        return handler(device, payload, retained)

    def _sensor(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        return self._readings(device, SENSOR.decode(payload), retained=retained)

    def _readings(self, device: TasmotaDevice, sensor: Sensor, *, retained: bool) -> Sequence[Item]:
        device.has_single_total = sensor.energy is not None and type(sensor.energy.total) is float
        minor = MinorValues()
        reading = read_sensor(sensor, minor)
        refused = minor.refused(device.topic)
        if reading is None:
            return refused
        report = reading.report(device.address("1"), retained=retained)
        if device.has_register is None:
            return (*self._discover(device, sensor), report, *refused)
        if not device.phases or sensor.energy is None:
            return (report, *refused)
        return (report, *_phases(device, reading, retained=retained), *refused)

    def _discover(self, device: TasmotaDevice, sensor: Sensor) -> Iterator[Discovered]:
        device.has_register = has_register(sensor)
        if not device.announced:
            yield Discovered(device.address("1"), device.topic, has_register=device.has_register)

    def _state(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        return self._relays(device, STATE.decode(payload), retained=retained)

    def _result(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        result = RESULT.decode(payload)
        relays = self._relays(device, result, retained=retained)
        if retained:
            return relays
        minor = MinorValues()
        rules = [_reported_cutoff(device, number, told) for number, told in result.rule_sets(minor)]
        return (*relays, *rules, *minor.refused(device.topic))

    def _relays(self, device: TasmotaDevice, state: State, *, retained: bool) -> Sequence[Item]:
        minor, reports = MinorValues(), list[Report]()
        for number, word in state.relays():
            try:
                reports += _relay_reports(device, number, word, retained=retained)
            except UnreadableError as error:
                minor.refuse(error.slug, f"POWER{number}: {error}")
        return (*reports, *_restarted(device, state, minor), *minor.refused(device.topic))

    def _relay_handler(self, number: int) -> Handler:
        def handle(device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
            if payload.startswith(b"{"):
                return self._state(device, payload, retained)
            return tuple(_relay_reports(device, number, payload.decode(), retained=retained))

        return handle

    def _status(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        status, minor = STATUS.decode(payload), MinorValues()
        items: list[Item] = []
        sensor = minor.part("StatusSNS", STATUS_SENSOR.decode, status.sensor)
        if sensor is not None:
            items += self._readings(device, sensor, retained=retained)
        state = minor.part("StatusSTS", STATUS_STATE.decode, status.state)
        if state is not None:
            items += self._relays(device, state, retained=retained)
        items += _boots(device, minor.part("StatusPRM", PARAMETERS.decode, status.parameters), minor)
        return (*items, *minor.refused(device.topic))

    def _information(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        if retained:
            return ()
        minor = MinorValues()
        told = list(_boots(device, INFORMATION.decode(payload).parameters, minor))
        return (*told, *minor.refused(device.topic))

    def _last_will(self, device: TasmotaDevice, payload: bytes, retained: bool) -> Sequence[Item]:  # noqa: FBT001
        word = payload.decode()
        if not word:
            return ()
        online = word == device.online_word
        if not online and word != device.offline_word:
            raise UnreadableError("unknown_last_will", f"last will {word[:40]!r}")
        reports = [Report(address, online=online, stale=retained) for address in _in_use(device)]
        return (*reports, *(_query_all(device) if online else ()))

    def _discovery(self, topic: str, payload: bytes) -> Sequence[Item]:
        mac, _, part = topic.removeprefix(DISCOVERY).partition("/")
        if part == "config":
            return self._announced(mac, payload) if payload else self._withdrawn(mac)
        device = self._by_mac.get(mac)
        if part != "sensors" or not payload or device is None:
            return ()
        device.has_register = has_register(ANNOUNCED_SENSORS.decode(payload).sensor)
        return _discovered(device)

    def _announced(self, mac: str, payload: bytes) -> Sequence[Item]:
        announcement = ANNOUNCEMENT.decode(payload)
        device = self._by_mac[mac] = self._device(announcement.topic)
        device.update_from(announcement)
        if _is_custom_layout(device.layout):
            self._route_all(device)
        return _discovered(device)

    def _withdrawn(self, mac: str) -> Sequence[Item]:
        device = self._by_mac.pop(mac, None)
        if device is None:
            return ()
        device.announced = False
        return tuple(Removed(address) for address in _in_use(device))

    def _route_all(self, device: TasmotaDevice) -> None:
        for prefix in (device.layout.telemetry, device.layout.status):
            base = device.layout.base(prefix, device.topic)
            self._routes |= {base + name: (handler, device) for name, handler in self._handlers.items()}


def _is_custom_layout(layout: Layout) -> bool:
    return layout not in (PREFIX_FIRST, PREFIX_LAST)


def _parse(topic: str) -> tuple[str, Layout, str] | None:
    """Split a topic of one of the two usual layouts into device, layout and command."""
    head, _, command = topic.rpartition("/")
    first, _, rest = head.partition("/")
    if first in PREFIXES and rest:
        return rest, PREFIX_FIRST, command
    start, _, last = head.rpartition("/")
    return (start, PREFIX_LAST, command) if last in PREFIXES and start else None


def _in_use(device: TasmotaDevice) -> list[str]:
    channels = sorted(device.channels) or [str(number) for number in device.relays or (1,)]
    return [device.address(channel) for channel in channels]


def _query_all(device: TasmotaDevice) -> Sequence[Publish]:
    """Status 1 reports the boot, 10 the sensors, 11 the relays."""
    return [device.command("STATUS", number) for number in ("1", "10", "11")] if device.channels else []


def _phases(device: TasmotaDevice, reading: Reading, *, retained: bool) -> Iterator[Report]:
    for number in device.phases:
        yield reading.phase_report(device.address(f"phase{number}"), number, retained=retained)


def _relay_reports(device: TasmotaDevice, number: int, word: Minor, *, retained: bool) -> Iterator[Report]:
    position = device.position(word)
    online = None if retained else True
    for channel in device.relay_channels(number):
        yield Report(device.address(channel), relay=position, online=online, stale=retained)


def _reported_cutoff(device: TasmotaDevice, slot: int, rule_set: RuleSet) -> ReportedCutOff:
    address = device.address("1")
    if device.has_single_total is False:
        return ReportedCutOff(address, slot, SlotState.UNABLE)
    found = read_rule_set(slot, rule_set, device.on_word)
    relay = None if found.relay is None else device.address(str(found.relay))
    return ReportedCutOff(address, slot, found.held, found.limit_wh, relay)


def _restarted(device: TasmotaDevice, state: State, minor: MinorValues) -> Sequence[Publish]:
    """Ask which boot this is if the uptime fell."""
    told = minor.read("UptimeSec", state.uptime_s, _count)
    before, device.uptime_s = device.uptime_s, device.uptime_s if told is None else told
    return (device.command("STATUS", "1"),) if device.uptime_s < before and device.channels else ()


def _boots(device: TasmotaDevice, parameters: Parameters | None, minor: MinorValues) -> Iterator[Report]:
    boots = None if parameters is None else minor.read("BootCount", parameters.boots, _count)
    if boots is not None:
        for address in _in_use(device):
            yield Report(address, boot_id=str(boots))


def _count(value: float) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_COUNT:
        raise UnreadableError("count_out_of_range", f"{value!r}")
    return value


def _discovered(device: TasmotaDevice) -> Sequence[Discovered]:
    """Report the first channel with the register, other relays without; nothing before sensors are known."""
    if device.has_register is None or not device.announced:
        return ()
    channels = sorted({*device.relays, 1} if device.has_register else device.relays)
    return tuple(_discovered_channel(device, number) for number in channels)


def _discovered_channel(device: TasmotaDevice, number: int) -> Discovered:
    name = device.name or device.topic
    return Discovered(
        device.address(str(number)),
        name if number == 1 else f"{name} {number}",
        model=device.model,
        firmware=device.firmware,
        has_register=bool(device.has_register) and number == 1,
        has_relay=number in device.relays,
    )
