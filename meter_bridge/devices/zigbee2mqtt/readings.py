"""From a device's message to reports in integers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from meter_bridge.devices.base.driver import Item, Phase, Report
from meter_bridge.devices.base.quantities import (
    Minor,
    MinorValues,
    current_ma,
    power_factor_permille,
    power_mw,
    voltage_mv,
    worst_phase,
)
from meter_bridge.devices.zigbee2mqtt.exposes import Channel, Measure, Measures, Register, Switch
from meter_bridge.devices.zigbee2mqtt.no_value import (
    NO_CURRENT,
    NO_ENERGY,
    NO_POWER,
    NO_VOLTAGE,
)
from meter_bridge.protocol.vocabulary import RelayPosition

MILLISECONDS: Final = 1000
EPOCH_MS_FROM: Final = 10**11
"""Instants above are in milliseconds, below in seconds."""
EARLIEST_MS: Final = 1_500_000_000_000
LATEST_MS: Final = 4_102_444_800_000

type Quantities = tuple[int | None, int | None, int | None, int | None]
"""Power, voltage, current and power factor, as ``Phase`` holds them."""
type Measurements = tuple[int | None, int | None, Quantities, tuple[Phase, ...]]


@dataclass(slots=True)
class Meter:
    """One meter of a device, with what it measured last."""

    address: str
    channel: Channel
    is_listed: bool = False
    device: str | None = None
    """The ieee address of its device, where the gateway has listed it: another one has another counter."""
    last_seen: Minor = None
    measured: Measurements | None = None


class Layout(NamedTuple):
    """How the messages of a device are decoded: each property is a field without a name of its own."""

    decoder: msgspec.json.Decoder[msgspec.Struct]
    fields: dict[str, str]


def layout_of(channels: Sequence[Channel]) -> Layout:
    """Return the layout for some channels."""
    return _layout(tuple(sorted({part for channel in channels for part in channel.properties()})))


@lru_cache(maxsize=1024)
def _layout(names: tuple[str, ...]) -> Layout:
    """Make a layout; devices of the same model share it."""
    fields = {name: f"p{number}" for number, name in enumerate(names)}
    members: list[Any] = [("seen", Minor, msgspec.field(default=None, name="last_seen"))]
    members += [(fields[name], Minor, msgspec.field(default=None, name=name)) for name in names]
    return Layout(msgspec.json.Decoder(msgspec.defstruct("Reading", members, frozen=True)), fields)


class _Message:
    """The values of one message."""

    __slots__ = ("_fields", "_told", "minor", "seen")

    def __init__(self, layout: Layout, payload: bytes) -> None:
        self._told = layout.decoder.decode(payload)
        self._fields = layout.fields
        self.seen: Minor = getattr(self._told, "seen")  # noqa: B009
        self.minor = MinorValues()

    def told(self, name: str) -> Minor:
        return getattr(self._told, self._fields[name])

    def register_wh(self, register: Register | None) -> int | None:
        """Return an imported total; one that cannot be leaves the other values of its meter."""
        if register is None:
            return None
        value = self.told(register.property)
        if value is not None and type(value) is not float and type(value) is not int:
            self.minor.refuse("register_not_a_number", f"{register.property} is {value!r:.40}")
            return None
        return self._read(register.property, NO_ENERGY, register.wh)

    def returned_wh(self, register: Register | None) -> int | None:
        """Return the total of what flowed back, with which a reading can do without."""
        return None if register is None else self._read(register.property, NO_ENERGY, register.wh)

    def measured(self, parts: Measures) -> Quantities:
        """Return what the whole device or one phase measures."""
        return (
            self._quantity(parts.power, NO_POWER, power_mw),
            self._quantity(parts.voltage, NO_VOLTAGE, voltage_mv),
            self._quantity(parts.current, NO_CURRENT, current_ma),
            self._quantity(parts.factor, frozenset(), power_factor_permille),
        )

    def _quantity(
        self, part: Measure | None, markers: frozenset[float], convert: Callable[[float], int]
    ) -> int | None:
        if part is None:
            return None
        factor = part.factor
        if factor == 1:
            return self._read(part.property, markers, convert)
        return self._read(part.property, markers, lambda raw: convert(raw * factor))

    def _read(self, name: str, markers: frozenset[float], convert: Callable[[float], int]) -> int | None:
        value = self.told(name)
        if value is None or self._is_no_value(name, value, markers):
            return None
        return self.minor.read(name, value, convert)

    def _is_no_value(self, name: str, value: Minor, markers: frozenset[float]) -> bool:
        kind = type(value)
        if (kind is not float and kind is not int) or value not in markers:
            return False
        self.minor.refuse("no_value", f"{name} is {value!r}, by which Zigbee says that there is none")
        return True


def read_message(
    name: str, meters: Iterable[Meter], layout: Layout, payload: bytes, *, retained: bool
) -> Sequence[Item]:
    """Return what a message says of each meter of its device."""
    message = _Message(layout, payload)
    reports = [_report(meter, message, retained=retained) for meter in meters]
    return (*reports, *message.minor.refused(name))


def _report(meter: Meter, message: _Message, *, retained: bool) -> Report:
    channel = meter.channel
    register_wh, returned_wh = message.register_wh(channel.register), message.returned_wh(channel.returned)
    whole = message.measured(channel.whole)
    phases: tuple[Phase, ...] = ()
    if channel.phases:
        phases = tuple([Phase(*message.measured(each)) for each in channel.phases])
        whole = _whole(whole, phases)
    measured_at = _instant_ms(message.seen)
    if measured_at is None and message.seen is not None:
        message.minor.refuse("time_out_of_range", f"last_seen is {message.seen!r:.40}")
    stale = retained or _is_repeat(meter, message.seen, (register_wh, returned_wh, whole, phases))
    return Report(
        meter.address,
        register_wh,
        channel.register.step_wh if channel.register else 1,
        meter.device,
        power_mw=whole[0],
        voltage_mv=whole[1],
        current_ma=whole[2],
        relay=None if channel.switch is None else _position(channel.switch, message),
        online=None if stale else True,
        measured_at_ms=measured_at,
        stale=stale,
        returned_wh=returned_wh,
        power_factor_permille=whole[3],
        phases=phases,
    )


def _whole(told: Quantities, phases: Sequence[Phase]) -> Quantities:
    """Return what the device tells of all phases, completed by what they add up to."""
    power, voltage, current, factor = told
    voltages = [each.voltage_mv for each in phases if each.voltage_mv is not None]
    return (
        _sum(each.power_mw for each in phases) if power is None else power,
        worst_phase(voltages) if voltage is None else voltage,
        _sum(each.current_ma for each in phases) if current is None else current,
        factor,
    )


def _sum(phases: Iterable[int | None]) -> int | None:
    """Return a sum, which none is where a phase is missing."""
    known = list(phases)
    return None if None in known else sum(each for each in known if each is not None)


def _is_repeat(meter: Meter, seen: Minor, measured: Measurements) -> bool:
    """Return whether nothing came from the device itself since the last message."""
    repeated: bool = meter.last_seen == seen and meter.measured == measured
    meter.last_seen, meter.measured = seen, measured
    return repeated


def _position(switch: Switch, message: _Message) -> RelayPosition | None:
    word = message.told(switch.property)
    if word is None:
        return None
    if word == switch.on:
        return RelayPosition.CLOSED
    if word == switch.off:
        return RelayPosition.OPEN
    detail = f"{switch.property} is {word!r:.40}, expected {switch.on!r} or {switch.off!r}"
    message.minor.refuse("unknown_relay_word", detail)
    return None


def _instant_ms(seen: Minor) -> int | None:
    """Read ``last_seen`` in any of its configured formats; None if it is no instant."""
    if isinstance(seen, str):
        return _iso_ms(seen)
    if type(seen) not in (int, float) or not 0 < seen < LATEST_MS:
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
