"""The boundary that a load crosses: the end of a quarter of an hour, of a local day, or of a month."""

from enum import StrEnum
import os
import time
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_end, day_start, local_day, month_of, next_month, next_slot

ZONE: Final = ZoneInfo("Africa/Johannesburg")
"""Of the benchmarks' installation."""
VARIABLE: Final = "PREPAID_BENCHMARK_BOUNDARY"


class Boundary(StrEnum):
    """What ends at the boundary."""

    QUARTER = "quarter"
    MIDNIGHT = "midnight"
    MONTH = "month"

    @property
    def text(self) -> str:
        return {"quarter": "a quarter of an hour", "midnight": "a local day", "month": "a month"}[self]

    def next(self, at: int) -> int:
        """Return the first such boundary after an instant."""
        if self is Boundary.QUARTER:
            return next_slot(at)
        day = local_day(at, ZONE)
        return day_end(day, ZONE) if self is Boundary.MIDNIGHT else day_start(next_month(month_of(day)), ZONE)


def chosen() -> Boundary:
    """Return the requested boundary, by default a quarter of an hour; raise ``SystemExit`` if unknown."""
    name = os.environ.get(VARIABLE, Boundary.QUARTER)
    try:
        return Boundary(name)
    except ValueError:
        raise SystemExit(f"{VARIABLE}={name}: choose from {', '.join(Boundary)}") from None


def ahead_ms(instant: int, in_s: float) -> int:
    """Return by how much a clock must be ahead to show ``instant`` in ``in_s`` seconds."""
    return instant - round(in_s * 1000) - time.time_ns() // 1_000_000
