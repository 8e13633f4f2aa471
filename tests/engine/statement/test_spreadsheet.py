"""The table for a spreadsheet: RFC 4180, exact figures, sums that are right, nothing that it would run."""

import csv
from decimal import Decimal
import io
import unicodedata

from hypothesis import given, strategies as st
import pytest

from meter_bridge.core.money import to_decimal
from meter_bridge.engine.statement.spreadsheet import COLUMNS, FORMULA_STARTS, defuse_formula, statement_csv
from meter_bridge.protocol.statements import StatementEntry
from tests.engine.statement.invented import entry, statement

AMOUNTS = st.integers(-(10**14), 10**14)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def rows_of(*entries: StatementEntry) -> list[dict[str, str]]:
    """Return the rows of a statement's file as a program reads them."""
    text = statement_csv(statement(*entries)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_file_begins_and_ends_with_the_balance() -> None:
    rows = rows_of(entry(50_000_000))
    assert [row["type"] for row in rows] == [
        "opening balance",
        "consumption",
        "tax",
        "top up",
        "closing balance",
    ]
    assert rows[1]["description"] == "Energy, block 1, peak"
    assert (rows[1]["quantity"], rows[1]["unit"], rows[1]["unit price"]) == ("5.000", "kWh", "2.50")
    assert (rows[1]["before tax"], rows[1]["tax"], rows[1]["amount"]) == ("12.50", "0.00", "-12.50")
    assert (rows[2]["before tax"], rows[2]["tax"], rows[2]["amount"]) == ("0.00", "1.875", "-1.875")
    assert (rows[3]["date"], rows[3]["time"], rows[3]["changes"]) == (
        "2026-10-03",
        "18:22:00",
        "balance 50.00",
    )
    assert (rows[0]["balance"], rows[-1]["balance"]) == ("0.0001", "35.6251")
    assert {(row["account"], row["from"], row["to"], row["currency"]) for row in rows} == {
        ("flat-1", "2026-10-01", "2026-10-31", "ZAR")
    }


@given(amounts=st.lists(AMOUNTS, max_size=6))
def test_the_amounts_sum_to_closing_less_opening_to_the_last_digit(amounts: list[int]) -> None:
    rows = rows_of(*(entry(amount) for amount in amounts))
    total = sum(Decimal(row["amount"]) for row in rows if row["amount"])
    assert total == Decimal(rows[-1]["balance"]) - Decimal(rows[0]["balance"])
    assert total == to_decimal(sum(amounts) - 14_375_000, "ZAR")


@given(text=TEXTS)
def test_no_text_begins_like_a_formula_and_each_is_kept(text: str) -> None:
    row = rows_of(entry(1, description=text))[3]
    shown = row["description"]
    assert shown.removeprefix("'") == text or shown == text
    assert not unicodedata.normalize("NFKC", shown).lstrip(" ").startswith(FORMULA_STARTS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\xa0=1", "\uff1d1", "\r\n=1"])
def test_what_a_spreadsheet_would_run_is_defused(text: str) -> None:
    assert defuse_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Top-up, cash", "12 = 12", "'=1", 'say "hi"'])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert defuse_formula(text) == text


def test_lines_end_as_rfc_4180_has_it_and_every_row_has_every_column() -> None:
    raw = statement_csv(statement(entry(1, description='a "quoted", b\nc')))
    assert raw.startswith(b"\xef\xbb\xbfaccount,name,")
    assert raw.endswith(b"\r\n")
    assert b'"a ""quoted"", b\nc"' in raw
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    assert {len(row) for row in rows} == {len(COLUMNS)}
