"""From what is written of a model, here or in a site file, to the model, or to all that is wrong with it."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction
import re
from typing import Final

from meter_bridge.devices.family import FORBIDDEN, SettingMistake, Written
from meter_bridge.devices.mqtt.json_path import PathError, parse_path
from meter_bridge.devices.mqtt.model import (
    MWH_PER_UNIT,
    QUANTITIES,
    Channel,
    Command,
    Message,
    Model,
    Quantity,
    Register,
    Source,
    Words,
    fill,
)

type Place = tuple[str | int, ...]

NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
CHANNEL: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
MAX_CHANNELS: Final = 64
MAX_TEXT: Final = 500
MAX_ALTERNATIVES: Final = 20
MAX_PHASES: Final = 4
UNITS: Final[Mapping[str, Mapping[str, Fraction]]] = {
    "power": {"W": Fraction(1), "kW": Fraction(1000), "mW": Fraction(1, 1000)},
    "voltage": {"V": Fraction(1), "mV": Fraction(1, 1000), "kV": Fraction(1000)},
    "current": {"A": Fraction(1), "mA": Fraction(1, 1000)},
    "frequency": {"Hz": Fraction(1), "mHz": Fraction(1, 1000)},
    "power factor": {"1": Fraction(1), "%": Fraction(1, 100)},
}
_RANGE: Final = re.compile(r"(?P<prefix>[A-Za-z_-]*)(?P<first>[0-9]{1,2}) to (?P=prefix)(?P<last>[0-9]{1,2})")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_STEP: Final = re.compile(r"(?P<number>[0-9]{1,6}(\.[0-9]{1,3})?) (?P<unit>Wh|kWh)")
_PLACES: Final = re.compile(r"\{([^{}\"]*)\}")
_KNOWN_PLACES: Final = ("device", "name", "channel", "channel-1")
MODEL_KEYS: Final = (
    "title", "device", "source", "no register", "topic", "availability", "behind gateway", "query",
    "channels",
)  # fmt: skip
CHANNEL_KEYS: Final = (
    "topic", "register", "returned", *QUANTITIES, "phases", "relay", "command", "reset marker", "query",
)  # fmt: skip
_SOURCE_KEYS: Final = ("topic", "path")
_FLAGS: Final = {"yes": True, "no": False, "true": True, "false": False}


def read_model(name: str, written: Written) -> tuple[Model | None, Sequence[SettingMistake]]:
    """Return a model, or None and what is wrong with it, at paths below its own."""
    reader = _Reader()
    if not NAME.fullmatch(name):
        reader.refuse(
            (), f"{name!r} cannot be the name of a model", "use lower-case letters, digits and dashes"
        )
    model = reader.model(name, written)
    return (None if reader.mistakes else model), reader.mistakes


class _Reader:
    """Reads one model and notes every mistake; what it returns counts only where there are none."""

    def __init__(self) -> None:
        self.mistakes: list[SettingMistake] = []

    def refuse(self, at: Place, message: str, remedy: str, *, is_key: bool = False) -> None:
        self.mistakes.append(SettingMistake(at, message, remedy, is_key))

    def model(self, name: str, written: Written) -> Model:
        keys = self.keys((), written, MODEL_KEYS)
        topics = self.topics(("topic",), keys["topic"]) if "topic" in keys else ()
        query = self.queries(("query",), keys.get("query"))
        channels: dict[str, Channel] = {}
        for key, channel in self.keys(("channels",), keys.get("channels", ""), None).items():
            read = self.channel(("channels", key), channel, topics, query)
            for each in self.channel_names(("channels", key), key):
                channels[each] = read
        if "channels" not in keys:
            self.refuse(
                (), "'channels' is missing", "add channels:, and below it the name of each", is_key=True
            )
        elif not channels or len(channels) > MAX_CHANNELS:
            self.refuse(("channels",), f"{len(channels)} channels", f"name 1 to {MAX_CHANNELS}")
        self._check_channels(channels)
        return Model(
            name=name,
            title=self.text(("title",), keys.get("title", name)),
            device=self.text(("device",), keys.get("device", "the beginning of its topics")),
            channels=channels,
            availability=self.words(
                ("availability",), keys.get("availability"), ("online", "offline"), topics
            ),
            is_behind_gateway=self.flag(("behind gateway",), keys.get("behind gateway", "no")),
            no_register=self.text(("no register",), keys["no register"]) if "no register" in keys else None,
            source=self.text(("source",), keys.get("source", "")),
        )

    def _check_channels(self, channels: Mapping[str, Channel]) -> None:
        for name, channel in channels.items():
            if channel == Channel():
                self.refuse(("channels",), f"channel '{name}' is empty", "add register: or relay: to it")
        if channels and not any(each.register or each.relay for each in channels.values()):
            self.refuse(("channels",), "no channel has a register or a relay", "add register: to one")

    def channel_names(self, at: Place, key: str) -> Sequence[str]:
        found = _RANGE.fullmatch(key)
        if found is None:
            if not CHANNEL.fullmatch(key):
                remedy = "write a name such as main or state_l1, a range such as 1 to 4, or any"
                self.refuse(at, f"{key!r} cannot be a channel", remedy, is_key=True)
            return (key,)
        numbers = range(int(found["first"]), int(found["last"]) + 1)
        return [f"{found['prefix']}{number}" for number in numbers]

    def channel(
        self, at: Place, written: Written, topics: tuple[str, ...], query: tuple[Message, ...]
    ) -> Channel:
        keys = self.keys(at, written, CHANNEL_KEYS)
        topics = self.topics((*at, "topic"), keys["topic"]) if "topic" in keys else topics
        relay = self.words((*at, "relay"), keys.get("relay"), ("closed", "open"), topics)
        command = self.command((*at, "command"), keys.get("command"))
        if command is not None and relay is None:
            remedy = "add relay: with what it says of its position: a command that nothing proves is none"
            self.refuse((*at, "command"), "a relay that does not tell its position", remedy, is_key=True)
        return Channel(
            register=self.register((*at, "register"), keys.get("register"), topics),
            returned=self.register((*at, "returned"), keys.get("returned"), topics),
            quantities=self.quantities(at, keys, topics),
            phases=self.phases((*at, "phases"), keys.get("phases"), topics),
            relay=relay,
            command=command,
            reset_marker=self.plain_source((*at, "reset marker"), keys.get("reset marker"), topics),
            query=self.queries((*at, "query"), keys["query"]) if "query" in keys else query,
        )

    def register(self, at: Place, written: Written | None, topics: tuple[str, ...]) -> Register | None:
        if written is None:
            return None
        keys = self.keys(at, written, (*_SOURCE_KEYS, "unit", "factor", "step", "float32"))
        unit, unit_source = keys.get("unit"), None
        mwh = MWH_PER_UNIT.get(unit) if isinstance(unit, str) else None
        if isinstance(unit, dict):
            unit_source = self.plain_source((*at, "unit"), unit, ())
        elif "unit" not in keys:
            self.refuse(at, "'unit' is missing", "add unit: kWh, for example", is_key=True)
        elif mwh is None:
            remedy = f"write one of {', '.join(MWH_PER_UNIT)}, or where the device announces it"
            self.refuse((*at, "unit"), f"{unit!r} is no unit of energy", remedy)
        return Register(
            self.source(at, keys, topics),
            mwh,
            unit_source,
            self.number((*at, "factor"), keys.get("factor", "1")),
            self.step((*at, "step"), keys.get("step")),
            self.flag((*at, "float32"), keys.get("float32", "no")),
        )

    def quantities(
        self, at: Place, keys: Mapping[str, Written], topics: tuple[str, ...]
    ) -> Mapping[str, Quantity]:
        return {
            name: self.quantity((*at, name), name, keys[name], topics) for name in QUANTITIES if name in keys
        }

    def quantity(self, at: Place, name: str, written: Written, topics: tuple[str, ...]) -> Quantity:
        keys = self.keys(at, written, (*_SOURCE_KEYS, "unit", "factor"))
        units = UNITS[name]
        unit = keys.get("unit", next(iter(units)))
        scale = units.get(unit) if isinstance(unit, str) else None
        if scale is None:
            self.refuse((*at, "unit"), f"{unit!r} is no unit of {name}", f"write one of {', '.join(units)}")
        factor = self.number((*at, "factor"), keys.get("factor", "1"))
        return Quantity(self.source(at, keys, topics), (scale or Fraction(1)) * factor)

    def phases(
        self, at: Place, written: Written | None, topics: tuple[str, ...]
    ) -> tuple[Mapping[str, Quantity], ...]:
        if written is None:
            return ()
        if not isinstance(written, list) or not 2 <= len(written) <= MAX_PHASES:  # noqa: PLR2004
            self.refuse(at, "several phases are expected here", f"write a list of 2 to {MAX_PHASES}")
            return ()
        names = ("power", "voltage", "current", "power factor")
        read = tuple(
            self.quantities((*at, number), self.keys((*at, number), each, names), topics)
            for number, each in enumerate(written)
        )
        told = {each.source.topics for phase in read for each in phase.values()}
        if len(told) > 1:
            remedy = "name the same topic for all; phases that come one by one are channels of their own"
            self.refuse(at, "phases are told by several topics", remedy)
        return read

    def words(
        self, at: Place, written: Written | None, names: tuple[str, str], topics: tuple[str, ...]
    ) -> Words | None:
        if written is None:
            return None
        keys = self.keys(at, written, (*_SOURCE_KEYS, *names, "ignored"))
        yes, no = (self.alternatives((*at, name), keys.get(name)) for name in names)
        for name in names:
            if name not in keys:
                self.refuse(
                    at, f"'{name}' is missing", f"add {name}: and the word that means it", is_key=True
                )
        if set(yes) & set(no):
            self.refuse(
                at, f"{names[0]} and {names[1]} are the same word", "write what the device says", is_key=True
            )
        ignored = self.alternatives((*at, "ignored"), keys.get("ignored")) if "ignored" in keys else ()
        return Words(self.source(at, keys, topics), frozenset(yes), frozenset(no), frozenset(ignored))

    def command(self, at: Place, written: Written | None) -> Command | None:
        if written is None:
            return None
        keys = self.keys(at, written, ("topic", "closed", "open"))
        for name in ("topic", "closed", "open"):
            if name not in keys:
                self.refuse(at, f"'{name}' is missing", f"add {name}:", is_key=True)
        (topic, *_) = self.topics((*at, "topic"), keys.get("topic", "x")) or ("",)
        closed, opened = (self.payload((*at, name), keys.get(name, "")) for name in ("closed", "open"))
        if closed == opened and "closed" in keys:
            self.refuse(at, "the same message closes and opens", "write two different ones", is_key=True)
        return Command(Message(topic, closed), Message(topic, opened))

    def queries(self, at: Place, written: Written | None) -> tuple[Message, ...]:
        if written is None:
            return ()
        several = isinstance(written, list)
        each_at = [(*at, number) if several else at for number in range(len(written))]
        return tuple(
            self.message(place, each)
            for place, each in zip(each_at, written if isinstance(written, list) else [written], strict=False)
        )

    def message(self, at: Place, written: Written) -> Message:
        keys = self.keys(at, written, ("topic", "payload"))
        if "topic" not in keys:
            self.refuse(at, "'topic' is missing", "add topic:", is_key=True)
        (topic, *_) = self.topics((*at, "topic"), keys.get("topic", "x")) or ("",)
        return Message(topic, self.payload((*at, "payload"), keys.get("payload", "")))

    def plain_source(self, at: Place, written: Written | None, topics: tuple[str, ...]) -> Source | None:
        if written is None:
            return None
        return self.source(at, self.keys(at, written, _SOURCE_KEYS), topics)

    def source(self, at: Place, keys: Mapping[str, Written], topics: tuple[str, ...]) -> Source:
        if "topic" in keys:
            topics = self.topics((*at, "topic"), keys["topic"])
        elif not topics:
            self.refuse(at, "'topic' is missing", "add topic: here, or one for the whole model", is_key=True)
        paths = self.alternatives((*at, "path"), keys["path"]) if "path" in keys else ()
        for path in paths:
            try:
                parse_path(fill(path, "device", "1"))
            except PathError:
                remedy = "write names with dots between, numbers in brackets: SPM.Energy[0]"
                self.refuse((*at, "path"), f"{path!r} is no path", remedy)
            self.places((*at, "path"), path)
        return Source(topics, paths)

    def topics(self, at: Place, written: Written) -> tuple[str, ...]:
        topics = self.alternatives(at, written)
        for topic in topics:
            found = FORBIDDEN.search(topic)
            if found:
                self.refuse(at, f"{topic!r} holds {found.group()!r}", "write whole topics, without wildcards")
            elif "{device}" not in topic:
                self.refuse(
                    at, f"{topic!r} is the same for every device", "write {device} where its name stands"
                )
            self.places(at, topic)
        return topics

    def alternatives(self, at: Place, written: Written | None) -> tuple[str, ...]:
        named = written if isinstance(written, list) else [] if written is None else [written]
        if len(named) > MAX_ALTERNATIVES:
            self.refuse(at, f"{len(named)} are too many", f"write at most {MAX_ALTERNATIVES}")
        if not all(isinstance(each, str) for each in named):
            self.refuse(at, "a text, or a list of texts, is expected here", "write it on one line")
        return tuple(each for each in named if isinstance(each, str))

    def payload(self, at: Place, written: Written) -> str:
        text = written if isinstance(written, str) else ""
        if not isinstance(written, str):
            self.refuse(at, "a text is expected here", 'put it between single quotes: \'{"state": "ON"}\'')
        elif len(text) > MAX_TEXT:
            self.refuse(at, f"a payload of {len(text)} characters", f"write at most {MAX_TEXT}")
        return text

    def places(self, at: Place, text: str) -> None:
        for found in _PLACES.findall(text):
            if found not in _KNOWN_PLACES:
                known = ", ".join(f"{{{each}}}" for each in _KNOWN_PLACES)
                self.refuse(at, f"{{{found}}} stands for nothing", f"write one of {known}")

    def keys(self, at: Place, written: Written, known: Sequence[str] | None) -> Mapping[str, Written]:
        if not isinstance(written, dict):
            self.refuse(at, "keys with values are expected here", "write them indented below, as key: value")
            return {}
        for key in written if known is not None else ():
            if known is not None and key not in known:
                near = get_close_matches(key[:80], known, n=1)
                remedy = f"did you mean '{near[0]}'?" if near else f"write one of {', '.join(known)}"
                self.refuse((*at, key), f"unknown key {key[:80]!r}", remedy, is_key=True)
        return written

    def text(self, at: Place, written: Written) -> str:
        if not isinstance(written, str) or len(written) > MAX_TEXT:
            self.refuse(at, "a text is expected here", f"write at most {MAX_TEXT} characters")
            return ""
        return written

    def flag(self, at: Place, written: Written) -> bool:
        found = _FLAGS.get(written) if isinstance(written, str) else None
        if found is None:
            self.refuse(at, "yes or no is expected here", "write yes or no")
        return bool(found)

    def number(self, at: Place, written: Written) -> Fraction:
        if not isinstance(written, str) or not _NUMBER.fullmatch(written) or not Fraction(written):
            self.refuse(at, "a number above zero is expected here", "write it like 0.1 or 1000")
            return Fraction(1)
        return Fraction(written)

    def step(self, at: Place, written: Written | None) -> int:
        if written is None:
            return 1
        found = _STEP.fullmatch(written) if isinstance(written, str) else None
        if found is None:
            self.refuse(at, "a step of the register is expected here", "write it like 10 Wh")
            return 1
        return max(1, int(Fraction(found["number"]) * (1000 if found["unit"] == "kWh" else 1)))
