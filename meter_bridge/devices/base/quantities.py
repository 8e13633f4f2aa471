"""Numbers of the wire as exact integers: the only place where drivers meet floats.

Every function refuses what no meter can mean (not a number, below zero for a counter, absurdly large) with
``UnreadableError``, whose slug becomes the kind of a ``Rejected``. What a reading can do without is read
through ``MinorValues`` and refuses only itself.
"""

from collections.abc import Callable, Container, Iterable, Sequence, Sized
from math import frexp
from statistics import median
from typing import Annotated, Any, Final

import msgspec

from meter_bridge.devices.base.driver import Rejected

MAX_REGISTER_WH: Final = 10**12
"""A terawatt-hour: beyond any meter that a household or landlord owns."""
MAX_POWER_W: Final = 1e8
MAX_VOLTAGE_V: Final = 1e6
MAX_CURRENT_A: Final = 1e5
MAX_FREQUENCY_HZ: Final = 1e3
MAX_POWER_FACTOR: Final = 1.1
FLOAT32_EXACT_TO_KWH: Final = 16384.0
"""Up to here a float32 in kWh resolves a watt-hour or finer."""


class UnreadableError(ValueError):
    """A payload that says something impossible; ``slug`` is stable, the text names the value."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug


def register_mwh(value: float, mwh_per_unit: int) -> int:
    """Return a counter as exact milliwatt-hours; decimals on the wire survive their way through a float."""
    if not 0 <= value <= MAX_REGISTER_WH * 1000 / mwh_per_unit:
        raise UnreadableError("register_out_of_range", f"energy counter {value!r}")
    return round(value * mwh_per_unit)


def register_wh(value: float, mwh_per_unit: int) -> int:
    """Return a counter floored to whole watt-hours."""
    return register_mwh(value, mwh_per_unit) // 1000


def float32_step_wh(kwh: float) -> int:
    """Return the step in Wh, at least 1, of a counter kept as float32 kWh (24-bit mantissa)."""
    if kwh < FLOAT32_EXACT_TO_KWH:
        return 1
    return -int(-1000 * 2.0 ** (frexp(kwh)[1] - 24) // 1)


def power_mw(watts: float) -> int:
    """Return a power in mW; negative means flow to the grid."""
    if not -MAX_POWER_W <= watts <= MAX_POWER_W:
        raise UnreadableError("power_out_of_range", f"power {watts!r} W")
    return round(watts * 1000)


def voltage_mv(volts: float) -> int:
    """Return a voltage in mV."""
    if not 0 <= volts <= MAX_VOLTAGE_V:
        raise UnreadableError("voltage_out_of_range", f"voltage {volts!r} V")
    return round(volts * 1000)


def current_ma(amperes: float) -> int:
    """Return a current in mA; some meters sign it with the direction of flow."""
    if not -MAX_CURRENT_A <= amperes <= MAX_CURRENT_A:
        raise UnreadableError("current_out_of_range", f"current {amperes!r} A")
    return round(amperes * 1000)


def power_factor_permille(factor: float) -> int:
    """Return a power factor in thousandths, at most one."""
    if not -MAX_POWER_FACTOR <= factor <= MAX_POWER_FACTOR:
        raise UnreadableError("power_factor_out_of_range", f"power factor {factor!r}")
    return max(-1000, min(round(factor * 1000), 1000))


def frequency_mhz(hertz: float) -> int:
    """Return a frequency in millihertz."""
    if not 0 <= hertz <= MAX_FREQUENCY_HZ:
        raise UnreadableError("frequency_out_of_range", f"frequency {hertz!r} Hz")
    return round(hertz * 1000)


def worst_phase(values: Iterable[int]) -> int | None:
    """Return the phase value farthest from the median, so that one bad phase of three is seen."""
    phases = list(values)
    if not phases:
        return None
    middle = median(phases)
    return max(phases, key=lambda value: abs(value - middle))


TELEMETRY_LIMIT: Final = 64 * 1024
"""Largest payload of a single device's message, in bytes."""
DEVICE_LIMIT: Final = 20_000
"""Most devices of a family that one bridge remembers; topics beyond it are refused."""
NAME_LENGTH: Final = 200
"""Longest name of a device, in characters."""
REGISTER_WORDS: Final = ("Total", "nergy", "total_act")
"""Parts of the names of energy counters in all families; ``nergy`` is in energy, Energy and aenergy."""
REFUSALS: Final = (msgspec.MsgspecError, UnreadableError, UnicodeDecodeError, RecursionError)
"""Everything that reading a payload may raise."""
DETAIL_LENGTH: Final = 200


type Minor = Any
"""A member that a reading can do without: the message is read whatever stands there."""
type Name = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)]
"""A text that is kept; longer ones are refused."""


def rejection(topic: str, error: Exception) -> tuple[Rejected]:
    """Turn what a decoder raised into a countable refusal."""
    return (Rejected(_slug(error), topic[:DETAIL_LENGTH], str(error)[:DETAIL_LENGTH]),)


class MinorValues:
    """Reads the values of one message that it can do without: what cannot be is dropped, and told."""

    __slots__ = ("_refused",)

    def __init__(self) -> None:
        self._refused: list[UnreadableError] = []

    def read(self, name: str, value: Minor, convert: Callable[[float], int]) -> int | None:
        """Return a value as an integer, or None where there is none or it cannot be."""
        if value is None:
            return None
        kind = type(value)
        if kind is not float and kind is not int:
            self.refuse("wrong_type", f"{name} is {value!r:.40} in place of a number")
            return None
        try:
            return convert(value)
        except UnreadableError as error:
            self.refuse(error.slug, f"{name}: {error}")
            return None

    def part[T](self, name: str, decode: Callable[[msgspec.Raw], T], raw: msgspec.Raw) -> T | None:
        """Return a part of the message, or None where it cannot be read."""
        try:
            return decode(raw)
        except REFUSALS as error:
            self.refuse(_slug(error), f"{name}: {error}")
            return None

    def refuse(self, slug: str, detail: str) -> None:
        """Note a value that was dropped."""
        self._refused.append(UnreadableError(slug, detail))

    def refused(self, topic: str) -> Sequence[Rejected]:
        """Return what was dropped."""
        if not self._refused:
            return ()
        return [each for error in self._refused for each in rejection(topic, error)]


def check_new_device(name: str, known: Sized, in_use: Container[str], family: str) -> None:
    """Refuse too long a name and too many devices; unknown devices never keep out those in use."""
    if len(name) > NAME_LENGTH:
        raise UnreadableError("name_too_long", f"a name of {len(name)} characters, at most {NAME_LENGTH}")
    if len(known) >= DEVICE_LIMIT and name not in in_use:
        raise UnreadableError("too_many_devices", f"more than {DEVICE_LIMIT} {family} devices")


def too_large(topic: str, size: int, limit: int) -> tuple[Rejected]:
    """Refuse a payload by its size alone."""
    return (Rejected("too_large", topic[:DETAIL_LENGTH], f"{size} bytes, at most {limit} are read"),)


def _slug(error: Exception) -> str:
    if isinstance(error, UnreadableError):
        return error.slug
    if isinstance(error, msgspec.ValidationError):
        return _wrong_type(str(error))
    if isinstance(error, RecursionError):
        return "nested_too_deep"
    return "not_json"


def _wrong_type(message: str) -> str:
    path = message.rpartition(" - at ")[2]
    return "register_not_a_number" if any(word in path for word in REGISTER_WORDS) else "wrong_type"
