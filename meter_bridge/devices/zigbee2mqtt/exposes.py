"""From Zigbee2MQTT's device list to the meters in it.

Source: Zigbee2MQTT documentation, *Exposes*, and the definitions of zigbee-herdsman-converters. Access is a
bit field: 1 published, 2 settable, 4 gettable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
import re
from typing import Final

import msgspec

from meter_bridge.devices.base.quantities import UnreadableError, register_mwh

SETTABLE: Final = 2
GETTABLE: Final = 4
REGISTER_NAMES: Final = (
    "energy",
    "total_energy",
    "energy_consumed",
    "total_energy_consumption",
    "energy_wh",
    "consumed_energy",
    "current_summ_delivered",
)
"""Names that definitions use for the imported total, the usual one first."""
RETURNED_NAMES: Final = (
    "produced_energy",
    "total_output_energy",
    "energy_produced",
    "reverse_energy",
    "current_summ_received",
)
"""Names that they use for the total of energy that flowed back."""
MWH_PER_UNIT: Final[Mapping[str | None, int]] = {
    "Wh": 1_000,
    "kWh": 1_000_000,
    "MWh": 1_000_000_000,
}
FACTORS: Final[Mapping[str | None, float]] = {"mA": 1e-3, "mV": 1e-3, "kW": 1e3, "%": 1e-2}
PHASES: Final = (
    ("_a", "_b", "_c"),
    ("_l1", "_l2", "_l3"),
    ("_phase_a", "_phase_b", "_phase_c"),
    ("", "_phase_b", "_phase_c"),
)
"""How definitions name the phases of one meter; in the last way the first phase has no name of its own."""
PART: Final = re.compile(r"_(?:[a-d]|l?[1-9]|p[1-9]|phase_[a-c])")
"""How they name the meters of a device that has no register of its own, such as two clamps."""
QUANTITIES: Final = ("power", "voltage", "current", "power_factor")
"""The quantities that are read, in the order of ``Measures``."""
TOTAL_POWER: Final = "total_power"
"""What definitions call the power of all phases where ``power`` is that of the first."""
KWH_NAMES: Final = REGISTER_NAMES[:4]
"""Names of registers that are in kWh wherever a definition uses them."""

type Word = str | bool | int | float | None


class Expose(msgspec.Struct, frozen=True):
    """One exposed property, or a group of them such as a switch."""

    type: str = ""
    name: str | None = None
    property: str | None = None
    unit: str | None = None
    access: int = 0
    value_on: Word = None
    value_off: Word = None
    features: list[Expose] = []


class Definition(msgspec.Struct, frozen=True):
    """What a device's model can do."""

    exposes: list[Expose] = []
    model: str | None = None
    vendor: str | None = None


class GatewayDevice(msgspec.Struct, frozen=True):
    """One entry of ``bridge/devices``."""

    friendly_name: str
    ieee_address: str = ""
    definition: Definition | None = None
    software_build_id: str | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """Where a meter's counter stands and in which unit; ``step_wh`` is what two decimals resolve."""

    property: str
    mwh_per_unit: int
    step_wh: int

    def wh(self, value: float) -> int:
        """Return a value of the counter, floored to whole watt-hours."""
        return register_mwh(value, self.mwh_per_unit) // 1000


@dataclass(frozen=True, slots=True)
class Measure:
    """Where a quantity stands; ``factor`` makes it W, V or A."""

    property: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """Where the quantities of a whole meter, or of one of its phases, stand."""

    power: Measure | None = None
    voltage: Measure | None = None
    current: Measure | None = None
    factor: Measure | None = None

    def all(self) -> tuple[Measure, ...]:
        """Return those that there are."""
        parts = (self.power, self.voltage, self.current, self.factor)
        return tuple(part for part in parts if part is not None)

    def or_else(self, other: Measures) -> Measures:
        """Return these, completed by others."""
        return Measures(
            self.power or other.power,
            self.voltage or other.voltage,
            self.current or other.current,
            self.factor or other.factor,
        )


@dataclass(frozen=True, slots=True)
class Switch:
    """A relay with the words that its definition uses."""

    property: str
    on: Word = "ON"
    off: Word = "OFF"
    gettable: bool = True


@dataclass(frozen=True, slots=True)
class Channel:
    """One meter of a device: any of register, relay and measures may be missing."""

    name: str
    register: Register | None = None
    switch: Switch | None = None
    whole: Measures = Measures()
    phases: tuple[Measures, ...] = ()
    returned: Register | None = None

    def properties(self) -> tuple[str, ...]:
        """Return the properties that this meter reads."""
        measures = [each for part in (self.whole, *self.phases) for each in part.all()]
        parts = (self.register, self.switch, *measures, self.returned)
        return tuple(part.property for part in parts if part is not None)


type Numeric = Mapping[str | None, Expose]
"""The numbers that a device exposes, by property."""


def channels_of(definition: Definition) -> tuple[Channel, ...]:
    """Return the meters of a device that has an energy register; none where it has no register at all."""
    numeric, switches = _numeric(definition), _switches(definition.exposes)
    channels = [_gang_channel(switch, numeric, alone=len(switches) == 1) for switch in switches]
    if all(channel.register is None for channel in channels):
        gangs = tuple(suffix for each in switches if (suffix := each.property.removeprefix("state")))
        numeric = {name: item for name, item in numeric.items() if not str(name).endswith(gangs)}
        shared = _register(numeric, REGISTER_NAMES)
        registers = _registers_of_parts(numeric) if shared is None else [shared]
        channels += [_register_channel(register, numeric) for register in registers]
    return tuple(channels) if any(channel.register for channel in channels) else ()


