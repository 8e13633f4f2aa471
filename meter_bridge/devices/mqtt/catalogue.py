"""The models for people: listed, shown, and tried against a message that somebody captured."""

from collections.abc import Iterator, Sequence
import re
from typing import Final

import yaml

from meter_bridge.devices.base.driver import Item, Rejected, Report, Unread
from meter_bridge.devices.base.quantities import TELEMETRY_LIMIT
from meter_bridge.devices.family import Address, Attempt, Found, ModelSummary, Settings
from meter_bridge.devices.mqtt.driver import ModelDriver
from meter_bridge.devices.mqtt.meter import ModelMeter, Payload
from meter_bridge.devices.mqtt.model import ANY_CHANNEL, Channel, Model
from meter_bridge.devices.mqtt.model_list import models_of, shipped_texts, written_models
from meter_bridge.devices.mqtt.names import NAME
from meter_bridge.devices.mqtt.payload_excerpt import excerpt

_PLACE: Final = re.compile(r"\\\{(device|name|channel|channel\\-1)\\\}")
_PATTERNS: Final = {"device": "(?P<device>.+)", "name": "[^/]+", "channel-1": "[0-9]{1,3}"}
SHOWN: Final = 60


class Models:
    """All models under some settings."""

    def __init__(self, settings: Settings) -> None:
        self._models = models_of(settings)
        self._own = written_models(settings)

    def summaries(self) -> Sequence[ModelSummary]:
        """Return every model in a line."""
        return [_summary(model) for _, model in sorted(self._models.items())]

    def text(self, name: str) -> str | None:
        """Return a model as it is written, or None where there is none of that name."""
        if name in self._own:
            return yaml.safe_dump(self._own[name], sort_keys=False, allow_unicode=True)
        return shipped_texts().get(name)

    def attempt(self, name: str, topic: str, payload: bytes) -> Attempt:
        """Read a message as the first device and channel that its topic may be of."""
        model = self._models[name]
        places = list(_places(model, topic))
        if not places:
            return Attempt(None, (), (), excerpt(payload), tuple(sorted(_templates(model))))
        attempts = [
            self._at(model, Address(NAME, f"{name}/{device}", channel), topic, payload)
            for device, channel in places
        ]
        return max(attempts, key=lambda each: sum(found.value is not None for found in each.found))

    def _at(self, model: Model, address: Address, topic: str, payload: bytes) -> Attempt:
        driver = ModelDriver({model.name: model})
        driver.assign([str(address)])
        items = driver.decode(topic, payload, retained=False)
        refused = [f"{each.kind}: {each.detail}" for each in items if isinstance(each, Rejected)]
        found: tuple[Found, ...] = ()
        channel = model.channel(address.channel)
        if channel is not None and len(payload) <= TELEMETRY_LIMIT and not _is_unreadable(items):
            meter, message = ModelMeter(address, model, channel), Payload(topic, payload)
            read = _read(items)
            found = tuple(
                Found(each.name, each.source.shown, _shown(each.value), read.get(each.name))
                for each in meter.findings(message)
            )
        return Attempt(str(address), found, tuple(refused), excerpt(payload), ())


def _is_unreadable(items: Sequence[Item]) -> bool:
    return not any(isinstance(each, Report) for each in items)


def _summary(model: Model) -> ModelSummary:
    channels = tuple("any" if name == ANY_CHANNEL else name for name in model.channels)
    shown = channels if len(channels) <= 3 else (channels[0], "…", channels[-1])  # noqa: PLR2004
    can = dict.fromkeys(each for channel in model.channels.values() for each in _abilities(channel))
    return ModelSummary(model.name, model.title, model.device, " ".join(shown), tuple(can))


def _abilities(channel: Channel) -> Iterator[str]:
    if channel.register is not None:
        yield "register"
    yield from channel.quantities
    if channel.phases:
        yield "phases"
    if channel.command is not None:
        yield "relay"
    if channel.reset_marker is not None:
        yield "reset marker"


def _templates(model: Model) -> set[str]:
    topics = {
        topic for channel in model.channels.values() for each in channel.sources() for topic in each.topics
    }
    return topics | set(model.availability.source.topics if model.availability else ())


def _places(model: Model, topic: str) -> Iterator[tuple[str, str]]:
    """Yield each device and channel that a topic may be of."""
    seen: set[tuple[str, str]] = set()
    for name, channel in model.channels.items():
        sources = [each.topics for each in channel.sources()]
        sources += [model.availability.source.topics] if model.availability else []
        for template in (template for topics in sources for template in topics):
            matched = _pattern(template, name).fullmatch(topic)
            if matched is not None:
                groups = matched.groupdict()
                place = (groups["device"], groups.get("channel") or ("main" if name == ANY_CHANNEL else name))
                if place not in seen:
                    seen.add(place)
                    yield place


def _pattern(template: str, channel: str) -> re.Pattern[str]:
    patterns = _PATTERNS | {"channel": "(?P<channel>[A-Za-z0-9_-]+)" if channel == ANY_CHANNEL else channel}
    text, used = "", set[str]()
    end, escaped = 0, re.escape(template)
    for place in _PLACE.finditer(escaped):
        kind = place[1].replace("\\", "")
        text += escaped[end : place.start()] + (f"(?P={kind})" if kind in used else patterns[kind])
        used |= {kind} if "(?P<" in patterns[kind] else set()
        end = place.end()
    return re.compile(text + escaped[end:])


def _shown(value: object) -> str | None:
    return None if value is None else f"{value!r:.{SHOWN}}"


def _read(items: Sequence[Item]) -> dict[str, str]:
    """Return what a message comes to, by the names of what is looked for."""
    told: dict[str, str] = {}
    for item in items:
        if isinstance(item, Report):
            values: dict[str, tuple[int | None, str]] = {
                "register": (item.register_wh, "Wh"),
                "returned": (item.returned_wh, "Wh"),
                "power": (item.power_mw, "mW"),
                "voltage": (item.voltage_mv, "mV"),
                "current": (item.current_ma, "mA"),
                "frequency": (item.frequency_mhz, "mHz"),
                "power factor": (item.power_factor_permille, "permille"),
            }
            told |= {name: f"{value} {unit}" for name, (value, unit) in values.items() if value is not None}
            if item.relay is not None:
                told["relay"] = str(item.relay)
            if item.reset_marker is not None:
                told["reset marker"] = item.reset_marker
            if item.online is not None and item.register_wh is None and item.relay is None:
                told["availability"] = "online" if item.online else "offline"
        elif isinstance(item, Unread):
            told.pop("register", None)
    return told
