"""What the dashboard says is what the ledger's rows add up to, to the last unit."""

from collections import defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.queries.balance import balance_steps
from dashboard.queries.consumption import usage
from dashboard.queries.payments import unit_payments
from dashboard.queries.sums import WEEK_MS, charged_and_energy, days, money_in
from dashboard.queries.units import units
from dashboard.status.depletion import forecasts
from meter_bridge.core.money import parse_amount
from meter_bridge.protocol.requests import Refund
from meter_bridge.storage import tables
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House
from tests.engine.harness import SITE, house as real_house, operate

LANDLORD = Viewer(every_site=True)
NOBODY = Viewer()


@pytest.fixture(scope="module")
def portfolio(house: House) -> Warehouse:
    return Warehouse(read_snapshot(house.folder))


@pytest.fixture(scope="module")
def flat(house: House) -> Warehouse:
    return Warehouse(read_snapshot(house.folder, "one"))


def _number(row: dict[str, object], name: str) -> int:
    value = row[name]
    assert isinstance(value, int)
    return value


def test_every_segment_is_counted_once_across_files_and_tail(house: House, portfolio: Warehouse) -> None:
    rows = portfolio.rows(
        """SELECT count(*) AS n, sum(wh)::BIGINT AS wh, sum(amount)::BIGINT AS amount, sum(tax)::BIGINT AS tax
           FROM segment""",
        {},
    )
    segments = house.of(tables.segment)
    assert rows == [
        {"n": len(segments)}
        | {name: sum(_number(row, name) for row in segments) for name in ("wh", "amount", "tax")}
    ]


def test_the_rollup_equals_the_segments(portfolio: Warehouse) -> None:
    query = """
        SELECT account_id, local_day, kind, band, block, sum(wh)::BIGINT AS wh, sum(amount)::BIGINT AS amount,
               sum(tax)::BIGINT AS tax
        FROM {} GROUP BY ALL ORDER BY ALL"""
    assert portfolio.rows(query.format("rollup"), {}) == portfolio.rows(query.format("segment"), {})


def test_a_unit_is_left_with_its_balance_less_its_accrual(house: House, portfolio: Warehouse) -> None:
    shown = {unit.id: unit for unit in units(portfolio, LANDLORD)}
    for row in house.of(tables.balance):
        unit = shown[str(row["account_id"])]
        accrued = sum(_number(s, "accrued") for s in house.of(tables.supply_status, account_id=unit.id))
        assert unit.available == _number(row, "amount") - accrued


def test_usage_by_day_block_and_band_is_the_sum_of_segments(house: House, flat: Warehouse) -> None:
    expected: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in house.of(tables.segment, account_id="one"):
        sums = expected[date.fromisoformat(str(row["local_day"])), row["kind"], row["band"], row["block"]]
        for place, name in enumerate(("wh", "amount", "tax")):
            sums[place] += _number(row, name)
    found = {
        (use.day, use.kind, use.band, use.block): [use.wh, use.amount, use.tax]
        for use in usage(flat, LANDLORD, "one", 365)
    }
    assert found == dict(expected)
    assert {key[3] for key in found} == {None, 1, 2, 3}


def test_usage_sums_to_what_the_journal_charged(house: House, flat: Warehouse) -> None:
    charged = sum(
        _number(posting, "amount")
        for entry in house.of(tables.journal_entry, account_id="one", kind="charge")
        for posting in house.of(tables.posting, entry_seq=entry["seq"], bucket="balance")
    )
    assert sum(use.amount + use.tax for use in usage(flat, LANDLORD, "one", 365)) == -charged


def test_money_in_counts_the_last_seven_days_and_the_seven_before(house: House, portfolio: Warehouse) -> None:
    now = before = 0
    for entry in house.of(tables.journal_entry, kind="top_up"):
        (posting,) = house.of(tables.posting, entry_seq=entry["seq"], bucket="balance")
        age = NOW_MS - _number(entry, "at")
        now += _number(posting, "amount") * (0 <= age < WEEK_MS)
        before += _number(posting, "amount") * (WEEK_MS <= age < 2 * WEEK_MS)
    weeks = money_in(portfolio, LANDLORD)["ZAR"]
    assert (weeks.now, weeks.before) == (now, before)
    assert now
    assert before


