"""A provider's statement is read whatever its habits are, and every line finds its payment or is told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
import json

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.exports.tables import reconciliation_table
from dashboard.queries.payments import Payment
from dashboard.reconciling.matching import reconcile
from dashboard.reconciling.reading import (
    StatementColumns,
    StatementError,
    StatementLine,
    amount_of,
    day_of,
    guess_columns,
    read_lines,
    read_table,
)
from dashboard.text.formatting import money
from meter_bridge.storage import tables
from tests.dashboard.page_text import text_of
from tests.dashboard.sample_house import House
from tests.dashboard.views.test_pages import shown

type Open = Callable[..., AppTest]


def payment(seq: int, amount: int, reference: str = "", day: int = 10) -> Payment:
    at = int(datetime(2026, 11, day, 12, tzinfo=UTC).timestamp() * 1000)
    return Payment(
        seq=seq, id=f"entry-{seq}", account_id="one", name="Flat 1", customer="", site_name="Court",
        time_zone="Africa/Johannesburg", currency="ZAR", at=at, amount=amount, balance_after=0, method="card",
        reference=reference, split={},
    )  # fmt: skip


def line(number: int, amount: int, reference: str = "", day: int = 10) -> StatementLine:
    return StatementLine(number, date(2026, 11, day), amount, reference)


@pytest.mark.parametrize(
    "text, steps",
    [
        ("10.00", 10_000_000),
        ("1,234.50", 1_234_500_000),
        ("1.234,50", 1_234_500_000),
        ("ZAR 1 234.50", 1_234_500_000),
        ("R12,5", 12_500_000),
        ("1,234", 1_234_000_000),
        ("1,234,567", 1_234_567_000_000),
        ("-10.00", -10_000_000),
        ("(10.00)", -10_000_000),
        ("0.125", 125_000),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, steps: int) -> None:
    assert amount_of(text, "ZAR") == steps


@pytest.mark.parametrize("text", ["", "abc", "ZAR", "1.2.3,4,5.6"])
def test_what_is_no_amount_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount in ZAR"):
        amount_of(text, "ZAR")


@pytest.mark.parametrize(
    "text, order, day",
    [
        ("2026-11-09", "ymd", date(2026, 11, 9)),
        ("2026-11-09T23:10:11Z", "ymd", date(2026, 11, 9)),
        ("09/11/2026", "dmy", date(2026, 11, 9)),
        ("11/09/2026 08:00", "mdy", date(2026, 11, 9)),
    ],
)
def test_days_are_read_in_their_order(text: str, order: str, day: date) -> None:
    assert day_of(text, order) == day


def test_columns_and_order_are_guessed() -> None:
    table = read_table("Transaction ID;Created;Gross;Fee\nabc;25/11/2026;10,00;0,30\n".encode("cp1252"))
    assert guess_columns(table) == StatementColumns(1, 2, 0, "dmy")
    american = read_table(b"date,amount\n11/25/2026,1.00\n")
    assert guess_columns(american) == StatementColumns(0, 1, None, "mdy")


@pytest.mark.parametrize("content", [b"", b"date,amount\n", b"\x00\x81\x8d"])
def test_a_file_without_lines_is_refused(content: bytes) -> None:
    with pytest.raises(StatementError):
        read_table(content)


def test_a_wrong_line_is_named_and_the_others_are_read() -> None:
    table = read_table(
        b"date,amount,reference\n2026-11-10,x,a\n2026-13-10,1.00,b\n2026-11-10,1.00,c\n2026-11-10,-1,d\n"
    )
    read = read_lines(table, guess_columns(table), "ZAR")
    assert [each.reference for each in read.lines] == ["c"]
    assert read.outgoing == 1
    assert [problem[:6] for problem in read.problems] == ["line 2", "line 3"]


def test_references_go_before_amounts() -> None:
    found = reconcile([line(2, 100, "R-1")], [payment(1, 100), payment(2, 100, "r 1")])
    assert [pair.payment.seq for pair in found.agree] == [2]
    assert [each.seq for each in found.only_ledger] == [1]


def test_the_same_reference_with_another_amount_differs() -> None:
    found = reconcile([line(2, 90, "R1")], [payment(1, 100, "R1")])
    assert (len(found.agree), len(found.differ)) == (0, 1)
    assert found.statement_total - found.ledger_total == -10


def test_without_reference_amount_and_the_nearest_day_decide() -> None:
    found = reconcile([line(2, 100, day=10)], [payment(1, 100, day=12), payment(2, 100, day=11)])
    assert [(pair.payment.seq, pair.by_reference) for pair in found.agree] == [(2, False)]
    assert reconcile([line(2, 100, day=10)], [payment(1, 100, day=14)]).agree == ()


def test_a_payment_is_used_once() -> None:
    found = reconcile([line(2, 100, "R1"), line(3, 100, "R1")], [payment(1, 100, "R1")])
    assert (len(found.agree), len(found.only_statement)) == (1, 1)


def test_everything_is_on_one_list_of_the_file() -> None:
    found = reconcile(
        [line(2, 100, "R1"), line(3, 5, "R2"), line(4, 7, "R9")],
        [payment(1, 100, "R1"), payment(2, 6, "R2"), payment(3, 8, "R3")],
    )
    states = [row[0] for row in reconciliation_table(found, "ZAR").rows]
    assert states == ["not booked", "differs", "not on statement", "agrees"]


def test_the_page_shows_what_is_not_booked(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "top_ups")
    app.file_uploader[0].set_value(
        ("bank.csv", b"date,amount,reference\n2026-11-19,12.34,X1\n", "text/csv")
    ).run()
    text = shown(app)
    assert "On the statement, not booked" in text
    assert "X1" in text
    assert "Booked, not on the statement" in text


def test_the_page_shows_both_amounts_of_a_payment_that_differs(open_page: Open, house: House) -> None:
    app = open_page(house.folder, "top_ups")
    rows = house.of(tables.journal_entry, kind="top_up")
    paid = rows[-1]
    detail = json.loads(str(paid["detail"]))
    day = datetime.fromtimestamp(int(str(paid["at"])) / 1000, UTC).date()
    statement = f"date,amount,reference\n{day},1234.56,{detail['reference']}\n"
    app.file_uploader[0].set_value(("bank.csv", statement.encode(), "text/csv")).run()
    lines = text_of(app).splitlines()
    (row,) = [lines[place + 2] for place, line in enumerate(lines) if line == "[Amounts differ]"]
    booked = money(sum(detail["split"].values()), "ZAR").replace("\N{NO-BREAK SPACE}", " ")
    assert row.endswith(f"{detail['reference']} | > ZAR 1,234.56 | > {booked}")


def test_replaced_amounts_are_not_hidden() -> None:
    booked = payment(1, 100, "R1")
    assert reconcile([line(2, 100, "R1")], [replace(booked, amount=1)]).agree == ()


def test_cash_and_vouchers_are_not_missed_on_a_statement() -> None:
    cash, voucher, card = (
        replace(payment(seq, 100), method=method) for seq, method in enumerate(("cash", "voucher", "card"))
    )
    found = reconcile([], [cash, voucher, card])
    assert found.only_ledger == (card,)
    assert found.apart == (cash, voucher)
    assert found.ledger_total == 100
    assert [row[0] for row in reconciliation_table(found, "ZAR").rows] == [
        "not on statement",
        "not expected on statement",
        "not expected on statement",
    ]


def test_a_line_of_the_bank_is_not_taken_for_cash_of_the_same_amount() -> None:
    cash, card = replace(payment(1, 100), method="cash"), payment(2, 100, day=12)
    (pair,) = reconcile([line(2, 100)], [cash, card]).agree
    assert pair.payment is card


def test_cash_that_is_named_on_a_statement_or_asked_for_is_compared() -> None:
    cash = replace(payment(1, 100, "R1"), method="cash")
    assert reconcile([line(2, 100, "R1")], [cash]).agree
    found = reconcile([line(2, 100)], [cash], methods=("cash",))
    assert found.agree
    assert reconcile([], [cash], methods=("cash",)).only_ledger == (cash,)
