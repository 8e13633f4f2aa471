"""When the credit of an account runs out, from what is foretold of each of its supplies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.core.forecast.consumption_model import PPM
from meter_bridge.core.forecast.cost_projection import Outlook, runs_out
from meter_bridge.core.forecast.prediction_interval import Band, horizon

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class RunOut:
    """When credit runs out, milliseconds UTC; four times out of five between ``soonest`` and ``latest``."""

    at: int
    soonest: int | None
    latest: int | None


@dataclass(frozen=True, slots=True)
class Sight:
    """What is foretold of one supply."""

    outlook: Outlook
    bands: Mapping[int, Band | None]
    """By the horizon in days."""
    units: int = 0
    """Wh that were bought and not used, where the supply sells units."""


def run_out(sights: Sequence[Sight], left: int, now: int) -> RunOut | None:
    """Return when the first thing runs out: the money that is left, or the units of a supply that sells them.

    None where nothing ends within what is foretold, or nothing is.
    """
    at = _at(sights, left, now)
    if at is None:
        return None
    days = horizon((at - now) * PPM // DAY_MS)
    bands = [None if days is None else each.bands.get(days) for each in sights]
    found = [each for each in bands if each is not None]
    if len(found) != len(bands):
        return RunOut(at, None, None)
    low, high = min(each.low for each in found), max(each.high for each in found)
    return RunOut(at, now + (at - now) * low // PPM, now + (at - now) * high // PPM)


def _at(sights: Sequence[Sight], left: int, now: int) -> int | None:
    """Return when the first thing runs out."""
    ends = [runs_out([each.outlook], each.units, now) for each in sights if each.outlook.in_units]
    money = [each.outlook for each in sights if not each.outlook.in_units]
    if money:
        ends.append(runs_out(money, left, now))
    return min((end for end in ends if end is not None), default=None)
