"""Prices a year of load with tariff-core, in the environment ``oracles``.

Standard input: ``{"loads": {name: [Wh of intervals]}, "jobs": [...]}``; standard output: an answer to each.
Every usage component has a ladder of its own. Days are those of the plan's time zone, with summer time.
"""

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from itertools import pairwise
import json
import sys
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from tariff_core import BillingPeriod, Interval, bill, parse_plan

type Json = dict[str, Any]

# tariff-core makes a new calendar for every interval; one for each country and year is enough.
holidays.country_holidays = cache(holidays.country_holidays)  # type: ignore[assignment]


def answer(job: Json, load: list[int]) -> Json:
    """Price one year, cut into bills of ``months``: each bill's charges by kind, exact."""
    plan = parse_plan(json.dumps(job["plan"]))
    zone = ZoneInfo(job["plan"]["timezone"])
    year, months = job["year"], job["months"]
    edges = [datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone) for month in range(0, 13, months)]
    step = timedelta(minutes=job["minutes"])
    first = edges[0].astimezone(UTC)
    intervals = [
        Interval(by_offset(first + step * index, step, zone), step, "general", "kWh", Decimal(wh).scaleb(-3))
        for index, wh in enumerate(load)
    ]
    bills = []
    for start, end in pairwise(edges):
        inside = slice((start.astimezone(UTC) - first) // step, (end.astimezone(UTC) - first) // step)
        lines = bill(plan, intervals[inside], period=BillingPeriod(start, end)).line_items
        bills.append(charges(plan, lines, job["raised"]))
    return {kind: [each[kind] for each in bills] for kind in bills[0]}


def charges(plan: Any, lines: Any, raised: list[str]) -> dict[str, str]:  # noqa: ANN401
    """Return the charges of a bill by kind; the last components are those that are ``raised`` beside them."""
    first = len(plan.components) - len(raised)
    plain = [line for line in lines if line.component_index < first]
    found = {
        "energy": total(plan, plain, "usage"),
        "fixed": total(plan, plain, "fixed"),
        "demand": total(plan, plain, "demand"),
    }
    for index, name in enumerate(raised, first):
        amount = sum((line.amount for line in lines if line.component_index == index), Decimal(0))
        found[name] = -abs(amount) if name == "rebate" else abs(amount)
    return {kind: str(amount) for kind, amount in found.items()}


def by_offset(start: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    """Return the end of an interval in the offset from UTC that holds at its start.

    tariff-core compares windows with the time of the interval's own zone, so UTC would be wrong; and it
    subtracts within that zone, which loses or doubles an hour where the zone changes its offset.
    """
    local = start.astimezone(zone)
    offset = local.replace(tzinfo=UTC) - local
    return (start + step).astimezone(timezone(offset))


def total(plan: Any, lines: Any, kind: str) -> Decimal:  # noqa: ANN401
    """Return what the components of one kind cost."""
    return sum(
        (line.amount for line in lines if plan.components[line.component_index].kind == kind), Decimal(0)
    )


if __name__ == "__main__":
    request = json.load(sys.stdin)
    loads = [request["loads"][job["load"]] for job in request["jobs"]]
    with ProcessPoolExecutor() as pool:
        json.dump(list(pool.map(answer, request["jobs"], loads)), sys.stdout)