def named_channel(name: str, definition: Definition) -> Channel:
    """Return a meter that the site file names and the driver does not offer, as the gateway lists it.

    Raise ``UnreadableError`` where it is no counter of energy: its numbers would be charged as such.
    """
    numeric = _numeric(definition)
    if name.startswith("state"):
        switches = {switch.property: switch for switch in _switches(definition.exposes)}
        return _gang_channel(switches.get(name, Switch(name)), numeric, alone=False)
    register = _register(numeric, [name])
    if register is None:
        listed = numeric.get(name)
        what = "the gateway lists no such number" if listed is None else f"its unit is {listed.unit}"
        raise UnreadableError("no_energy_register", f"'{name}' is no register in Wh, kWh or MWh: {what}")
    return _register_channel(register, numeric)


def assumed_channel(name: str) -> Channel:
    """Return what a channel most likely means while its gateway has not listed the device.

    Raise ``UnreadableError`` where the name leaves the unit open, until the list tells it.
    """
    if name.startswith("state"):
        suffix = name.removeprefix("state")
        whole = Measures(Measure(f"power{suffix}"), Measure(f"voltage{suffix}"), Measure(f"current{suffix}"))
        return Channel(name, _kwh_register(f"energy{suffix}"), Switch(name), whole)
    if not any(name == usual or PART.fullmatch(name.removeprefix(usual)) for usual in KWH_NAMES):
        raise UnreadableError("unit_unknown", f"'{name}' is not read before the gateway has listed its unit")
    return Channel(name, _kwh_register(name))


def _kwh_register(name: str) -> Register:
    return Register(name, MWH_PER_UNIT["kWh"], 10)


def _numeric(definition: Definition) -> Numeric:
    return {item.property: item for item in definition.exposes if item.type == "numeric" and item.property}


def _switches(exposes: Sequence[Expose]) -> list[Switch]:
    groups = [item.features for item in exposes if item.type == "switch"]
    found = {
        state.property: Switch(state.property, state.value_on, state.value_off, bool(state.access & GETTABLE))
        for features in groups
        for state in features
        if state.name == "state" and state.property and state.access & SETTABLE
    }
    return [switch for switch in found.values() if switch.property.startswith("state")]


def _gang_channel(switch: Switch, numeric: Numeric, *, alone: bool) -> Channel:
    suffix = switch.property.removeprefix("state")
    names = [f"{name}{suffix}" for name in REGISTER_NAMES]
    register = _register(numeric, [*names, *REGISTER_NAMES] if alone else names)
    return _channel(switch.property, register, switch, numeric, suffix)


def _register_channel(register: Register, numeric: Numeric) -> Channel:
    """Return a meter without a relay; a part of a device, such as a clamp, has measures of its own."""
    part = PART.search(register.property)
    suffix = part.group() if part and part.end() == len(register.property) else ""
    return _channel(register.property, register, None, numeric, suffix)


def _registers_of_parts(numeric: Numeric) -> list[Register]:
    parts = [
        name
        for name in numeric
        if name and any(PART.fullmatch(name.removeprefix(usual)) for usual in REGISTER_NAMES)
    ]
    return [register for name in parts if (register := _register(numeric, [name])) is not None]


def _channel(
    name: str, register: Register | None, switch: Switch | None, numeric: Numeric, suffix: str
) -> Channel:
    returned = (
        None if register is None else _register(numeric, [f"{each}{suffix}" for each in RETURNED_NAMES])
    )
    whole, phases = (_gang_measures(numeric, suffix), ()) if suffix else _whole_and_phases(numeric)
    return Channel(name, register, switch, whole, phases, returned)


def _register(numeric: Numeric, names: Sequence[str]) -> Register | None:
    for name in names:
        found = numeric.get(name)
        scale = MWH_PER_UNIT.get(found.unit) if found else None
        if scale is not None:
            return Register(name, scale, max(1, scale // 100_000))
    return None


def _gang_measures(numeric: Numeric, suffix: str) -> Measures:
    """Return the quantities of one gang, with the voltage that all gangs share."""
    own = _measures(numeric, suffix)
    return own if own.voltage else replace(own, voltage=_measure(numeric, "voltage"))


def _whole_and_phases(numeric: Numeric) -> tuple[Measures, tuple[Measures, ...]]:
    whole = _measures(numeric, "")
    for suffixes in PHASES:
        phases = {suffix: _measures(numeric, suffix) for suffix in suffixes}
        first, *_ = phases.values()
        if not first.all() or not any(phases[suffix].all() for suffix in suffixes if suffix):
            continue
        if "" in phases:
            whole = Measures(power=_measure(numeric, TOTAL_POWER))
        found = tuple(each for each in phases.values() if each.all())
        return (whole, found) if len(found) > 1 else (whole.or_else(found[0]), ())
    return whole, ()


def _measures(numeric: Numeric, suffix: str) -> Measures:
    return Measures(*(_measure(numeric, f"{name}{suffix}") for name in QUANTITIES))


def _measure(numeric: Numeric, name: str) -> Measure | None:
    found = numeric.get(name)
    return None if found is None else Measure(name, FACTORS.get(found.unit, 1.0))


DEVICES: Final = msgspec.json.Decoder(list[GatewayDevice])
