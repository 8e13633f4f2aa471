"""The ledger that the engine wrote is priced anew in sets, and differs by zero; what was planted is found."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
import shutil
import sqlite3

import pytest

from dashboard.pricing.audit import NO_ORDER, SELLS_UNITS, audit
from meter_bridge.core.calendar import day_start
from meter_bridge.protocol.requests import MoveIn, MoveOut
from tests.dashboard.pricing.priced_house import Tenant, priced_house
from tests.dashboard.pricing.pricing_cases import case
from tests.dashboard.real_house import SITE, real_house
from tests.engine.harness import BLOCKS, HOUR, SITE as ONE_FLAT, house, operate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_house(tmp_path_factory.mktemp("audited"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


@contextmanager
def meddled(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database as somebody who means harm: without the guard of the facts."""
    with closing(sqlite3.connect(folder / "bridge.db")) as connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'segment'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        connection.commit()


@pytest.mark.invariant(16)
def test_the_ledger_of_the_engine_differs_by_zero(folder: Path) -> None:
    found = audit(folder)
    assert (found.supplies, found.differences, found.skipped) == (3, [], [])


@pytest.mark.invariant(16)
async def test_blocks_are_climbed_in_the_order_of_the_ledger_also_where_the_clock_was_set_back_meanwhile(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, BLOCKS, credit="10000.00") as made:
        await made.read(0, after=5 * HOUR)
        await made.read(1_500, after=HOUR)  # in the peak
        await made.set_clock_back(5)
        await made.read(2_500, after=HOUR)  # by the wall clock before the peak
        await made.tick(36 * HOUR)
        await made.read(2_600, after=HOUR)
        assert made.problems() == []
        found = audit(made.data)
        assert (found.supplies, found.differences, found.skipped) == (1, [], [])


@pytest.mark.invariant(16)
async def test_what_was_used_before_moving_in_is_priced_for_nobody(tmp_path: Path) -> None:
    async with house(tmp_path, ONE_FLAT) as made:
        await made.read(0, power_w=500)
        await operate(made, MoveOut(reason="end of lease", remainder="refund"))
        await made.tick(10 * HOUR)
        await operate(made, MoveIn(customer="B", opening_credit="50.00"))
        await made.read(12_000, after=2 * HOUR)
        await made.post_all()
        assert made.rows("SELECT count(*) > 0 FROM segment WHERE kind = 'vacant' AND wh > 0") == [(1,)]
        found = audit(made.data)
        assert (found.supplies, found.differences, found.skipped) == (1, [], [])


@pytest.mark.invariant(16)
async def test_what_is_used_after_moving_out_begins_the_blocks_anew(tmp_path: Path) -> None:
    async with house(tmp_path, BLOCKS, credit="10000.00") as made:
        await made.read(0, power_w=500)
        await made.read(10_000, after=6 * HOUR)
        await operate(made, MoveOut(reason="end of lease", remainder="refund"))
        await made.top_up("100.00")
        await made.read(20_000, after=6 * HOUR)
        await made.post_all()
        charged = "SELECT count(*) > 1 FROM segment WHERE kind = 'consumption' AND amount > 0"
        assert made.rows(charged) == [(1,)]
        found = audit(made.data)
        assert (found.supplies, found.differences, found.skipped) == (1, [], [])


@pytest.mark.invariant(16)
@pytest.mark.parametrize("change", ["amount = amount + 1", "tax = tax - 1", "wh = wh + 100, amount = amount"])
def test_a_planted_difference_is_found(copy: Path, change: str) -> None:
    with meddled(copy) as connection:
        connection.execute(
            f"""UPDATE segment SET {change} WHERE (entry_seq, n) IN
                (SELECT entry_seq, n FROM segment WHERE account_id = 'flat-2' AND wh > 0 LIMIT 1)"""
        )
    (found,) = audit(copy).differences
    assert (found.account_id, found.currency) == ("flat-2", "ZAR")
    assert found.charged != found.priced


@pytest.mark.invariant(16)
def test_a_fact_that_is_gone_is_found(copy: Path) -> None:
    with meddled(copy) as connection:
        connection.execute("DELETE FROM segment WHERE account_id = 'flat-3' AND kind = 'standing'")
    found = audit(copy)
    assert found.differences == []
    assert [each.supply_id for each in found.skipped], "named, for a waived charge looks the same"


@pytest.mark.invariant(16)
@pytest.mark.parametrize("seed", [0, 2, 5, 7, 11, 13])
def test_the_ledger_of_random_tariffs_differs_by_zero(tmp_path: Path, seed: int) -> None:
    drawn = case(seed)
    version = drawn.timeline.versions[0]
    first = date(2026, 2, 20)
    tenants = [Tenant(id="one", first=first), Tenant(id="two", first=first, watts=3_000)]
    made = priced_house(tmp_path, [version], tenants, first, 25)
    made.export(made.seq // 2)
    found = audit(made.folder)
    assert found.differences == []
    assert found.supplies + len({each.supply_id for each in found.skipped}) >= 2
    assert day_start(first, version.zone) < found.upto


def test_units_sold_are_named_and_not_priced(tmp_path: Path) -> None:
    selling = SITE.replace(
        """            blocks: [20 kWh, 60 kWh]
            bands:
              peak: [{days: mon-sun, from: "17:00", to: "19:00"}]
              off-peak: rest
            prices:
              peak: [3.10, 3.60, 4.05]
              off-peak: [2.20, 2.60, 3.05]
""",
        """            sold as: units bought
            prices: [2.20]
""",
    ).replace("        emergency credit: {limit: 20.00, threshold: 3.00}\n", "")
    found = audit(real_house(tmp_path, selling, days=1))
    assert (found.supplies, found.differences) == (0, [])
    assert SELLS_UNITS in found.skipped[0].reason
    assert NO_ORDER not in found.skipped[0].reason
