"""The calendar of a tariff as tables: which line energy of an instant goes on.

Everything that depends on time alone (time zone, summer time, holidays, seasons, versions, periods) is asked
of the core's own ``Timeline`` here, once for all units; SQL only joins what it says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from meter_bridge.core.calendar import MINUTE_MS, SLOT_MS, local_time
from meter_bridge.core.rating.rating import BlockUsageKey
from meter_bridge.core.tariff.tariff import DemandOf, TariffInterval, TariffVersion, Timeline

NO_DEMAND: Final = -1


class BlockLimits(NamedTuple):
    """A ladder of a version in one of its periods: what the blocks' limits depend on."""

    version: int
    ladder: int
    block_period: str


@dataclass(frozen=True, slots=True)
class PricingInterval:
    """A stretch of time in which energy goes on the same lines, whatever block it reaches."""

    start: int
    end: int
    period: int
    rung: int
    step: int
    version: int
    band: int


@dataclass(slots=True)
class Numbering[T]:
    """Numbers for things, in the order in which they were met."""

    known: dict[T, int] = field(default_factory=dict)

    def number(self, thing: T) -> int:
        """Return the number of a thing, new if need be."""
        return self.known.setdefault(thing, len(self.known))

    @property
    def things(self) -> list[T]:
        """Return the things by their numbers."""
        return list(self.known)


@dataclass(slots=True)
class Calendar:
    """The runs of a span of time, and what their numbers mean."""

    timeline: Timeline
    first: int
    last: int
    versions: list[TariffVersion] = field(default_factory=list)
    """One for each id, in the order in which they are in force last."""
    runs: list[PricingInterval] = field(default_factory=list)
    periods: Numbering[str] = field(default_factory=Numbering)
    rungs: Numbering[BlockUsageKey] = field(default_factory=Numbering)
    steps: Numbering[BlockLimits] = field(default_factory=Numbering)
    bands: Numbering[str] = field(default_factory=Numbering)

    def version_number(self, version_id: str) -> int:
        """Return the place of a version among ``versions``."""
        return next(place for place, each in enumerate(self.versions) if each.id == version_id)


RUN: Final = pa.schema(
    [(name, pa.int32()) for name in ("run", "period", "rung", "step", "version", "band")]
    + [("start_ms", pa.int64()), ("end_ms", pa.int64())]
)
SLOT: Final = pa.schema([("slot", pa.int32()), ("run", pa.int32()), ("demand", pa.int32())])
"""Quarter hours that lie in one run; ``demand`` is the minute in which their interval of demand begins."""
CUT: Final = pa.schema([*SLOT, ("start_ms", pa.int64()), ("end_ms", pa.int64())])
"""Quarter hours in which a run ends, with the part that lies in each run."""


def build_calendar(timeline: Timeline, first: int, last: int) -> Calendar:
    """Return the runs of [first, last), asked of the timeline stretch by stretch."""
    calendar = Calendar(timeline, first, last, _in_order(timeline))
    numbers = {version.id: place for place, version in enumerate(calendar.versions)}
    at = first
    while at < last:
        stretch = timeline.interval_at(at)
        _extend(calendar, numbers, stretch, at, min(stretch.end, last))
        at = stretch.end
    return calendar


def _in_order(timeline: Timeline) -> list[TariffVersion]:
    """Return one version for each id, by when it is in force last; a tariff may come back."""
    found: dict[str, TariffVersion] = {}
    for version in timeline.versions:
        found.pop(version.id, None)
        found[version.id] = timeline.version(version.id)
    return list(found.values())


def _extend(
    calendar: Calendar, numbers: dict[str, int], stretch: TariffInterval, start: int, end: int
) -> None:
    version = numbers[stretch.version.id]
    run = PricingInterval(
        start,
        end,
        calendar.periods.number(stretch.period),
        calendar.rungs.number(BlockUsageKey(stretch.block_period, stretch.counter)),
        calendar.steps.number(BlockLimits(version, stretch.schedule, stretch.block_period)),
        version,
        calendar.bands.number(stretch.band),
    )
    before = calendar.runs[-1] if calendar.runs else None
    if before is not None and _label(before) == _label(run):
        calendar.runs[-1] = PricingInterval(before.start, end, *_label(run))
    else:
        calendar.runs.append(run)


def _label(run: PricingInterval) -> tuple[int, int, int, int, int]:
    return run.period, run.rung, run.step, run.version, run.band


def run_table(calendar: Calendar) -> pa.Table:
    """Return the runs, numbered in time."""
    rows = [
        (number, run.period, run.rung, run.step, run.version, run.band, run.start, run.end)
        for number, run in enumerate(calendar.runs)
    ]
    return table(rows, RUN)


def slot_tables(calendar: Calendar) -> tuple[pa.Table, pa.Table]:
    """Return the quarter hours that lie in one run, and the parts of those in which a run ends."""
    begins = np.array([-(-run.start // SLOT_MS) for run in calendar.runs], np.int64)
    counts = np.maximum(np.array([run.end // SLOT_MS for run in calendar.runs], np.int64) - begins, 0)
    runs = np.repeat(np.arange(len(counts)), counts)
    slots = np.arange(len(runs)) + (begins - (np.cumsum(counts) - counts))[runs]
    whole = pa.table({"slot": slots, "run": runs, "demand": _demands(calendar, slots, runs)})
    parts = [part for number, run in enumerate(calendar.runs) for part in _parts(calendar, number, run)]
    return whole.cast(SLOT), table(parts, CUT)


def _demands(calendar: Calendar, slots: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Return the demand interval of each quarter hour; worked out only where there is a demand charge."""
    if not any(_charges_demand(version) for version in calendar.versions):
        return np.full(len(slots), NO_DEMAND)
    versions = [calendar.versions[run.version] for run in calendar.runs]
    pairs = zip(slots.tolist(), runs.tolist(), strict=True)
    return np.array([_demand_interval(versions[run], slot * SLOT_MS) for slot, run in pairs])


def _parts(calendar: Calendar, number: int, run: PricingInterval) -> Iterator[tuple[int, ...]]:
    for slot in dict.fromkeys((run.start // SLOT_MS, (run.end - 1) // SLOT_MS)):
        start, end = max(slot * SLOT_MS, run.start), min((slot + 1) * SLOT_MS, run.end)
        if end - start < SLOT_MS:
            yield slot, number, _demand_interval(calendar.versions[run.version], start), start, end


def _charges_demand(version: TariffVersion) -> bool:
    return version.demand is not None and version.demand.of is DemandOf.MAXIMUM


def _demand_interval(version: TariffVersion, at: int) -> int:
    """Return the minute in which the demand interval of an instant begins, or ``NO_DEMAND``."""
    demand = version.demand
    if demand is None or not _charges_demand(version):
        return NO_DEMAND
    past = local_time(at, version.zone).minute * MINUTE_MS + at % MINUTE_MS
    return (at - past % (demand.interval_min * MINUTE_MS)) // MINUTE_MS


def table(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Return rows as an Arrow table of a schema."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
