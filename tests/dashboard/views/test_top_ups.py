"""What was paid: filtered, summed, listed, handed over as receipt and file."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
import json
from pathlib import Path

from pyarrow import parquet
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.exports.sheet import as_parquet
from dashboard.exports.tables import payments_table
from dashboard.parts.period import Period
from dashboard.queries.payments import PaymentFilter, filtered_payments, payment_sums
from meter_bridge.storage import tables
from tests.dashboard.fake_bridge import StandIn, bridge_at, caretaker, landlord
from tests.dashboard.sample_house import DAY_MS, NOW_MS, STEPS, House, Unit, build
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]
LANDLORD = Viewer(every_site=True)
TOKEN = "pmb_0123456789ab_secret"
ALWAYS = PaymentFilter(first=date(2020, 1, 1), last=date(2030, 1, 1))


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> House:
    made = build(
        tmp_path_factory.mktemp("paid"),
        (
            Unit(id="one", name="Flat 1", customer="N. Dlamini", days=40, kwh_per_day=30),
            Unit(id="two", name="Flat 2", customer="J. van Wyk", days=40, kwh_per_day=20),
            Unit(id="there", name="Rés-do-chão", site="flores", days=40, kwh_per_day=20),
        ),
        write=False,
    )
    newest = [row for row in made.of(tables.journal_entry) if row["kind"] == "top_up"][-1]
    made.add(
        tables.journal_entry,
        **{**newest, "seq": made.seq + 1, "id": "back", "kind": "reversal", "refers_to": newest["id"]},
    )
    made.write()
    return made


@pytest.fixture(scope="module")
def opened(homes: House) -> Warehouse:
    return Warehouse(read_snapshot(homes.folder, Scope(kind="top_ups")))


def paid(homes: House, **wanted: object) -> list[dict[str, object]]:
    """Return the journal's top-ups with these values."""
    return homes.of(tables.journal_entry, kind="top_up", **wanted)


def amount(entry: dict[str, object]) -> int:
    return int(sum(json.loads(str(entry["detail"]))["split"].values()))


def test_sums_are_the_journals_by_currency(homes: House, opened: Warehouse) -> None:
    sums = {"ZAR": 0, "EUR": 0}
    for taking in payment_sums(opened, LANDLORD, ALWAYS):
        sums[taking.currency] += taking.amount
    of_journal = {
        "ZAR": sum(amount(entry) for unit in ("one", "two") for entry in paid(homes, account_id=unit)),
        "EUR": sum(amount(entry) for entry in paid(homes, account_id="there")),
    }
    assert sums == of_journal
    assert min(sums.values()) > 0


@pytest.mark.parametrize(
    "wanted, units",
    [
        (PaymentFilter(first=ALWAYS.first, last=ALWAYS.last, words=("dlamini",)), {"one"}),
        (PaymentFilter(first=ALWAYS.first, last=ALWAYS.last, words=("flat", "wyk")), {"two"}),
        (PaymentFilter(first=ALWAYS.first, last=ALWAYS.last, words=("'; drop table top_up; --",)), set()),
        (PaymentFilter(first=date(2020, 1, 1), last=date(2020, 1, 2)), set()),
    ],
)
def test_a_search_finds_by_every_word(opened: Warehouse, wanted: PaymentFilter, units: set[str]) -> None:
    assert {payment.account_id for payment in filtered_payments(opened, LANDLORD, wanted, 1000)} == units


def test_a_method_filters(homes: House, opened: Warehouse) -> None:
    cash = PaymentFilter(first=ALWAYS.first, last=ALWAYS.last, methods=("cash",))
    found = filtered_payments(opened, LANDLORD, cash, 1000)
    expected = [row for row in paid(homes) if json.loads(str(row["detail"]))["method"] == "cash"]
    assert {each.id for each in found} == {row["id"] for row in expected}


def test_a_day_is_the_sites_own(homes: House, opened: Warehouse) -> None:
    entry = paid(homes, account_id="one")[0]
    local = datetime.fromtimestamp(int(str(entry["at"])) / 1000 + 2 * 3600, UTC).date()  # Johannesburg
    found = filtered_payments(opened, LANDLORD, PaymentFilter(first=local, last=local), 1000)
    assert entry["id"] in {each.id for each in found}


