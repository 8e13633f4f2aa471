"""One Shelly Gen2+ device: frames in, items out; the same over MQTT and over its WebSocket.

Requests carry fixed ids, one per method, so that an answer tells what was asked without any memory of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
import re
from typing import Any, Final, NamedTuple

import msgspec

from meter_bridge.core.register.register import DEVICE_ADDRESS
from meter_bridge.devices.base.driver import Discovered, Item, Phase, Rejected, Report
from meter_bridge.devices.base.quantities import (
    NAME_LENGTH,
    Minor,
    MinorValues,
    UnreadableError,
    current_ma,
    frequency_mhz,
    power_factor_permille,
    power_mw,
    register_mwh,
    voltage_mv,
    worst_phase,
)
from meter_bridge.devices.shelly.payloads import (
    ABSENT,
    ANYTHING,
    COMPONENTS,
    DEVICE_INFORMATION,
    FRAME,
    IDENTITY,
    SINGLE_PHASE,
    SINGLE_PHASE_DATA,
    SWITCHING,
    THREE_PHASE,
    THREE_PHASE_DATA,
    Components,
    Frame,
    Switching,
)
from meter_bridge.protocol.vocabulary import RelayPosition

MWH_PER_WH: Final = 1000
GET_STATUS: Final = 1
GET_DEVICE_INFO: Final = 2
SWITCH_SET: Final = 3
NOTIFICATIONS: Final = frozenset({"NotifyStatus", "NotifyFullStatus"})
METERING: Final = frozenset({"switch", "pm1", "em", "em1"})
COMPONENT_NUMBER: Final = re.compile(r"[0-9]{1,3}")
DEVICE_ID: Final = re.compile(r"[a-z0-9]{1,40}-([0-9a-f]{12})")
"""Every device's id is its model and its MAC address, whatever its topic prefix or host."""
MAC_ADDRESS: Final = re.compile(r"[0-9A-Fa-f]{12}")
BOOT_TOLERANCE_S: Final = 60
"""How far two computations of the boot instant may differ: the device's clock is corrected now and then."""
OLDEST_CLOCK_S: Final = 1_600_000_000
"""A device whose clock stands earlier has not learnt the time yet."""
NEWEST_CLOCK_S: Final = 4_102_444_800


class Values(NamedTuple):
    """What a component reports, with the fields of ``Report``."""

    register_wh: int | None = None
    power_mw: int | None = None
    voltage_mv: int | None = None
    current_ma: int | None = None
    frequency_mhz: int | None = None
    relay: RelayPosition | None = None
    returned_wh: int | None = None
    power_factor_permille: int | None = None
    phases: tuple[Phase, ...] | None = None

    def or_else(self, other: Values) -> Values:
        """Return these values, completed by those of another component."""
        return other._replace(**{name: value for name, value in self._asdict().items() if value is not None})


@dataclass(frozen=True, slots=True)
class Request:
    """An RPC call without its envelope."""

    id: int
    method: str
    params: dict[str, object] = field(default_factory=dict)

    def encoded(self, source: str, auth: Mapping[str, object] | None = None) -> bytes:
        """Return the frame as bytes."""
        frame: dict[str, object] = {"id": self.id, "src": source, "method": self.method}
        if self.params:
            frame["params"] = self.params
        if auth is not None:
            frame["auth"] = auth
        return msgspec.json.encode(frame)


@dataclass(slots=True)
class _Message:
    """The message that reports come from."""

    full: bool
    """It holds the whole status of its components, and not only what changed."""
    retained: bool = False
    at_ms: int | None = None
    boot: str | None = None
    minor: MinorValues = field(default_factory=MinorValues)


STATUS_REQUEST: Final = Request(GET_STATUS, "Shelly.GetStatus")
INFORMATION_REQUEST: Final = Request(GET_DEVICE_INFO, "Shelly.GetDeviceInfo")


def switch_request(channel: str, position: RelayPosition) -> Request:
    """Return the call that asks a relay to move."""
    return Request(SWITCH_SET, "Switch.Set", {"id": int(channel), "on": position is RelayPosition.CLOSED})


@dataclass(slots=True)
class _Counters:
    """The two counters of a switch: ``aenergy`` counts both directions if ``ret_aenergy`` exists."""

    returned_mwh: int | None = None
    returned_minute: int | None = None
    complete: bool = False
    """A full status has told whether there is a ``ret_aenergy``."""


