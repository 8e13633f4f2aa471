"""Rules of a simulated Tasmota device: three rule sets, matched and kept as the firmware does it.

Source: firmware file ``xdrv_10_rules.ino``. A trigger is looked up in the upper-case JSON of an event and
compared as float32; a rule set with its *once* flag remembers, in memory only, which triggers were true.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
import math
import struct
from typing import Final

RULE_SETS: Final = 3
RULE_SIZE: Final = 512
"""Size of a rule set without compression, its end included."""
type Event = Mapping[str, object]
type Compare = Callable[[float, float], bool]

# The longer sign is looked for first, as in the firmware.
OPERATORS: Final[tuple[tuple[str, Compare], ...]] = (
    ("<=", lambda value, wanted: value <= wanted),
    (">=", lambda value, wanted: value >= wanted),
    ("!=", lambda value, wanted: value != wanted),
    ("==", lambda value, wanted: value == wanted),
    ("<", lambda value, wanted: value < wanted),
    (">", lambda value, wanted: value > wanted),
    ("=", lambda value, wanted: value == wanted),
)


@dataclass(slots=True)
class RuleSet:
    """One rule set: text and flags are kept in flash, what was true only in memory."""

    text: str = ""
    enabled: bool = False
    once: bool = False
    stop_on_error: bool = False
    matched: set[int] = field(default_factory=set)
    writes: int = 0
    """How often what is kept in flash changed."""

    def apply(self, payload: str) -> None:
        """Take the payload of a ``Rule`` command: a flag, a text, or a quotation mark that clears it."""
        if not payload:
            return
        before = (self.text, self.enabled, self.once, self.stop_on_error)
        flags = {"0": ("enabled", False), "1": ("enabled", True), "4": ("once", False), "5": ("once", True)}
        if payload in flags:
            setattr(self, *flags[payload])
        elif len(payload) < RULE_SIZE:
            self.text = "" if payload.startswith('"') else payload
        self.matched.clear()
        self.writes += (self.text, self.enabled, self.once, self.stop_on_error) != before

    def restart(self) -> None:
        """Restart: what was true is forgotten, and an empty rule set is disabled."""
        self.matched.clear()
        if not self.text:
            self.enabled = self.once = False

    def answer(self) -> dict[str, object]:
        """Return what the device says of the rule set."""
        return {
            "State": _word(on=self.enabled),
            "Once": _word(on=self.once),
            "StopOnError": _word(on=self.stop_on_error),
            "Length": len(self.text),
            "Free": RULE_SIZE - len(self.text) - 1,
            "Rules": self.text,
        }

    def triggered(self, event: Event) -> Iterator[str]:
        """Yield the commands of the rules that an event makes act."""
        for number, (trigger, command) in enumerate(_rules(self.text)):
            if self._should_act(number, matches(trigger, event)):
                yield command

    def unchanged_until_kwh(self, total_kwh: float) -> float:
        """Return up to which register looking again changes nothing: that of now where it may at any time."""
        limits = limits_kwh(self.text)
        above = {} if limits is None else {number: total_kwh > limit for number, limit in limits.items()}
        if limits is None or any(
            over is not (self.once and number in self.matched) for number, over in above.items()
        ):
            return total_kwh
        return min((limit for number, limit in limits.items() if not above[number]), default=math.inf)

    def _should_act(self, number: int, matched: bool | None) -> bool:  # noqa: FBT001
        """Return whether a rule acts; None is an event without its trigger."""
        if matched is None or not self.once:
            return bool(matched)
        was_true = number in self.matched
        (self.matched.add if matched else self.matched.discard)(number)
        return matched and not was_true


def _rules(text: str) -> list[tuple[str, str]]:
    """Return trigger and command of each rule, up to the first invalid one."""
    found: list[tuple[str, str]] = []
    rest = text.strip()
    while rest.upper().startswith("ON "):
        upper = rest.upper()
        do = upper.find(" DO ")
        ends = [end for end in (upper.find(" ENDON"), upper.find(" BREAK")) if end != -1]
        if do == -1 or not ends:
            break
        found.append((upper[3:do].strip(), rest[do + 4 : min(ends)].strip()))
        rest = rest[min(ends) + len(" ENDON") :].strip()
    return found


@lru_cache(maxsize=512)
def limits_kwh(text: str) -> Mapping[int, float] | None:
    """Return by number the registers above which rules act; None where rules watch other sensors too."""
    found: dict[int, float] = {}
    for number, (trigger, _) in enumerate(_rules(text)):
        name, _, wanted = trigger.partition(">")
        if name == "ENERGY#TOTAL" and not wanted.startswith("="):
            found[number] = _single(wanted)
        elif not trigger.startswith("POWER1#"):
            return None
    return found


def matches(trigger: str, event: Event) -> bool | None:
    """Return whether a trigger is true for an event, or None where the event does not speak of it."""
    name, compare, wanted = trigger, None, ""
    for sign, each in OPERATORS:
        if trigger.find(sign) > 0:
            name, _, wanted = trigger.partition(sign)
            compare = each
            break
    value: object = event
    for part in name.split("#"):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return None
    return True if compare is None else compare(_single(value), _single(wanted))


def _single(value: object) -> float:
    """Return a number as the firmware stores it: float32, and 0 for text."""
    try:
        number = float(str(value))
    except ValueError:
        return 0.0
    (single,) = struct.unpack("f", struct.pack("f", number))
    return float(single)


def _word(*, on: bool) -> str:
    return "ON" if on else "OFF"


def upper(event: Event) -> dict[str, object]:
    """Return an event with the names that triggers are looked up by."""
    return {
        name.upper(): upper(value) if isinstance(value, Mapping) else value for name, value in event.items()
    }