def test_what_was_taken_back_is_told(opened: Warehouse) -> None:
    back = [each for each in filtered_payments(opened, LANDLORD, ALWAYS, 1000) if each.taken_back]
    assert len(back) == 1
    assert sum(taking.back for taking in payment_sums(opened, LANDLORD, ALWAYS)) == back[0].amount


def test_a_receipt_is_the_bridges_own_paper(open_page: Open, homes: House, opened: Warehouse) -> None:
    newest = filtered_payments(opened, LANDLORD, ALWAYS, 1)[0]
    path = f"/api/v1/accounts/{newest.account_id}/top-ups/{newest.id}/receipt"
    said = StandIn({TOKEN: landlord()}, {f"GET {path}": lambda _: (200, {"raw": b"%PDF-of the bridge"})})
    with bridge_at(homes.folder, said):
        app = open_page(homes.folder, "top_ups", token=TOKEN)
        app.button(key="make receipt").click().run()
        assert not app.exception
        saved = [each for each in app.get("download_button") if "receipt-" in each.proto.label]
        assert [each.proto.label for each in saved] == [f"Save receipt-{newest.account_id}-{newest.id}.pdf"]
    assert [asked.path for asked in said.asked] == [f"{path}?format=pdf&language=en"]


def test_without_a_bridge_a_receipt_says_what_makes_it(open_page: Open, homes: House) -> None:
    text = shown(open_page(homes.folder, "top_ups"))
    assert "Sign in with a token to download receipts" in text


def test_a_file_is_exact(opened: Warehouse) -> None:
    payments = filtered_payments(opened, LANDLORD, ALWAYS, 1000)
    table = parquet.read_table(BytesIO(as_parquet(payments_table(payments))))
    assert sum(table["amount"].to_pylist()) == Decimal(sum(each.amount for each in payments)) / STEPS
    split = [table[f"to {part}"] for part in ("balance", "arrears", "emergency credit", "debts and others")]
    assert sum(sum(column.to_pylist()) for column in split) == sum(table["amount"].to_pylist())


def test_a_viewer_learns_of_no_other_payment(opened: Warehouse) -> None:
    own = Viewer(accounts=("two",))
    assert {each.account_id for each in filtered_payments(opened, own, ALWAYS, 1000)} == {"two"}
    assert payment_sums(opened, Viewer(), ALWAYS) == []


def test_the_page_lists_sums_and_pages(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "top_ups")
    text = shown(app)
    assert "1 to 25 of" in text
    assert [metric.value[:3] for metric in app.metric if metric.label == "Paid in"] == ["EUR", "ZAR"]
    assert [each.proto.label for each in app.get("download_button")] == [
        "CSV",
        "XLSX",
        "Parquet",
    ]


def test_another_time_reads_further_back(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "top_ups")
    few = app.metric[0].proto.delta_description
    app.selectbox(key="period").set_value("90 days").run()
    assert app.metric[0].proto.delta_description != few
    app.selectbox(key="period").set_value("Other days").run()
    assert not app.exception


def test_a_search_without_result_says_what_to_do(open_page: Open, homes: House) -> None:
    app = open_page(homes.folder, "top_ups")
    app.text_input(key="search").set_value("nobody").run()
    assert "No payment in this period" in shown(app)


def test_the_page_is_the_landlords_alone(open_page: Open, homes: House) -> None:
    token = "pmb_0123456789ab_secret"
    with bridge_at(homes.folder, StandIn({token: caretaker("protea")})):
        for page in ("top_ups", "debt", "reports"):
            with pytest.raises(ValueError, match="page"):
                open_page(homes.folder, page, token=token)


@pytest.mark.parametrize(
    "name, first, last",
    [
        ("7 days", date(2026, 11, 14), date(2026, 11, 20)),
        ("This month", date(2026, 11, 1), date(2026, 11, 20)),
        ("Last month", date(2026, 10, 1), date(2026, 10, 31)),
    ],
)
def test_a_period_is_local_days(name: str, first: date, last: date) -> None:
    assert Period(name).between(date(2026, 11, 20)) == (first, last)
    assert Period(name).since(NOW_MS) <= (first - date(1970, 1, 1)).days * DAY_MS - 14 * 3_600_000


def test_no_payment_at_all(open_page: Open, tmp_path: Path) -> None:
    build(tmp_path, (Unit(id="only", name="Only flat", days=0),))
    assert "No payment in this period" in shown(open_page(tmp_path, "top_ups"))