@dataclass(slots=True)
class ShellyDevice:
    """What is known of one device; ``name`` is its part of the address."""

    name: str
    status_known: bool = False
    information_known: bool = False
    label: str | None = None
    model: str | None = None
    firmware: str | None = None
    booted_s: int | None = None
    hardware: str | None = None
    """Which device said last that it answers under this name."""
    is_told: bool = False
    """It has said so since it came."""
    wants_status: bool = False
    """A frame could not be understood without a full status."""
    components: dict[str, bool] = field(default_factory=dict)
    """Metering components with whether they have a register."""
    counters: dict[str, _Counters] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> str | None:
        """Which device has this name, if it is an id; a topic prefix that people chose says nothing."""
        named = DEVICE_ID.fullmatch(self.name)
        return None if named is None else DEVICE_ADDRESS + named[1]

    @property
    def is_another(self) -> bool:
        """Whether it has said since it came that it is not the device of its name."""
        return self.is_told and self.expected not in (None, self.hardware)

    def address(self, component: str) -> str:
        """Return the address of a component: its number, with the kind only for ``em1``."""
        kind, _, number = component.partition(":")
        address = f"shelly:{self.name}/{component if kind == 'em1' else number}"
        return self.addresses.setdefault(component, address)

    def frame(self, payload: bytes) -> Sequence[Item]:
        """Read one RPC frame."""
        frame = FRAME.decode(payload)
        self._identify(_hardware(frame))
        if frame.method in NOTIFICATIONS:
            if frame.params == ABSENT:
                return ()
            return self._status(frame.params, full=frame.method == "NotifyFullStatus")
        return self._answer(frame)

    def gone(self) -> None:
        """Note that it is not there; another may come in its place."""
        self.is_told = False

    def _identify(self, hardware: str | None) -> None:
        """Learn which device answers; what was known of another one's counters does not hold for it."""
        if hardware is None:
            return
        if self.hardware not in (None, hardware):
            self.booted_s = None
            self.counters.clear()
        self.hardware, self.is_told = hardware, True

    def component(self, name: str, payload: bytes, *, retained: bool) -> Sequence[Item]:
        """Read the whole status of one component, as ``status/<component>`` carries it."""
        return tuple(self._reports({name: msgspec.Raw(payload)}, _Message(full=True, retained=retained)))

    def _answer(self, frame: Frame) -> Sequence[Item]:
        if frame.error is not None:
            kind = "authentication_required" if frame.error.code == 401 else "request_refused"  # noqa: PLR2004
            return (Rejected(kind, self.name, f"code {frame.error.code}: {frame.error.message:.120}"),)
        if frame.result == ABSENT:
            return ()
        if frame.id == GET_STATUS:
            return self._status(frame.result, full=True)
        if frame.id == GET_DEVICE_INFO:
            return self._information(frame.result)
        return ()

    def _status(self, raw: msgspec.Raw, *, full: bool) -> Sequence[Item]:
        components = COMPONENTS.decode(raw)
        message = _Message(full=full)
        message.at_ms = message.minor.read("ts", _decoded(components.get("ts")), _instant_ms)
        if not full:
            return tuple(self._reports(components, message))
        message.boot = self._boot(components.get("sys"), message.minor)
        reports = list(self._reports(components, message))
        self.status_known = True
        return (*self._discovered(), *reports)

    def _information(self, raw: msgspec.Raw) -> Sequence[Item]:
        information = DEVICE_INFORMATION.decode(raw)
        told = (information.name, information.model, information.ver)
        self.label, self.model, self.firmware = (
            each[:NAME_LENGTH] if isinstance(each, str) else None for each in told
        )
        self.information_known = True
        return self._discovered()

    def _discovered(self) -> Sequence[Discovered]:
        if not (self.status_known and self.information_known):
            return ()
        several = len(self.components) > 1
        return tuple(
            self._discovered_component(component, several=several) for component in sorted(self.components)
        )

    def _discovered_component(self, component: str, *, several: bool) -> Discovered:
        label = self.label or self.name
        return Discovered(
            self.address(component),
            f"{label} {component}" if several else label,
            self.model,
            self.firmware,
            has_register=self.components[component],
            has_relay=component.startswith("switch:"),
        )

    def _reports(self, components: Components, message: _Message) -> Iterator[Item]:
        found: dict[str, Values] = {}
        for name, raw in components.items():
            kind, _, number = name.partition(":")
            reader = READERS.get(kind)
            if reader is None or not COMPONENT_NUMBER.fullmatch(number):
                continue
            owner = f"{kind.removesuffix('data')}:{number}"
            values = message.minor.part(name, partial(reader, self, name, message), raw)
            if values is not None:
                found[owner] = found[owner].or_else(values) if owner in found else values
        for name, values in found.items():
            self._remember(name, values)
            yield self._report(name, values, message)
        yield from message.minor.refused(self.name)

    def _report(self, name: str, values: Values, message: _Message) -> Report:
        known: dict[str, Any] = {name: value for name, value in values._asdict().items() if value is not None}
        return Report(
            self.addresses.get(name) or self.address(name),
            reset_marker=self.hardware if self.is_told else None,
            online=None if message.retained else True,
            measured_at_ms=message.at_ms,
            stale=message.retained,
            boot_id=message.boot,
            **known,
        )

    def _remember(self, name: str, values: Values) -> None:
        self.components[name] = self.components.get(name, False) or values.register_wh is not None

    def _switching(self, name: str, message: _Message, raw: msgspec.Raw) -> Values:
        switching = SWITCHING.decode(raw)
        register = self._import_wh(name, switching, full=message.full)
        measured = _measured(
            message.minor,
            switching.apower,
            switching.voltage,
            switching.current,
            switching.freq,
            switching.pf,
        )
        return measured._replace(
            register_wh=register,
            relay=_position(switching.output, message.minor),
            returned_wh=None if switching.ret_aenergy is None else _wh(switching.ret_aenergy.total),
        )

    def _import_wh(self, name: str, switching: Switching, *, full: bool) -> int | None:
        """Return imported energy: ``aenergy`` less ``ret_aenergy``, only if both are from the same moment."""
        counters = self.counters.setdefault(name, _Counters())
        if full:
            counters.complete = True
            counters.returned_mwh = None
        if switching.ret_aenergy is not None and switching.ret_aenergy.total is not None:
            counters.returned_mwh = register_mwh(switching.ret_aenergy.total, MWH_PER_WH)
            counters.returned_minute = switching.ret_aenergy.minute_ts
        if switching.aenergy is None or switching.aenergy.total is None:
            return None
        total = register_mwh(switching.aenergy.total, MWH_PER_WH)
        if not self._consistent(counters, switching):
            self.wants_status = True
            return None
        return max(0, total - (counters.returned_mwh or 0)) // 1000

    def _consistent(self, counters: _Counters, switching: Switching) -> bool:
        if switching.ret_aenergy is not None and switching.ret_aenergy.total is not None:
            return True
        if not counters.complete:
            return False
        same_minute = (
            switching.aenergy is not None and switching.aenergy.minute_ts == counters.returned_minute
        )
        return not counters.returned_mwh or same_minute

    def _boot(self, raw: msgspec.Raw | None, minor: MinorValues) -> str | None:
        """Identify the boot by its instant, which is kept while the device's arithmetic stays close to it."""
        told = _decoded(raw) or {}
        if not isinstance(told, dict):
            minor.refuse("wrong_type", f"sys is {told!r:.40} in place of its values")
            return None
        now = minor.read("unixtime", told.get("unixtime"), _seconds)
        uptime = minor.read("uptime", told.get("uptime"), _seconds)
        if now is None or uptime is None:
            return None
        booted = now - uptime
        if self.booted_s is None or abs(booted - self.booted_s) > BOOT_TOLERANCE_S:
            self.booted_s = booted
        return str(self.booted_s)


