"""From Zigbee2MQTT's device list to the meters in it.

Source: Zigbee2MQTT documentation, *Exposes*, and the definitions of zigbee-herdsman-converters. Access is a
bit field: 1 published, 2 settable, 4 gettable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

SETTABLE: Final = 2
GETTABLE: Final = 4
REGISTER_NAMES: Final = ("energy", "total_energy", "energy_consumed", "total_energy_consumption", "energy_wh")
"""Names that definitions use for the imported total, the usual one first."""
RETURNED_NAMES: Final = ("produced_energy", "total_output_energy", "energy_produced", "reverse_energy")
"""Names that they use for the total of energy that flowed back."""
MWH_PER_UNIT: Final[Mapping[str | None, int]] = {
    "Wh": 1_000,
    "kWh": 1_000_000,
    "MWh": 1_000_000_000,
}
FACTORS: Final[Mapping[str | None, float]] = {"mA": 1e-3, "mV": 1e-3, "kW": 1e3}

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
    definition: Definition | None = None
    software_build_id: str | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """Where a meter's counter stands and in which unit; ``step_wh`` is what two decimals resolve."""

    property: str
    mwh_per_unit: int
    step_wh: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Where a quantity stands; ``factor`` makes it W, V or A."""

    property: str
    factor: float = 1.0


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
    register: Register | None
    switch: Switch | None
    power: Measure | None
    voltage: Measure | None
    current: Measure | None
    returned: Register | None = None

    def properties(self) -> tuple[str, ...]:
        """Return the properties that this meter reads."""
        parts = (self.register, self.switch, self.power, self.voltage, self.current, self.returned)
        return tuple(part.property for part in parts if part is not None)


def channels_of(definition: Definition) -> tuple[Channel, ...]:
    """Return the meters of a device that has an energy register; none where it has no register at all."""
    numeric: dict[str | None, Expose] = {
        item.property: item for item in definition.exposes if item.type == "numeric" and item.property
    }
    switches = _switches(definition.exposes)
    channels = [_gang_channel(switch, numeric, alone=len(switches) == 1) for switch in switches]
    shared = _register(numeric, REGISTER_NAMES)
    if shared is not None and all(channel.register is None for channel in channels):
        channels.append(_channel(shared.property, shared, None, numeric, ""))
    return tuple(channels) if any(channel.register for channel in channels) else ()


def assumed_channel(name: str) -> Channel:
    """Return what a channel most likely means while its gateway has not listed the device."""
    if not name.startswith("state"):
        return _channel(name, Register(name, MWH_PER_UNIT["kWh"], 10), None, {}, "")
    suffix = name.removeprefix("state")
    register = Register(f"energy{suffix}", MWH_PER_UNIT["kWh"], 10)
    return Channel(
        name,
        register,
        Switch(name),
        Measure(f"power{suffix}"),
        Measure(f"voltage{suffix}"),
        Measure(f"current{suffix}"),
    )


def _switches(exposes: Sequence[Expose]) -> list[Switch]:
    groups = [item.features for item in exposes if item.type == "switch"]
    found = {
        state.property: Switch(state.property, state.value_on, state.value_off, bool(state.access & GETTABLE))
        for features in groups
        for state in features
        if state.name == "state" and state.property and state.access & SETTABLE
    }
    return [switch for switch in found.values() if switch.property.startswith("state")]


def _gang_channel(switch: Switch, numeric: Mapping[str | None, Expose], *, alone: bool) -> Channel:
    suffix = switch.property.removeprefix("state")
    names = [f"{name}{suffix}" for name in REGISTER_NAMES]
    register = _register(numeric, [*names, *REGISTER_NAMES] if alone else names)
    return _channel(switch.property, register, switch, numeric, suffix)


def _channel(
    name: str,
    register: Register | None,
    switch: Switch | None,
    numeric: Mapping[str | None, Expose],
    suffix: str,
) -> Channel:
    return Channel(
        name,
        register,
        switch,
        _measure(numeric, "power", suffix),
        _measure(numeric, "voltage", suffix),
        _measure(numeric, "current", suffix),
        None if register is None else _register(numeric, [f"{name}{suffix}" for name in RETURNED_NAMES]),
    )


def _register(numeric: Mapping[str | None, Expose], names: Sequence[str]) -> Register | None:
    for name in names:
        found = numeric.get(name)
        scale = MWH_PER_UNIT.get(found.unit) if found else None
        if scale is not None:
            return Register(name, scale, max(1, scale // 100_000))
    return None


def _measure(numeric: Mapping[str | None, Expose], name: str, suffix: str) -> Measure | None:
    """Find a quantity of this gang, or the voltage that all gangs share."""
    own = f"{name}{suffix}"
    found = own if own in numeric else name if name == "voltage" and name in numeric else None
    return None if found is None else Measure(found, FACTORS.get(numeric[found].unit, 1.0))


DEVICES: Final = msgspec.json.Decoder(list[GatewayDevice])