async def test_sums_of_many_large_amounts_are_exact(tmp_path: Path) -> None:
    """Twenty payments of nearly a trillion rupiah do not fit into 64 bits."""
    async with real_house(tmp_path, SITE.replace("currency: ZAR", "currency: IDR"), credit=None) as large:
        for _ in range(20):
            await large.top_up("999999999999.00")
            await operate(large, Refund(amount="999999999998.99", reason="too much"))
        await large.tick()
    warehouse = Warehouse(read_snapshot(tmp_path))
    paid = 20 * parse_amount("999999999999.00", "IDR")
    assert money_in(warehouse, LANDLORD)["IDR"].now == paid > 2**63
    assert sum(each.paid for each in days(warehouse, LANDLORD, 7)) == paid
    assert [each.balance for each in units(warehouse, LANDLORD)] == [parse_amount("0.20", "IDR")]


def test_energy_and_charges_of_the_week_are_the_segments_that_began_in_it(
    house: House, portfolio: Warehouse
) -> None:
    charged, energy = charged_and_energy(portfolio, LANDLORD)
    recent = [
        row for row in house.of(tables.segment) if NOW_MS - WEEK_MS <= _number(row, "start_ms") < NOW_MS
    ]
    assert energy.now == sum(_number(row, "wh") for row in recent)
    assert charged["ZAR"].now == sum(_number(row, "amount") + _number(row, "tax") for row in recent)


def test_what_is_foretold_is_known_only_from_full_days(portfolio: Warehouse) -> None:
    found = forecasts(portfolio, LANDLORD)
    assert len(found["one"]) == 1
    assert "new" not in found


def test_the_balance_ends_where_the_journal_ends(house: House, flat: Warehouse) -> None:
    steps = balance_steps(flat, LANDLORD, "one", 7)
    assert steps[-1].balance_after == house.of(tables.journal_entry, account_id="one")[-1]["balance_after"]
    assert steps[0].at == NOW_MS - 7 * DAY_MS
    assert all(earlier.at <= later.at for earlier, later in pairwise(steps))


def test_a_long_balance_keeps_every_top_up(house: House, flat: Warehouse) -> None:
    steps = balance_steps(flat, LANDLORD, "one", 365)
    assert sum(step.kind == "top_up" for step in steps) == len(
        house.of(tables.journal_entry, account_id="one", kind="top_up")
    )


def test_a_top_up_shows_its_split(flat: Warehouse) -> None:
    newest = unit_payments(flat, LANDLORD, "one")[0]
    assert newest.split == {"balance": newest.amount}
    assert newest.reference


@pytest.mark.parametrize("viewer", [NOBODY, Viewer(sites=("flores",)), Viewer(accounts=("two",))])
def test_no_query_shows_what_the_viewer_may_not_see(flat: Warehouse, viewer: Viewer) -> None:
    assert units(flat, viewer) == []
    assert usage(flat, viewer, "one", 30) == []
    assert unit_payments(flat, viewer, "one") == []
    assert balance_steps(flat, viewer, "one", 30) == []
    assert forecasts(flat, viewer) == {}


def test_a_tenant_sees_the_own_account_alone(portfolio: Warehouse) -> None:
    assert [unit.id for unit in units(portfolio, Viewer(accounts=("two",)))] == ["two"]


@pytest.mark.parametrize(
    "hostile", ["' OR 1=1 --", "one'; DROP TABLE account; --", 'one" UNION SELECT', "%", "\x00"]
)
def test_a_hostile_unit_id_is_nothing_but_an_unknown_unit(house: House, hostile: str) -> None:
    opened = Warehouse(read_snapshot(house.folder, hostile))
    assert units(opened, LANDLORD) == []
    assert usage(opened, LANDLORD, hostile, 30) == []
    assert balance_steps(opened, LANDLORD, hostile, 30) == []
