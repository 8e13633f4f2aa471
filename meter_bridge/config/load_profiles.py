"""Reading load profiles: weights of the hours of a day, for some days of the week each."""

from typing import Final

from voluptuous import Invalid

from meter_bridge.config import times
from meter_bridge.config.quantities import not_negative
from meter_bridge.config.scalars import Wrong
from meter_bridge.config.shapes import each, part
from meter_bridge.core.money import parse_decimal
from meter_bridge.core.tariff.bands import HOLIDAY, WEEKDAYS
from meter_bridge.core.tariff.load_profile import HOURS, LoadProfile, profile_of

_DIGITS: Final = 4
_MOST: Final = 1_000_000
_SUNDAY: Final = 6


def load_profile(value: object) -> LoadProfile:
    """Read a load profile: days, with a weight for each hour of theirs; holidays are like Sundays."""
    part(value)
    rows: dict[int, tuple[int, ...]] = {}
    for key, hours in value.items() if isinstance(value, dict) else ():
        try:
            _add(rows, str(key), _hours(hours))
        except Invalid as error:
            error.prepend([key])
            raise
    missing = [name for day, name in enumerate(WEEKDAYS) if day not in rows]
    if missing:
        raise Wrong(f"no weights for {', '.join(missing)}", f"add {missing[0]}: and its {HOURS} weights")
    rows.setdefault(HOLIDAY, rows[_SUNDAY])
    try:
        return profile_of([rows[day] for day in range(HOLIDAY + 1)])
    except ValueError:
        raise Wrong("all weights are zero", "write a weight above zero, or take the key away") from None


def _add(rows: dict[int, tuple[int, ...]], days: str, hours: tuple[int, ...]) -> None:
    """Give some days their weights, each day once."""
    for day in sorted(times.days(days)):
        if day in rows:
            name = "holidays" if day == HOLIDAY else WEEKDAYS[day]
            raise Wrong(f"{name} has weights already", "name each day once")
        rows[day] = hours


def _hours(value: object) -> tuple[int, ...]:
    weights = each(_weight)(value)
    if len(weights) != HOURS:
        raise Wrong(f"{len(weights)} weights for {HOURS} hours", "write one for each hour from 00:00 on")
    return weights


def _weight(value: object) -> int:
    text = not_negative(value)
    scaled = parse_decimal(text).scaleb(_DIGITS)
    if scaled != int(scaled) or scaled > _MOST * 10**_DIGITS:
        raise Wrong(f"{text!r} is no weight", f"write at most {_DIGITS} decimal places and {_MOST}")
    return int(scaled)
