"""When energy flowed: the true register of every meter from minute to minute.

Which price energy has depends on when it was used, and between two readings nobody knows that: it is spread
evenly. The naive model knows the true register, and when nothing was in the way of a reading. So of each
instant it can say how much was used before it, at least and at most; and where the bridge was deaf for a
time, where that lies on the straight line between the readings before and after it.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from meter_bridge.devices.base.simulated_physics import MICROJOULES_PER_WH
from tests.simulation.broker import Broker
from tests.simulation.devices import Devices
from tests.simulation.faults import METER_FAULTS, NO_VALUES, Fault
from tests.simulation.loop import VirtualLoop
from tests.simulation.machine import Machine
from tests.simulation.model import Truth
from tests.simulation.street import House

SAMPLE_S: Final = 60.0
TOLERANCE_WH: Final = 14
"""Registers are reported in steps of up to 10 Wh."""
_OBSERVED: Final = (
    *(f"meter {name}" for name in (*METER_FAULTS, NO_VALUES)),
    "meter restart",
    "meter clock",
    "meter buffers",
)
"""Faults of a meter that end without having changed its register."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One meter at one instant."""

    at_ms: int
    wh: int
    calm: bool
    """Nothing is in the way of a reading."""
    deaf: bool
    """No reading can arrive."""


class EnergyTrace:
    """Notes every minute what each meter has counted, and whether the bridge could hear it."""

    def __init__(
        self,
        truths: Sequence[Truth],
        machine: Machine,
        broker: Broker,
        devices: Devices,
        loop: VirtualLoop,
    ) -> None:
        self._truths = truths
        self._machine = machine
        self._broker = broker
        self._devices = devices
        self._loop = loop
        self._samples: dict[str, list[Sample]] = {truth.house.id: [] for truth in truths}

    async def work(self) -> None:
        """Note it again and again."""
        while True:
            self._note()
            await asyncio.sleep(SAMPLE_S)

    def _note(self) -> None:
        now, calm = self._machine.clock.true(), self._calm()
        deaf = self._machine.parts is None or not self._broker.up
        for truth in self._truths:
            house = truth.house
            self._samples[house.id].append(
                Sample(now, _register_wh(house, now), calm and self._hears(house), deaf)
            )

    def _calm(self) -> bool:
        parts, disk, weather = self._machine.parts, self._machine.disk, self._broker.weather
        if parts is None or disk.dead or disk.failing or disk.slow_s or not self._broker.up:
            return False
        clock = parts.engine.session.clock
        if self._machine.clock.off_ms or clock.ahead_ms() or not clock.sure:
            return False
        troubled = weather.loss or weather.repeats or weather.reorders or self._loop.busy_s
        return not troubled and weather.stalled_until <= self._loop.time()

    def _hears(self, house: House) -> bool:
        faults, parts = house.meter.faults, self._machine.parts
        if any(getattr(faults, name) for name in (*METER_FAULTS, NO_VALUES)) or faults.clock_off_ms:
            return False
        if parts is None or self._devices.keeps(house) or house.id in self._devices.unplugged:
            return False
        register = parts.engine.session.installation.meters[house.meter_id].register
        return register is not None and not register.quarantined

    def followed(self, faults: Sequence[Fault]) -> Iterator[House]:
        """Yield the houses whose meter counted on all the time."""
        moved = {fault.target for fault in faults if fault.target and fault.kind not in _OBSERVED}
        for truth in self._truths:
            if truth.house.id not in moved and truth.moves == 1 and not truth.undecided:
                yield truth.house

    def used_before(self, house: House, at_ms: int) -> tuple[int, int]:
        """Return the least and the most energy since the begin that may count as used before an instant."""
        samples = self._samples[house.id]
        margin = round(3 * house.interval_s + 2 * SAMPLE_S) * 1000
        first = samples[0].wh
        before = _calm_before(samples, at_ms, margin)
        after = _calm_after(samples, at_ms, margin)
        least = _at(samples, before - margin) if before is not None else first
        most = _at(samples, after) if after is not None else samples[-1].wh
        gap = _deaf_around(samples, at_ms)
        if gap is not None and before is not None and after is not None:
            begin, end = gap
            if before >= begin - 2 * SAMPLE_S * 1000 and after <= end + margin + 2 * SAMPLE_S * 1000:
                low, high = _on_the_line(samples, at_ms, (before - margin, begin), (end, after))
                least, most = max(least, low), min(most, high)
        return least - first - TOLERANCE_WH, most - first + TOLERANCE_WH


def _on_the_line(
    samples: Sequence[Sample], at_ms: int, before: tuple[int, int], after: tuple[int, int]
) -> tuple[int, int]:
    """Return between what lies what was used before an instant, if it is spread evenly between two readings.

    ``before`` and ``after``: between what instants each of the readings was taken.
    """
    found = []
    for one in before:
        for two in after:
            low, high = _at(samples, one), _at(samples, two)
            found.append(low + (high - low) * (at_ms - one) // max(two - one, 1))
    unsure = sum(_at(samples, end) - _at(samples, begin) for begin, end in (before, after))
    return min(found) - unsure, max(found) + unsure


def _at(samples: Sequence[Sample], at_ms: int) -> int:
    """Return what a register showed at an instant."""
    place = bisect_left(samples, at_ms, key=lambda sample: sample.at_ms)
    if place in (0, len(samples)):
        return samples[min(place, len(samples) - 1)].wh
    one, two = samples[place - 1], samples[place]
    return one.wh + (two.wh - one.wh) * (at_ms - one.at_ms) // (two.at_ms - one.at_ms)


def _calm_before(samples: Sequence[Sample], at_ms: int, long_ms: int) -> int | None:
    """Return the last instant before another at which it had been calm for some time."""
    place = bisect_right(samples, at_ms, key=lambda sample: sample.at_ms) - 1
    end: int | None = None
    while place >= 0:
        if not samples[place].calm:
            end = None
        elif end is None:
            end = samples[place].at_ms
        if end is not None and end - samples[place].at_ms >= long_ms:
            return end
        place -= 1
    return None


def _calm_after(samples: Sequence[Sample], at_ms: int, long_ms: int) -> int | None:
    """Return the first instant after another at which it had been calm for some time since."""
    begin: int | None = None
    for sample in samples[bisect_left(samples, at_ms, key=lambda sample: sample.at_ms) :]:
        if not sample.calm:
            begin = None
        elif begin is None:
            begin = sample.at_ms
        if begin is not None and sample.at_ms - begin >= long_ms:
            return sample.at_ms
    return None


def _deaf_around(samples: Sequence[Sample], at_ms: int) -> tuple[int, int] | None:
    """Return from when until when no reading could arrive around an instant."""
    place = bisect_right(samples, at_ms, key=lambda sample: sample.at_ms)
    first = last = place
    while first > 0 and samples[first - 1].deaf:
        first -= 1
    while last < len(samples) and samples[last].deaf:
        last += 1
    if first in (last, place):
        return None
    return samples[first].at_ms, samples[last - 1].at_ms


def _register_wh(house: House, now_ms: int) -> int:
    """Return the true register now, without advancing the meter."""
    physics = house.meter.physics
    passed = max(now_ms - physics.now_ms, 0)
    return (physics.register_uj + physics.power_mw * passed) // MICROJOULES_PER_WH
