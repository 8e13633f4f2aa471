"""A simulated device of any model: what it says is made from the same data as what the driver reads."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
import random
from typing import Final, override

import msgspec

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_meter import MeterSettings, SimulatedMeter
from meter_bridge.devices.family import NO_SETTINGS
from meter_bridge.devices.mqtt.json_path import ANY_MEMBER, Json, Step
from meter_bridge.devices.mqtt.model import (
    ANY_CHANNEL,
    MWH_PER_UNIT,
    Channel,
    FilledSource,
    Model,
    Register,
    Source,
    Words,
    fill,
)
from meter_bridge.devices.mqtt.model_list import models_of
from meter_bridge.devices.mqtt.names import NAME

USUAL_MODEL: Final = "openbeken"
MEMBER: Final = "Meter"
"""Name in place of a star in a path."""
ANNOUNCED: Final = "kWh"
DECIMALS: Final = 6


class ModelSimulator(SimulatedMeter):
    """One channel of a device of a model, the first that measures and switches."""

    family = NAME
    name_form = "meter-{:04d}"
    commands = ()

    def __init__(self, settings: MeterSettings, *, random: random.Random, start_ms: int) -> None:
        super().__init__(settings, random=random, start_ms=start_ms)
        self.model = models_of(NO_SETTINGS)[settings.model or USUAL_MODEL]
        self.channel_name, self.channel = _first(self.model)

    @property
    def address(self) -> str:
        """The address that the bridge uses for this meter."""
        return f"{NAME}:{self.model.name}/{self.name}/{self.channel_name}"

    @property
    @override
    def command_filters(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._fill(each.topic) for each in self.channel.messages()))

    def owns(self, topic: str) -> bool:
        """Return whether a command topic is of this meter."""
        return topic in self.command_filters

    def birth_messages(self) -> Sequence[Publish]:
        """Say that it is there, announce the unit where the model asks for it, and report."""
        register = self.channel.register
        announced = (
            [_message(self._filled(register.unit_source), [ANNOUNCED], retain=True)]
            if register is not None and register.unit_source is not None
            else []
        )
        return [*self._availability(online=True), *announced, *self.report()]

    def will_messages(self) -> Sequence[Publish]:
        """Return the last will."""
        return self._availability(online=False)

    def report(self) -> Sequence[Publish]:
        """Tell all readings, those of one topic together."""
        return list(_joined(self._told()))

    def relay_report(self) -> Sequence[Publish]:
        """Tell the relay's position, with all that is told beside it."""
        if self.channel.relay is None:
            return []
        topic = self._filled(self.channel.relay.source).topics[0]
        return [each for each in self.report() if each.topic == topic]

    def answer(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Obey a command; anything else asks for a report."""
        command = self.channel.command
        if command is not None and topic == self._fill(command.close.topic):
            words = {self._fill(command.close.payload): True, self._fill(command.open.payload): False}
            closed = words.get(payload.decode(errors="replace"))
            if closed is not None:
                self.move(closed=closed)
                return self.relay_report()
        return self.report()

    def _told(self) -> Iterator[tuple[FilledSource, Json]]:
        """Yield every source with the value that it tells now."""
        channel, physics = self.channel, self.physics
        if channel.relay is not None:
            yield self._filled(channel.relay.source), _word(channel.relay, yes=physics.reported_closed)
        if self.faults.relay_only:
            return
        if channel.register is not None and not self.faults.no_register:
            yield self._filled(channel.register.source), _counter(channel.register, physics.register_mwh)
        voltage_mv = physics.voltage_mv()
        values = {
            "power": Fraction(physics.power_mw, 1000),
            "voltage": Fraction(voltage_mv, 1000),
            "current": Fraction(physics.current_ma(voltage_mv), 1000),
            "frequency": Fraction(physics.frequency_mhz(), 1000),
            "power factor": Fraction(1 if physics.power_mw else 0),
        }
        for name, quantity in channel.quantities.items():
            yield self._filled(quantity.source), _number(values[name] / quantity.scale)
        for phase in channel.phases:
            for name, quantity in phase.items():
                share = len(channel.phases) if name in {"power", "current"} else 1
                yield self._filled(quantity.source), _number(values[name] / share / quantity.scale)

    def _availability(self, *, online: bool) -> list[Publish]:
        words = self.model.availability
        if words is None:
            return []
        return [_message(self._filled(words.source), [_word(words, yes=online)], retain=True)]

    def _filled(self, source: Source) -> FilledSource:
        return source.filled(self.name, self.channel_name)

    def _fill(self, text: str) -> str:
        return fill(text, self.name, self.channel_name)


def _first(model: Model) -> tuple[str, Channel]:
    """Return the channel that has most of a meter; one that may have any name is called ``main``."""
    name, channel = max(
        model.channels.items(),
        key=lambda each: (each[1].register is not None) + (each[1].command is not None),
    )
    return ("main" if name == ANY_CHANNEL else name), channel


def _word(words: Words, *, yes: bool) -> str:
    return min(words.yes if yes else words.no)


def _counter(register: Register, mwh: int) -> Json:
    per_unit = (register.mwh_per_unit or MWH_PER_UNIT[ANNOUNCED]) * register.factor
    return _number(Fraction(mwh) / per_unit)


def _number(value: Fraction) -> Json:
    return int(value) if value.denominator == 1 else round(float(value), DECIMALS)


def _joined(told: Iterable[tuple[FilledSource, Json]]) -> Iterator[Publish]:
    by_topic: dict[str, list[tuple[FilledSource, Json]]] = {}
    for source, value in told:
        by_topic.setdefault(source.topics[0], []).append((source, value))
    for topic, values in by_topic.items():
        if not values[0][0].paths:
            yield Publish(topic, _text(values[0][1]).encode(), 0)
            continue
        document: dict[str, Json] = {}
        for source, value in values:
            _put(document, source.paths[0].steps, value)
        yield Publish(topic, msgspec.json.encode(document), 0)


def _message(source: FilledSource, values: Sequence[Json], *, retain: bool) -> Publish:
    (sent,) = _joined([(source, value) for value in values])
    return Publish(sent.topic, sent.payload, 1, retain)


def _text(value: Json) -> str:
    return str(value)


def _put(document: dict[str, Json], steps: Sequence[Step], value: Json) -> None:
    """Put a value where a path leads, through members and lists that are made on the way."""
    place: Json = document
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        key: Step = MEMBER if step == ANY_MEMBER else step
        if isinstance(key, int):
            place.extend([0] * (key + 1 - len(place)))
        if following is None:
            place[key] = value
            return
        if isinstance(key, int):
            place[key] = place[key] or ([] if isinstance(following, int) else {})
        else:
            place.setdefault(key, [] if isinstance(following, int) else {})
        place = place[key]
