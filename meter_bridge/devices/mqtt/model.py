"""What a model is: where in a device's messages its values stand, and how it is commanded.

Topics, paths and payloads may hold ``{device}``, the device's name in addresses, ``{name}``, the last level
of that, ``{channel}``, and ``{channel-1}`` where a device counts from 0 what its addresses count from 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
import re
from typing import Final

from meter_bridge.devices.mqtt.json_path import JsonPath, parse_path

MWH_PER_UNIT: Final[Mapping[str, Fraction]] = {
    "mWh": Fraction(1),
    "Wh": Fraction(1000),
    "kWh": Fraction(1_000_000),
    "MWh": Fraction(1_000_000_000),
    "Wmin": Fraction(1000, 60),
    "Ws": Fraction(1000, 3600),
}
"""Milliwatt-hours in each unit of a register; watt-minutes are what Shelly's first generation counts."""
ANY_CHANNEL: Final = "any"
_NUMBER: Final = re.compile(r"[0-9]{1,3}$")
_PLACE: Final = re.compile(r"\{(device|name|channel|channel-1)\}")


def fill(text: str, device: str, channel: str) -> str:
    """Return a text with what stands for device and channel."""
    number = _NUMBER.search(channel)
    values = {
        "device": device,
        "name": device.rpartition("/")[2],
        "channel": channel,
        "channel-1": str(max(0, int(number.group()) - 1)) if number else "0",
    }
    return _PLACE.sub(lambda found: values[found[1]], text)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value stands: the topics that tell it, and the paths of which the first that finds is taken."""

    topics: tuple[str, ...]
    paths: tuple[str, ...] = ()
    """None where the whole payload is the value."""

    def filled(self, device: str, channel: str) -> FilledSource:
        """Return the source of one device."""
        topics = tuple(fill(each, device, channel) for each in self.topics)
        return FilledSource(topics, tuple(parse_path(fill(each, device, channel)) for each in self.paths))


@dataclass(frozen=True, slots=True)
class FilledSource:
    """A source of one device."""

    topics: tuple[str, ...]
    paths: tuple[JsonPath, ...]

    @property
    def shown(self) -> str:
        """Return what is looked for, for people."""
        return " or ".join(path.text for path in self.paths) or "the payload"


@dataclass(frozen=True, slots=True)
class Register:
    """A counter: its source, its unit and its resolution."""

    source: Source
    mwh_per_unit: Fraction | None
    """None where the device itself announces the unit."""
    unit_source: Source | None = None
    factor: Fraction = Fraction(1)
    step_wh: int = 1
    is_float32: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """A power, voltage, current, frequency or power factor; ``scale`` makes it W, V, A, Hz or 1."""

    source: Source
    scale: Fraction = Fraction(1)


@dataclass(frozen=True, slots=True)
class Words:
    """A source that tells one of two states, and the texts that mean them."""

    source: Source
    yes: frozenset[str]
    no: frozenset[str]
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a device."""

    topic: str
    payload: str


@dataclass(frozen=True, slots=True)
class Command:
    """The messages that close and open a relay."""

    close: Message
    open: Message


QUANTITIES: Final = ("power", "voltage", "current", "frequency", "power factor")


@dataclass(frozen=True, slots=True)
class Channel:
    """What a meter of the device has; any of it may be missing."""

    register: Register | None = None
    returned: Register | None = None
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    phases: tuple[Mapping[str, Quantity], ...] = ()
    relay: Words | None = None
    command: Command | None = None
    reset_marker: Source | None = None
    query: tuple[Message, ...] = ()

    def sources(self) -> Iterator[Source]:
        """Yield every source."""
        for register in (self.register, self.returned):
            if register is not None:
                yield register.source
                if register.unit_source is not None:
                    yield register.unit_source
        for quantities in (self.quantities, *self.phases):
            yield from (each.source for each in quantities.values())
        if self.relay is not None:
            yield self.relay.source
        if self.reset_marker is not None:
            yield self.reset_marker

    def messages(self) -> Iterator[Message]:
        """Yield every message that may be sent to it."""
        if self.command is not None:
            yield from (self.command.close, self.command.open)
        yield from self.query


@dataclass(frozen=True, slots=True)
class Model:
    """A model of device."""

    name: str
    title: str
    device: str
    """What the device's name in addresses is, for people."""
    channels: Mapping[str, Channel]
    """By name; ``ANY_CHANNEL`` stands for those that are not named."""
    availability: Words | None = None
    is_behind_gateway: bool = False
    """One client of the broker speaks for all devices whose names begin with the same level."""
    no_register: str | None = None
    """What to do where its register is not told, for people."""
    source: str = ""
    """Where the format is documented."""

    def channel(self, name: str) -> Channel | None:
        """Return what a channel has, or None where the model has no such channel."""
        return self.channels.get(name) or self.channels.get(ANY_CHANNEL)
