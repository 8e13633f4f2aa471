"""What is owed: by kind and age, with its plans, exact to the unit."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.exports.tables import debts_table
from dashboard.queries.debts import Debtor, debtors, recovered
from meter_bridge.protocol.messages import Role
from meter_bridge.storage import tables
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, Unit, build
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
UNITS = (
    Unit(id="one", name="Flat 1", days=100, debt=640_000_000, arrears=85_500_000),
    Unit(id="two", name="Flat 2", days=3, emergency=15_000_000),
    Unit(id="over", name="Flat 3", days=3, end_balance=-2_000_000, top_ups=False),
    Unit(id="well", name="Flat 4", days=3, end_balance=50_000_000),
    Unit(id="there", name="Rés-do-chão", site="flores", days=3, debt=7_000_000),
)


def entry(house: House, account: str, bucket: str, days: int, amount: int, kind: str) -> None:
    """Add a movement of a debt so many days ago."""
    house.seq += 1
    house.add(
        tables.journal_entry, seq=house.seq, id=f"entry-{house.seq}", account_id=account,
        at=NOW_MS - days * DAY_MS, kind=kind, description="", actor="test", refers_to=None, balance_after=0,
        detail="{}",
    )  # fmt: skip
    for n, (name, signed) in enumerate(((bucket, amount), ("world", -amount))):
        house.add(
            tables.posting,
            entry_seq=house.seq,
            n=n,
            account_id=account,
            bucket=name,
            asset="ZAR",
            amount=signed,
        )


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = build(tmp_path_factory.mktemp("owed"), UNITS, write=False)
    made.write()
    return made


def found(house: House) -> dict[str, Debtor]:
    opened = Warehouse(read_snapshot(house.folder, Scope(kind="debt")))
    return {each.account_id: each for each in debtors(opened, LANDLORD)}


def test_each_kind_is_told_apart(homes: House) -> None:
    owing = found(homes)
    assert set(owing) == {"one", "two", "over", "there"}
    assert (owing["one"].debt, owing["one"].arrears, owing["one"].emergency) == (640_000_000, 85_500_000, 0)
    assert owing["two"].emergency == 15_000_000
    assert owing["over"].overdrawn == 2_000_000 + 1_234_567


def test_ages_add_up_to_what_is_owed(homes: House) -> None:
    for each in found(homes).values():
        assert sum(each.ages(NOW_MS)) == each.owed
    assert found(homes)["one"].ages(NOW_MS) == (
        found(homes)["one"].overdrawn, 85_500_000, 640_000_000, 0
    )  # fmt: skip


def test_payments_pay_back_the_oldest_first(tmp_path: Path) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", days=0),), write=False)
    entry(house, "one", "debt:x", 100, -500, "debt")
    entry(house, "one", "debt:x", 40, -300, "debt")
    entry(house, "one", "debt:x", 10, 600, "top_up")
    house.add(tables.balance, account_id="one", bucket="debt:x", asset="ZAR", amount=-200)
    house.write()
    assert found(house)["one"].ages(NOW_MS) == (0, 200, 0, 0)


def test_what_charges_lent_is_dated_from_the_last_payment(tmp_path: Path) -> None:
    house = build(tmp_path, (Unit(id="one", name="Flat 1", days=0),), write=False)
    entry(house, "one", "balance", 45, 1_000, "top_up")
    house.add(tables.balance, account_id="one", bucket="emergency_credit", asset="ZAR", amount=-70)
    house.write()
    assert found(house)["one"].ages(NOW_MS) == (0, 70, 0, 0)


def moved_out(house: House, account: str, n: int, days: int, left: int) -> None:
    """Add a customer who moved out so many days ago, with what was left then."""
    moved = NOW_MS - days * DAY_MS
    house.add(
        tables.tenancy, account_id=account, n=n, customer=f"Former {n}", start_ms=moved - 90 * DAY_MS,
        end_ms=moved, first_seq=1, first_event=1,
    )  # fmt: skip
    house.add(tables.balance, account_id=account, bucket=f"tenancy:{n}", asset="ZAR", amount=left)


def test_customers_who_moved_out_still_owe(tmp_path: Path) -> None:
    house = build(tmp_path, UNITS, write=False)
    moved_out(house, "one", 1, 200, -300_000_000)
    moved_out(house, "one", 2, 40, -65_570_000)
    moved_out(house, "two", 1, 40, 12_000_000)
    house.write()
    opened = Warehouse(read_snapshot(house.folder, Scope(kind="debt")))
    left = [each for each in debtors(opened, LANDLORD) if each.former]
    assert [(each.account_id, each.customer, each.owed) for each in left] == [
        ("one", "Former 1", 300_000_000),
        ("one", "Former 2", 65_570_000),
    ]
    assert [each.ages(NOW_MS) for each in left] == [(0, 0, 0, 300_000_000), (0, 65_570_000, 0, 0)]
    assert [each.former for each in debtors(opened, Viewer(sites=("protea",)))].count(True) == 2
    assert not any(each.former for each in debtors(opened, Viewer(accounts=("one",), role=Role.TENANT)))


def test_recovered_is_what_came_back_in_the_last_days(tmp_path: Path) -> None:
    house = build(tmp_path, UNITS, write=False)
    for days, amount, kind in (
        (29, 20_000_000, "debt_recovery"),
        (2, 5_000_000, "top_up"),
        (1, -300_000_000, "debt"),
        (31, 40_000_000, "debt_recovery"),
    ):
        entry(house, "one", "debt:arrears", days, amount, kind)
    house.write()
    opened = Warehouse(read_snapshot(house.folder, Scope(kind="debt")))
    assert recovered(opened, LANDLORD, 30) == {"ZAR": 25_000_000}
    assert recovered(opened, LANDLORD, 32) == {"ZAR": 65_000_000}
    assert recovered(opened, LANDLORD, 1) == {}


def test_a_closed_unit_shows_who_still_owes(tmp_path: Path) -> None:
    house = build(tmp_path, UNITS, write=False)
    house.of(tables.account, id="one")[0]["closed_at"] = NOW_MS
    moved_out(house, "one", 1, 20, -300_000_000)
    house.write()
    assert found(house)["one"].owed == 300_000_000


def test_an_overdraft_is_as_old_as_what_it_was_spent_on(tmp_path: Path) -> None:
    unpaid = Unit(id="one", name="Flat 1", days=70, top_ups=False, end_balance=-2_700_000_000)
    house = build(tmp_path, (unpaid,))
    debtor = found(house)["one"]
    recent, earlier, oldest, beyond = debtor.ages(NOW_MS)
    assert recent + earlier + oldest + beyond == debtor.owed > 2_700_000_000
    assert min(recent, earlier, oldest) > 0
    assert debtor.since is not None
    assert debtor.since < NOW_MS - 60 * DAY_MS


def test_a_viewer_learns_of_no_other_debt(homes: House) -> None:
    opened = Warehouse(read_snapshot(homes.folder, Scope(kind="debt")))
    assert [each.account_id for each in debtors(opened, Viewer(accounts=("two",)))] == ["two"]
    assert debtors(opened, Viewer()) == []


def test_a_file_has_every_debtor(homes: House) -> None:
    sheet = debts_table(list(found(homes).values()), NOW_MS)
    assert [row[0] for row in sheet.rows] == list(found(homes))


def test_the_page_shows_ages_plans_and_emergency_credit(open_page: Open, homes: House) -> None:
    text = shown(open_page(homes.folder, "debt"))
    for told in (
        "Debtors",
        "Recovery plans",
        "ZAR 20.00 per week, 10 % of each top-up",
        "32 instalments",
        "overdrawn",
    ):
        assert told in text
    assert "EUR 7.00 is owed" in text
    assert text.index("Recovery plans") < text.index("Outstanding emergency credit")


def test_nobody_owes_anything(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="well", name="Flat 1", days=3, end_balance=50_000_000),))
    app = open_page(tmp_path, "debt")
    assert "Nobody owes anything" in app.success[0].value
