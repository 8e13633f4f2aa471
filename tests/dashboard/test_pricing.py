"""The live price of a load equals the dashboard's set-based price of it, line by line, to the last unit."""

from collections.abc import Iterable

import duckdb
import pytest

from dashboard.pricing.calendar import table
from dashboard.pricing.pricer import LOAD, Pricer, PricingError
from meter_bridge.core.calendar import SLOT_MS
from meter_bridge.core.pricing import Interval, price_load
from meter_bridge.core.rating import LineKey, Terms
from tests.dashboard.pricing_cases import Case, case

CASES = 24
ALWAYS = Terms()


def by_core(drawn: Case) -> dict[tuple[int, LineKey], int]:
    """Return the amount of every line as the bridge's rating comes to it."""
    return {
        (unit, line.key): line.amount
        for unit, load in drawn.loads.items()
        for period in price_load(drawn.timeline, _whole(drawn, load), drawn.terms[unit])
        for line in period.lines
        if line.amount
    }


def _whole(drawn: Case, load: Iterable[Interval]) -> list[Interval]:
    """Return a load that reaches from the begin of the span to its end."""
    return [
        Interval(drawn.first, drawn.first, 0),
        *load,
        Interval(drawn.last - SLOT_MS, drawn.last, 0),
    ]


def by_sets(drawn: Case, parts: int = 1) -> dict[tuple[int, LineKey], int]:
    """Return the amount of every line as SQL comes to it, its loads given in some parts."""
    rows = sorted((at.start, unit, at) for unit, load in drawn.loads.items() for at in load)
    pricer = Pricer(duckdb.connect(), drawn.timeline, drawn.terms, drawn.first, drawn.last)
    for part in range(parts):
        chosen = rows[len(rows) * part // parts : len(rows) * (part + 1) // parts]
        pricer.add_table(table([(unit, *at) for _, unit, at in chosen], LOAD))
    return {(charge.unit, charge.key): charge.amount for charge in pricer.charges() if charge.amount}


@pytest.mark.invariant(16)
@pytest.mark.parametrize("first", range(0, CASES, CASES // 4))
def test_random_tariffs_and_loads_cost_the_same_in_sets_as_in_the_bridge(first: int) -> None:
    priced = 0
    for seed in range(first, first + CASES // 4):
        drawn = case(seed)
        try:
            found = by_sets(drawn)
        except PricingError:
            continue
        assert found == by_core(drawn), f"seed {seed}"
        priced += 1
    assert priced >= CASES // 4 * 2 // 3


@pytest.mark.invariant(16)
def test_the_parts_in_which_loads_are_added_change_nothing() -> None:
    drawn = case(1)
    assert by_sets(drawn, parts=7) == by_sets(drawn)
