"""The live price of a load equals the dashboard's set-based price of it, line by line, to the last unit."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
import random

import duckdb
import pytest

from dashboard.pricing import pricer as pricer_module
from dashboard.pricing.calendar import table
from dashboard.pricing.pricer import LOAD, Pricer, PricingError
from meter_bridge.core.calendar import SLOT_MS, day_start, local_day
from meter_bridge.core.rating.load_pricing import LoadInterval, price_load_profile
from meter_bridge.core.rating.rating import LineKey, SupplyTerms
from meter_bridge.core.tariff.periods import PeriodRule
from meter_bridge.core.tariff.tariff import DemandCharge, TariffVersion, Timeline
from tests.core.builders import tariff
from tests.dashboard.pricing.pricing_cases import Case, case
from tests.dashboard.pricing.pricing_features import CLAIMED, features
from tests.example_budget import tries

CASES = 48
CASES_BY_DAY = tries(24, at_a_desk=12)
DAYS = 4
MONTH_MS = 30 * 24 * 3_600_000
LEAST_SHARE = 0.05
"""Of the priced examples that have a feature, for each feature that set-based pricing claims."""
CLIMBING = (23, 35, 37)
"""Seeds of cases whose ladders are climbed in the order of the loads."""
ALWAYS = SupplyTerms()
ZONE = "Europe/London"
type Amounts = dict[tuple[int, LineKey], int]


ORDERS = {
    "unit and time": "unit, run",
    "month, unit and time": "run // 30, unit, run",
    "unit and time but for a stretch": "NOT (unit = 1 AND run BETWEEN 20 AND 60), unit, run",
    "unit and month, the newest ten first": "unit, way, -(run // 10), run",
    "unit and month, every other first": "unit, way, run % 2, run",
    "time": "run, unit",
    "none": "hash(unit, run, wh)",
}
"""Orders in which the parts of days may lie in files, as SQL has them."""


def by_core(drawn: Case) -> Amounts:
    """Return the amount of every line as the bridge's rating comes to it."""
    return {
        (unit, line.key): line.amount
        for unit, load in drawn.loads.items()
        for period in price_load_profile(drawn.timeline, _whole(drawn, load), drawn.terms[unit])
        for line in period.lines
        if line.amount
    }


def _whole(drawn: Case, load: Iterable[LoadInterval]) -> list[LoadInterval]:
    """Return a load that reaches from the begin of the span to its end."""
    return [
        LoadInterval(drawn.first, drawn.first, 0),
        *load,
        LoadInterval(drawn.last - SLOT_MS, drawn.last, 0),
    ]


