"""One meter of a model: what a message says of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from sys import intern
from typing import Final

import msgspec

from meter_bridge.devices.base.driver import Item, Phase, Publish, Rejected, Report, Unread
from meter_bridge.devices.base.quantities import (
    DETAIL_LENGTH,
    NAME_LENGTH,
    MinorValues,
    UnreadableError,
    current_ma,
    float32_step_wh,
    frequency_mhz,
    power_factor_permille,
    power_mw,
    voltage_mv,
    worst_phase,
)
from meter_bridge.devices.family import Address
from meter_bridge.devices.mqtt.json_path import Json
from meter_bridge.devices.mqtt.model import (
    MWH_PER_UNIT,
    Channel,
    FilledSource,
    Message,
    Model,
    Quantity,
    Register,
    Source,
    Words,
    fill,
)
from meter_bridge.devices.mqtt.number import exact, register_mwh
from meter_bridge.devices.mqtt.payload_excerpt import excerpt
from meter_bridge.protocol.vocabulary import RelayPosition

CONVERT: Final[Mapping[str, Callable[[float], int]]] = {
    "power": power_mw,
    "voltage": voltage_mv,
    "current": current_ma,
    "frequency": frequency_mhz,
    "power factor": power_factor_permille,
}
NO_VALUE: Final = frozenset({"", "None", "nan", "NaN", "null", "unknown", "unavailable"})
"""Texts by which devices say that they have no value now."""
WORD_LENGTH: Final = 40
MWH_PER_KWH: Final = 1_000_000


@dataclass(slots=True)
class Payload:
    """A message's content; its JSON is decoded once, when the first path asks for it."""

    topic: str
    raw: bytes
    _document: list[Json] = field(default_factory=list)

    def value(self, source: FilledSource) -> Json | None:
        """Return what a source finds in it, or None; raises what decoding raises."""
        if not source.paths:
            text = self.raw.decode().strip()
            return None if text in NO_VALUE else text
        if not self._document:
            self._document.append(msgspec.json.decode(self.raw))
        for path in source.paths:
            found = path.find(self._document[0])
            if found is not None and not (type(found) is str and found in NO_VALUE):
                return found
        return None


@dataclass(slots=True, kw_only=True)
class Finding:
    """What was looked for in a message and what was found; for ``model try``."""

    name: str
    source: FilledSource
    value: Json | None


