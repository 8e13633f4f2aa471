"""Files hold what pages show, exactly, and no cell of a person becomes a formula."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
import zipfile

from pyarrow import parquet
import pytest

from dashboard.exports.sheet import MEDIA, Column, Sheet, as_csv, as_parquet, as_xlsx, render

SHEET = Sheet(
    (
        Column("name"),
        Column("paid", "amount"),
        Column("n", "number"),
        Column("day", "day"),
        Column("at", "moment"),
    ),
    [
        ("Flat 1", Decimal("100.123456"), 3, date(2026, 11, 20), datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("=HYPERLINK(1)", Decimal("-0.000001"), None, None, None),
    ],
)


def test_csv_is_exact_and_quotes_formulas() -> None:
    lines = as_csv(SHEET).decode("utf-8-sig").splitlines()
    assert lines == [
        "name,paid,n,day,at",
        "Flat 1,100.123456,3,2026-11-20,2026-11-20T08:30:00+00:00",
        "'=HYPERLINK(1),-0.000001,,,",
    ]


def test_parquet_keeps_decimals() -> None:
    table = parquet.read_table(BytesIO(as_parquet(SHEET)))
    assert table["paid"].to_pylist() == [Decimal("100.1234560000"), Decimal("-0.0000010000")]
    assert table["name"].to_pylist() == ["Flat 1", "=HYPERLINK(1)"]
    assert table["day"].to_pylist() == [date(2026, 11, 20), None]


def test_xlsx_holds_texts_as_texts() -> None:
    with zipfile.ZipFile(BytesIO(as_xlsx(SHEET))) as book:
        page = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in page
    assert "100.123456" in page


@pytest.mark.parametrize("form", MEDIA)
def test_an_empty_table_is_a_file_all_the_same(form: str) -> None:
    assert render(Sheet(SHEET.columns, []), form)