def by_sets(drawn: Case, parts: int = 1, order: str = "") -> Amounts:
    """Return the amount of every line as SQL comes to it, its loads given in some parts, or in an order."""
    rows = sorted((at.start, unit, at) for unit, load in drawn.loads.items() for at in load)
    connection = duckdb.connect()
    pricer = Pricer(connection, drawn.timeline, drawn.terms, drawn.first, drawn.last)
    for part in range(parts):
        chosen = rows[len(rows) * part // parts : len(rows) * (part + 1) // parts]
        pricer.add_table(table([(unit, *at) for _, unit, at in chosen], LOAD), in_order=bool(order))
    if order:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE part AS FROM part ORDER BY {ORDERS[order]}")
    return {(charge.unit, charge.key): charge.amount for charge in pricer.charges() if charge.amount}


def until(drawn: Case, midnight: int) -> Case:
    """Return a case as far as a midnight."""
    loads = {unit: [at for at in load if at.start < midnight] for unit, load in drawn.loads.items()}
    return replace(drawn, last=midnight, loads=loads)


def midnights(drawn: Case, seed: int) -> list[int]:
    """Return some midnights in a row: around a change of clocks or prices, the end of a bill, or anywhere."""
    zone = drawn.timeline.versions[0].zone
    days = (drawn.last - drawn.first) // (24 * 3_600_000)
    first = local_day(drawn.first, zone) + timedelta(days=random.Random(seed).randrange(1, days - DAYS))
    for version in drawn.timeline.versions:
        if seed % 2 and drawn.first < version.valid_from < drawn.last - DAYS * 24 * 3_600_000:
            first = max(local_day(version.valid_from, zone), local_day(drawn.first, zone) + timedelta(days=1))
    return [day_start(first + timedelta(days=each), zone) for each in range(DAYS + 1)]


@pytest.mark.invariant(16)
def test_random_tariffs_and_loads_cost_the_same_in_sets_as_in_the_bridge() -> None:
    found: Counter[str] = Counter()
    priced = 0
    for seed in range(CASES):
        drawn = case(seed)
        try:
            amounts = by_sets(drawn)
        except PricingError:
            continue
        assert amounts == by_core(drawn), f"seed {seed}"
        found.update(features(drawn, amounts))
        priced += 1
    assert priced >= CASES * 2 // 3
    rare = {name: found[name] for name in sorted(CLAIMED) if found[name] < LEAST_SHARE * priced}
    assert not rare, f"of {priced} priced examples too few have these features"


@pytest.mark.invariant(16)
@pytest.mark.parametrize("first", range(0, CASES_BY_DAY, CASES_BY_DAY // 4))
def test_each_day_costs_the_same_in_sets_as_live(first: int) -> None:
    # A day costs what it adds: with both equal at one midnight and at the next, the day between them is.
    compared = 0
    for seed in range(first, first + CASES_BY_DAY // 4):
        drawn = case(seed)
        for midnight in midnights(drawn, seed):
            whole = until(drawn, midnight)
            try:
                sets = by_sets(whole)
            except PricingError:
                continue
            assert sets == by_core(whole), f"seed {seed}, until {midnight}"
            compared += bool(sets)
    assert compared >= CASES_BY_DAY // 4 * DAYS // 2


@cache
def climbing_case(seed: int) -> tuple[Case, Amounts]:
    """Return a case whose ladders are climbed in the order of the loads, priced in sets."""
    drawn = case(seed)
    pricer = Pricer(duckdb.connect(), drawn.timeline, drawn.terms, drawn.first, drawn.last)
    assert pricer.supports_ordered_loads, f"seed {seed} has to be sorted: choose another"
    assert pricer.book.blocks > 1, f"seed {seed} has one block: choose another"
    return drawn, by_sets(drawn)


@pytest.mark.invariant(16)
@pytest.mark.parametrize("few", [0, 60])
@pytest.mark.parametrize("order", ORDERS)
def test_the_order_in_which_loads_are_on_record_changes_nothing(
    order: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pricer_module, "FEW_DIVIDED", few)
    for parts, seed in enumerate(CLIMBING, 1):
        drawn, expected = climbing_case(seed)
        assert by_sets(drawn, parts=parts, order=order) == expected


@pytest.mark.invariant(16)
def test_the_parts_in_which_loads_are_added_change_nothing() -> None:
    drawn = case(1)
    assert by_sets(drawn, parts=7) == by_sets(drawn)


APRIL = day_start(date(2026, 4, 1), tariff([["1.00"]], time_zone=ZONE).zone)
MID_APRIL = day_start(date(2026, 4, 15), tariff([["1.00"]], time_zone=ZONE).zone)
PLAIN = tariff([["1.00"]], time_zone=ZONE)
REFUSED: dict[str, tuple[TariffVersion, dict[str, object], int]] = {
    "its versions are in different time zones": (PLAIN, {"zone": "Africa/Johannesburg"}, APRIL),
    "it changes within the billing period that is not over": (PLAIN, {"minimum": 10**8}, MID_APRIL),
    "its versions bill on different days": (
        replace(PLAIN, minimum=10**8),
        {"minimum": 10**8, "billing_period": PeriodRule(day=15)},
        APRIL,
    ),
    "its versions take the demand of intervals of different length": (
        replace(PLAIN, demand=DemandCharge(10**6, interval_min=15)),
        {"demand": DemandCharge(10**6, interval_min=60)},
        APRIL,
    ),
    "its versions give different free units": (PLAIN, {"free_wh": 10_000}, APRIL),
    "its versions know different shares of a first period": (PLAIN, {"prorate": True}, APRIL),
}
"""By the reason that is named: the first version, what the second changes, and when it begins."""


def second(first: TariffVersion, changes: dict[str, object], at: int) -> TariffVersion:
    """Return the version that follows another."""
    zone = changes.pop("zone", None)
    if zone is not None:
        first = replace(first, calendar=replace(first.calendar, time_zone=str(zone)))
    return replace(first, id="v2", valid_from=at, **changes)  # type: ignore[arg-type]


@pytest.mark.invariant(16)
@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_priced_in_sets_is_refused_by_name(reason: str) -> None:
    version, changes, at = REFUSED[reason]
    timeline = Timeline((version, second(version, dict(changes), at)))
    last = day_start(date(2026, 4, 20), version.zone)
    with pytest.raises(PricingError, match=reason):
        Pricer(duckdb.connect(), timeline, {0: ALWAYS}, APRIL - 30 * 24 * 3_600_000, last)