def _position(output: Minor, minor: MinorValues) -> RelayPosition | None:
    if output is True:
        return RelayPosition.CLOSED
    if output is False:
        return RelayPosition.OPEN
    if output is not None:
        minor.refuse("unknown_relay_word", f"output is {output!r:.40}, expected true or false")
    return None


def _hardware(frame: Frame) -> str | None:
    """Return which device sends a frame, by its id or else by its MAC address."""
    named = DEVICE_ID.fullmatch(frame.src) if isinstance(frame.src, str) else None
    if named is not None:
        return DEVICE_ADDRESS + named[1]
    told = frame.result if frame.params == ABSENT else frame.params
    if told == ABSENT:
        return None
    identity = IDENTITY.decode(told)
    mac = identity.sys.get("mac") if isinstance(identity.sys, dict) else identity.mac
    return DEVICE_ADDRESS + mac.lower() if isinstance(mac, str) and MAC_ADDRESS.fullmatch(mac) else None


def _measured(
    minor: MinorValues,
    power: Minor,
    voltage: Minor,
    current: Minor,
    frequency: Minor = None,
    factor: Minor = None,
) -> Values:
    return Values(
        None,
        minor.read("power", power, power_mw),
        minor.read("voltage", voltage, voltage_mv),
        minor.read("current", current, current_ma),
        minor.read("frequency", frequency, frequency_mhz),
        power_factor_permille=minor.read("power factor", factor, power_factor_permille),
    )


