"""Numbers of devices, as exact fractions and in whole units; whatever is no plausible number is refused."""

from decimal import Decimal
from fractions import Fraction
from math import isfinite
import re
from typing import Final

from meter_bridge.devices.base.quantities import MAX_REGISTER_WH, UnreadableError
from meter_bridge.devices.mqtt.json_path import Json

LARGEST: Final = 10**18
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,12})?(?:[eE][+-]?[0-9]{1,2})?")
_SHOWN: Final = 40


def exact(value: Json) -> Fraction:
    """Return a number, or a text that is one; raise ``UnreadableError`` for everything else."""
    if type(value) is str and _NUMBER.fullmatch(value.strip()):
        return _bounded(Fraction(Decimal(value.strip())), value)
    if type(value) is int:
        return _bounded(Fraction(value), value) if abs(value) <= LARGEST else _refuse(value)
    if type(value) is float and isfinite(value) and abs(value) <= LARGEST:
        return Fraction(Decimal(repr(value)))
    return _refuse(value)


def register_mwh(value: Json, mwh_per_unit: Fraction) -> int:
    """Return a counter in whole milliwatt-hours."""
    mwh = exact(value) * mwh_per_unit
    if not 0 <= mwh <= MAX_REGISTER_WH * 1000:
        raise UnreadableError("register_out_of_range", f"energy counter {value!r:.{_SHOWN}}")
    return int(mwh)


def _bounded(number: Fraction, value: Json) -> Fraction:
    return number if abs(number) <= LARGEST else _refuse(value)


def _refuse(value: Json) -> Fraction:
    shown = f"a number of {value.bit_length()} bits" if type(value) is int else f"{value!r:.{_SHOWN}}"
    raise UnreadableError("not_a_number", f"{shown} in place of a number")