class ModelMeter:
    """One meter in use."""

    def __init__(self, address: Address, model: Model, channel: Channel) -> None:
        self.address = intern(str(address))
        self.model = model
        self._device = address.device.partition("/")[2]
        self._channel_name = address.channel
        self._channel = channel
        self._announced_unit: Fraction | None = None
        self._marker: str | None = None
        self._sources: dict[int, FilledSource] = {}

    def topics(self) -> Iterator[str]:
        """Yield the topics that tell something of it."""
        for source in self._channel.sources():
            yield from self._filled(source).topics
        if self.model.availability is not None:
            yield from self._filled(self.model.availability.source).topics

    def switch(self, position: RelayPosition) -> tuple[Publish, ...]:
        """Return the message that moves its relay; none where it has none."""
        command = self._channel.command
        if command is None:
            return ()
        return (self._publish(command.close if position is RelayPosition.CLOSED else command.open),)

    def query(self) -> tuple[Publish, ...]:
        """Return the messages that ask for a reading; none where the device cannot be asked."""
        return tuple(self._publish(each) for each in self._channel.query)

    def items(self, payload: Payload, *, retained: bool) -> Iterator[Item]:
        """Yield what a message says; raise ``UnreadableError`` where its register or relay cannot be read."""
        if not payload.raw:  # how a retained message is taken back
            return
        availability = self.model.availability
        if availability is not None and self._tells(availability.source, payload):
            yield from self._availability(availability, payload, retained=retained)
        self._learn(payload)
        told = [source for source in self._channel.sources() if self._tells(source, payload)]
        if told:
            yield from self._reading(payload, retained=retained)

    def findings(self, payload: Payload) -> Iterator[Finding]:
        """Yield everything that is looked for in a message, with what is found."""
        named: dict[str, Source] = {}
        channel = self._channel
        for name, register in (("register", channel.register), ("returned", channel.returned)):
            if register is not None:
                named[name] = register.source
        named |= {name: each.source for name, each in channel.quantities.items()}
        for number, phase in enumerate(channel.phases, 1):
            named |= {f"phase {number} {name}": each.source for name, each in phase.items()}
        if channel.relay is not None:
            named["relay"] = channel.relay.source
        if channel.reset_marker is not None:
            named["reset marker"] = channel.reset_marker
        if self.model.availability is not None:
            named["availability"] = self.model.availability.source
        for name, source in named.items():
            if self._tells(source, payload):
                filled = self._filled(source)
                yield Finding(name=name, source=filled, value=payload.value(filled))

    def _reading(self, payload: Payload, *, retained: bool) -> Iterator[Item]:
        minor = MinorValues()
        channel = self._channel
        register_wh, step_wh = self._register(channel.register, payload)
        returned_wh = self._returned(channel.returned, payload, minor)
        values = {
            name: self._quantity(name, quantity, payload, minor)
            for name, quantity in channel.quantities.items()
        }
        phases = self._phases(payload, minor)
        yield Report(
            self.address,
            register_wh,
            step_wh,
            self._marker if register_wh is not None else None,
            _sum(phases, "power_mw") if values.get("power") is None else values["power"],
            _worst(phases) if values.get("voltage") is None else values["voltage"],
            _sum(phases, "current_ma") if values.get("current") is None else values["current"],
            values.get("frequency"),
            relay=self._relay(channel.relay, payload),
            online=None if retained else True,
            stale=retained,
            returned_wh=returned_wh,
            power_factor_permille=values.get("power factor"),
            phases=phases,
        )
        yield from minor.refused(payload.topic)
        if (
            channel.register is not None
            and register_wh is None
            and self._tells(channel.register.source, payload)
        ):
            yield from self._unread(channel.register, payload)

    def _unread(self, register: Register, payload: Payload) -> Iterator[Item]:
        filled = self._filled(register.source)
        looked_for, shown = filled.shown, excerpt(payload.raw)
        if payload.value(filled) is not None:  # its unit is not known yet
            looked_for = self._filled(register.unit_source).shown if register.unit_source else looked_for
            kind = "unit_unknown"
        else:
            kind = "path_found_nothing"
        detail = f"{looked_for} found nothing in {shown}"
        yield Rejected(kind, payload.topic[:DETAIL_LENGTH], detail[:DETAIL_LENGTH])
        yield Unread(self.address, payload.topic[:DETAIL_LENGTH], looked_for[:DETAIL_LENGTH], shown)

    def _availability(self, words: Words, payload: Payload, *, retained: bool) -> Iterator[Item]:
        word = _word(payload.value(self._filled(words.source)))
        if word is None or word in words.ignored:
            return
        if word not in words.yes | words.no:
            raise UnreadableError("unknown_availability", f"availability {word[:WORD_LENGTH]!r}")
        online = word in words.yes
        yield Report(self.address, online=online, stale=retained)
        if online:
            yield from self.query()

    def _learn(self, payload: Payload) -> None:
        """Keep what other messages are read with: the register's unit, and its reset marker."""
        register, marker = self._channel.register, self._channel.reset_marker
        if register is not None and register.unit_source is not None:
            unit = self._value(register.unit_source, payload)
            if isinstance(unit, str):
                self._announced_unit = MWH_PER_UNIT.get(unit)
        if marker is not None:
            self._marker = _word(self._value(marker, payload)) or self._marker

    def _register(self, register: Register | None, payload: Payload) -> tuple[int | None, int]:
        value = None if register is None else self._value(register.source, payload)
        per_unit = None if register is None else register.mwh_per_unit or self._announced_unit
        if register is None or value is None or per_unit is None:
            return None, 1
        mwh = register_mwh(value, per_unit * register.factor)
        step_wh = float32_step_wh(mwh / MWH_PER_KWH) if register.is_float32 else register.step_wh
        return mwh // 1000, step_wh

    def _returned(self, register: Register | None, payload: Payload, minor: MinorValues) -> int | None:
        try:
            return self._register(register, payload)[0]
        except UnreadableError as error:
            minor.refuse(error.slug, str(error))
            return None

    def _quantity(self, name: str, quantity: Quantity, payload: Payload, minor: MinorValues) -> int | None:
        try:
            value = self._value(quantity.source, payload)
            return None if value is None else CONVERT[name](float(exact(value) * quantity.scale))
        except UnreadableError as error:
            minor.refuse(error.slug, f"{name}: {error}")
            return None

    def _phases(self, payload: Payload, minor: MinorValues) -> tuple[Phase, ...]:
        phases = tuple(
            Phase(
                *(
                    self._quantity(name, phase[name], payload, minor) if name in phase else None
                    for name in ("power", "voltage", "current", "power factor")
                )
            )
            for phase in self._channel.phases
        )
        return phases if any(phase != Phase() for phase in phases) else ()

    def _relay(self, words: Words | None, payload: Payload) -> RelayPosition | None:
        word = None if words is None else _word(self._value(words.source, payload))
        if words is None or word is None or word in words.ignored:
            return None
        if word in words.yes:
            return RelayPosition.CLOSED
        if word in words.no:
            return RelayPosition.OPEN
        known = ", ".join(sorted(words.yes | words.no))
        raise UnreadableError(
            "unknown_relay_word", f"relay is {word[:WORD_LENGTH]!r}, expected one of {known}"
        )

    def _value(self, source: Source, payload: Payload) -> Json | None:
        filled = self._filled(source)
        return payload.value(filled) if payload.topic in filled.topics else None

    def _tells(self, source: Source, payload: Payload) -> bool:
        return payload.topic in self._filled(source).topics

    def _filled(self, source: Source) -> FilledSource:
        filled = self._sources.get(id(source))
        if filled is None:
            filled = self._sources[id(source)] = source.filled(self._device, self._channel_name)
        return filled

    def _publish(self, message: Message) -> Publish:
        topic = fill(message.topic, self._device, self._channel_name)
        return Publish(topic, fill(message.payload, self._device, self._channel_name).encode())


def _word(value: Json | None) -> str | None:
    """Return a value as models write words: true and 1 are texts there."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:NAME_LENGTH] if isinstance(value, str | int | float) else None


def _sum(phases: tuple[Phase, ...], name: str) -> int | None:
    """Return a sum, which none is where a phase is missing."""
    known = [getattr(phase, name) for phase in phases]
    return sum(known) if known and None not in known else None


def _worst(phases: tuple[Phase, ...]) -> int | None:
    return worst_phase(phase.voltage_mv for phase in phases if phase.voltage_mv is not None)