def _three_phase(_device: ShellyDevice, _name: str, message: _Message, raw: msgspec.Raw) -> Values:
    told, minor = THREE_PHASE.decode(raw), message.minor
    phases = (
        _phase(minor, told.a_act_power, told.a_voltage, told.a_current, told.a_pf),
        _phase(minor, told.b_act_power, told.b_voltage, told.b_current, told.b_pf),
        _phase(minor, told.c_act_power, told.c_voltage, told.c_current, told.c_pf),
    )
    voltages = [phase.voltage_mv for phase in phases if phase.voltage_mv is not None]
    total = _measured(minor, told.total_act_power, None, told.total_current, told.a_freq)
    known = phases if any(phase != Phase() for phase in phases) else None
    return total._replace(voltage_mv=worst_phase(voltages), phases=known)


def _phase(minor: MinorValues, power: Minor, voltage: Minor, current: Minor, factor: Minor) -> Phase:
    measured = _measured(minor, power, voltage, current, factor=factor)
    return Phase(measured.power_mw, measured.voltage_mv, measured.current_ma, measured.power_factor_permille)


def _three_phase_data(_device: ShellyDevice, _name: str, message: _Message, raw: msgspec.Raw) -> Values:
    told = THREE_PHASE_DATA.decode(raw)
    return Values(
        _wh(told.total_act), returned_wh=message.minor.read("total_act_ret", told.total_act_ret, _whole_wh)
    )


def _single_phase(_device: ShellyDevice, _name: str, message: _Message, raw: msgspec.Raw) -> Values:
    told = SINGLE_PHASE.decode(raw)
    return _measured(message.minor, told.act_power, told.voltage, told.current, told.freq, told.pf)


def _single_phase_data(_device: ShellyDevice, _name: str, message: _Message, raw: msgspec.Raw) -> Values:
    told = SINGLE_PHASE_DATA.decode(raw)
    returned = message.minor.read("total_act_ret_energy", told.total_act_ret_energy, _whole_wh)
    return Values(_wh(told.total_act_energy), returned_wh=returned)


def _wh(total: float | None) -> int | None:
    return None if total is None else _whole_wh(total)


def _whole_wh(total: float) -> int:
    return register_mwh(total, MWH_PER_WH) // 1000


def _decoded(raw: msgspec.Raw | None) -> Minor:
    return None if raw is None else ANYTHING.decode(raw)


def _instant_ms(seconds: float) -> int:
    """Return the time of the notification; a device that does not know the time tells none."""
    if not OLDEST_CLOCK_S < seconds < NEWEST_CLOCK_S:
        raise UnreadableError("clock_not_set", f"time {seconds!r}")
    return round(seconds * 1000)


def _seconds(value: float) -> int:
    if type(value) is not int or not 0 <= value < NEWEST_CLOCK_S:
        raise UnreadableError("time_out_of_range", f"{value!r} seconds")
    return value


type Reader = Callable[[ShellyDevice, str, _Message, msgspec.Raw], Values]
READERS: Final[Mapping[str, Reader]] = {
    "switch": ShellyDevice._switching,  # noqa: SLF001
    "pm1": ShellyDevice._switching,  # noqa: SLF001
    "em": _three_phase,
    "emdata": _three_phase_data,
    "em1": _single_phase,
    "em1data": _single_phase_data,
}
