"""What a month costs by how much is used in it, priced in sets by the bridge's own price list."""

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from dashboard.pricing.pricer import LOAD, Pricer
from meter_bridge.core.calendar import SLOT_MS, day_start
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import TariffVersion, Timeline

POINTS: Final = 40
LEAST_WH: Final = 300_000
PAST_LAST_BLOCK: Final = 1.6


@dataclass(frozen=True, slots=True)
class CostPoint:
    """What a month comes to in which so much was used."""

    wh: int
    amount: int


def highest_use(version: TariffVersion, seen_wh: int = 0) -> int:
    """Return up to which use a curve is drawn: past the last block, and past what units really use."""
    limits = [ladder.limits[-1] for ladder in version.ladders if ladder.limits]
    return max(int(max(limits, default=0) * PAST_LAST_BLOCK), int(seen_wh * 1.1), LEAST_WH)


@lru_cache(maxsize=64)
def month_costs(version: TariffVersion, day: date, highest_wh: int) -> tuple[CostPoint, ...]:
    """Return the cost of the billing period around a day for use that is spread evenly over it.

    Every limit of a block is a point, so that the curve bends where the tariff does.
    """
    limits = {limit for ladder in version.ladders for limit in ladder.limits if limit < highest_wh}
    uses = sorted({highest_wh * each // POINTS for each in range(POINTS + 1)} | limits)
    always = replace(version, valid_from=0)
    first = always.billing_period.start_of(day)
    start = day_start(first, always.zone)
    end = day_start(always.billing_period.next_start(first), always.zone)
    period = always.period(start)
    with closing(duckdb.connect(":memory:")) as connection:
        terms = dict.fromkeys(range(len(uses)), SupplyTerms())
        pricer = Pricer(connection, Timeline((always,)), terms, start, end)
        pricer.add_table(_even(uses, start, end))
        totals = pricer.totals()
    return tuple(CostPoint(wh, totals.get((number, period), 0)) for number, wh in enumerate(uses))


def _even(uses: list[int], start: int, end: int) -> pa.Table:
    starts = np.arange(start, end, SLOT_MS, dtype=np.int64)
    places = np.arange(len(starts) + 1, dtype=np.int64)
    energy = [np.diff(wh * places // len(starts)) for wh in uses]
    columns = (
        np.repeat(np.arange(len(uses), dtype=np.int32), len(starts)),
        np.tile(starts, len(uses)),
        np.tile(starts + SLOT_MS, len(uses)),
        np.concatenate(energy),
    )
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, LOAD, strict=True)], schema=LOAD
    )
