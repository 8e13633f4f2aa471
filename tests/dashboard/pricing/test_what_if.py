"""What-if: the present tariff costs what was charged; another costs what the bridge would have charged."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dashboard.access import Viewer
from dashboard.charts.differences import round_buckets
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.pricing.what_if import WhatIfAnswer, WhatIfQuestion, can_use_daily_sums, what_if
from dashboard.queries.tariffs import supply_tariffs, tariffs
from meter_bridge.core.calendar import day_start
from meter_bridge.core.rating.load_pricing import LoadInterval, price_load_profile
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import BlockSchedule, DemandCharge, TariffVersion, Timeline
from meter_bridge.storage import tables
from tests.core.builders import band, tariff, weekly_ladder, window
from tests.dashboard.pricing.priced_house import ZONE, Tenant, priced_house
from tests.dashboard.sample_house import House

LANDLORD = Viewer(every_site=True)


def _doubled(ladder: BlockSchedule) -> BlockSchedule:
    """Return a ladder that costs twice as much, and ends its blocks at half."""
    prices = tuple(tuple(2 * price for price in row) for row in ladder.prices)
    return replace(ladder, prices=prices, limits=tuple(limit // 2 for limit in ladder.limits))


FIRST = date(2026, 3, 1)
DAYS = 61
PRESENT = weekly_ladder(time_zone=ZONE, limits_kwh=["150"])
OTHER = tariff([["2.10"], ["3.33"]], limits_kwh=["120"], standing="9.99", time_zone=ZONE)
DEARER = replace(PRESENT, id="dearer", ladders=tuple(_doubled(each) for each in PRESENT.ladders))
PEAK = tariff(
    [["2.10", "9.00"], ["3.33", "9.90"]],
    limits_kwh=["120"],
    bands=[band("rest"), band("peak", window("17:10-19:00"))],
    time_zone=ZONE,
)
WINDOWS = {
    "the same windows and other prices": (DEARER, True),
    "one price": (OTHER, True),
    "other windows": (PEAK, False),
    "a greatest demand": (replace(OTHER, demand=DemandCharge(10**7)), False),
    "another zone": (replace(OTHER, calendar=replace(OTHER.calendar, time_zone="Europe/Athens")), False),
}
TENANTS = (
    Tenant(id="one"),
    Tenant(id="two", meters=2, watts=900),
    Tenant(id="late", first=date(2026, 3, 17)),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house of two months, the first of them exported."""
    made = priced_house(
        tmp_path_factory.mktemp("priced"), [PRESENT], TENANTS, FIRST, DAYS, other_tariffs={"other": OTHER}
    )
    made.export(made.seq // 2)
    return made


@pytest.fixture(scope="module")
def opened(house: House) -> Warehouse:
    return Warehouse(read_snapshot(house.folder))


def ask(opened: Warehouse, version: TariffVersion, first: date, last: date, **more: object) -> WhatIfAnswer:
    question = WhatIfQuestion(timeline=Timeline((version,)), first=first, last=last, **more)  # type: ignore[arg-type]
    return what_if(opened, LANDLORD, question)


def priced(house: House, version: TariffVersion, tenant: str, days: tuple[date, date]) -> int:
    """Return what the core charges a unit for some days of whole months."""
    opened_on = next(each for each in TENANTS if each.id == tenant).first
    first = days[0] if opened_on is None else max(days[0], opened_on)
    start, end = day_start(first, version.zone), day_start(days[1], version.zone)
    load = [
        LoadInterval(row["start_ms"], row["end_ms"], row["wh"])  # type: ignore[arg-type]
        for row in house.of(tables.segment, account_id=tenant)
        if row["wh"] and start <= row["start_ms"] < end  # type: ignore[operator]
    ]
    load.sort()
    whole = [LoadInterval(start, start, 0), *load, LoadInterval(end - 1, end, 0)]
    return sum(
        period.total for period in price_load_profile(Timeline((version,)), whole, SupplyTerms(opened_on))
    )


def test_the_present_tariff_would_have_cost_what_was_charged(opened: Warehouse) -> None:
    answer = ask(opened, PRESENT, FIRST, date(2026, 4, 30))
    assert [change.difference for change in answer.changes] == [0, 0, 0]
    assert answer.old > 0


@pytest.mark.parametrize("first, last", [(9, 11), (20, 47), (31, 31)])
def test_any_days_of_a_month_cost_what_they_added_to_it(opened: Warehouse, first: int, last: int) -> None:
    answer = ask(opened, PRESENT, FIRST + timedelta(days=first), FIRST + timedelta(days=last))
    assert [change.difference for change in answer.changes] == [0, 0, 0]


def test_another_tariff_costs_what_the_bridge_would_have_charged(house: House, opened: Warehouse) -> None:
    answer = ask(opened, OTHER, FIRST, date(2026, 4, 30))
    expected = {tenant.id: priced(house, OTHER, tenant.id, (FIRST, date(2026, 5, 1))) for tenant in TENANTS}
    assert {change.account_id: change.new for change in answer.changes} == expected
    assert answer.new == sum(expected.values())


@pytest.mark.invariant(16)
@pytest.mark.parametrize("name", WINDOWS)
def test_the_same_windows_are_priced_from_daily_sums_and_others_from_segments(
    house: House, opened: Warehouse, name: str
) -> None:
    version, by_day = WINDOWS[name]
    assert can_use_daily_sums(Timeline((version,)), Timeline((PRESENT,))) is by_day
    answer = ask(opened, version, FIRST, date(2026, 4, 30))
    expected = {tenant.id: priced(house, version, tenant.id, (FIRST, date(2026, 5, 1))) for tenant in TENANTS}
    assert {change.account_id: change.new for change in answer.changes} == expected


@pytest.mark.invariant(16)
@pytest.mark.parametrize("version", [OTHER, PEAK], ids=["from daily sums", "from segments"])
def test_what_was_used_before_moving_in_costs_nothing_at_any_price(
    tmp_path: Path, version: TariffVersion
) -> None:
    made = priced_house(tmp_path, [PRESENT], [Tenant(id="one")], FIRST, 31, write=False)
    for row in made.of(tables.segment):
        row.update(kind="vacant", amount=0, tax=0)
    made.write()
    opened = Warehouse(read_snapshot(made.folder))
    (change,) = ask(opened, replace(version, standing=()), FIRST, date(2026, 3, 31)).changes
    assert (change.wh, change.old, change.new) == (0, 0, 0)


def test_who_pays_most_besides_comes_first(opened: Warehouse) -> None:
    answer = ask(opened, OTHER, FIRST, date(2026, 4, 30))
    differences = [change.difference for change in answer.changes]
    assert differences == sorted(differences, reverse=True)
    assert (answer.more, answer.less) == (
        sum(each > 0 for each in differences),
        sum(each < 0 for each in differences),
    )


def test_every_unit_is_in_one_bucket_of_the_distribution(opened: Warehouse) -> None:
    answer = ask(opened, OTHER, FIRST, date(2026, 4, 30))
    buckets = round_buckets(answer)
    for change in answer.changes:
        assert any(bucket.low <= change.difference <= bucket.high for bucket in buckets)
    assert sum(bucket.units for bucket in buckets) == len(TENANTS)


def test_only_the_chosen_units_are_priced(opened: Warehouse) -> None:
    answer = ask(opened, OTHER, FIRST, date(2026, 4, 30), accounts=("two",))
    assert [change.account_id for change in answer.changes] == ["two"]


def test_a_viewer_learns_nothing_of_other_units(opened: Warehouse) -> None:
    question = WhatIfQuestion(timeline=Timeline((OTHER,)), first=FIRST, last=date(2026, 4, 30))
    answer = what_if(opened, Viewer(accounts=("late",)), question)
    assert [change.account_id for change in answer.changes] == ["late"]
    assert what_if(opened, Viewer(), question).changes == ()


def test_units_of_another_currency_are_left_out_and_counted(opened: Warehouse) -> None:
    answer = ask(opened, replace(OTHER, currency="GBP"), FIRST, date(2026, 4, 30))
    assert (answer.changes, answer.other_currencies, round_buckets(answer)) == ((), 3, ())


def test_progress_rises_to_the_whole(opened: Warehouse) -> None:
    told: list[float] = []
    question = WhatIfQuestion(timeline=Timeline((OTHER,)), first=FIRST, last=date(2026, 4, 30))
    what_if(opened, LANDLORD, question, told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_tariffs_of_a_house_are_read_as_the_bridge_wrote_them(opened: Warehouse) -> None:
    assert {each.id: each.versions for each in tariffs(opened, LANDLORD)} == {
        "t1": (PRESENT,),
        "other": (replace(OTHER, tariff_id="other"),),
    }
    assert {each.account_id for each in supply_tariffs(opened, LANDLORD)} == {"one", "two", "late"}
    assert tariffs(opened, Viewer()) == []
