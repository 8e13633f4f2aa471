"""A table with exact amounts, and the three kinds of file that it is written as."""

from collections.abc import Sequence
import csv
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Final

import pyarrow as pa
from pyarrow import parquet

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Spreadsheets read a CSV as UTF-8 when it begins with this."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
MEDIA: Final = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
}
MAX_XLSX_ROWS: Final = 1_048_575
"""A worksheet's rows besides its head (Excel specifications and limits)."""
DECIMALS: Final = 10
_TYPES: Final = {
    "text": pa.string(),
    "amount": pa.decimal128(38, DECIMALS),
    "number": pa.int64(),
    "day": pa.date32(),
    "moment": pa.string(),
}

type Value = str | int | Decimal | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and whether it holds texts, amounts, whole numbers, days or moments."""

    name: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as it goes into a file; amounts are exact decimals."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Value]]


def render(sheet: Sheet, form: str) -> bytes:
    """Return a table as a file of a form in ``MEDIA``."""
    return {"csv": as_csv, "xlsx": as_xlsx, "parquet": as_parquet}[form](sheet)


def as_csv(sheet: Sheet) -> bytes:
    """Return a table as CSV; a text that a spreadsheet would take for a formula is quoted against it."""
    text = StringIO()
    text.write(BOM)
    writer = csv.writer(text)
    writer.writerow([column.name for column in sheet.columns])
    writer.writerows([_csv_value(value) for value in row] for row in sheet.rows)
    return text.getvalue().encode()


def _csv_value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def as_xlsx(sheet: Sheet) -> bytes:
    """Return a table as a workbook with a frozen head and a filter; texts never become formulas."""
    # Imported here because only somebody who wants a workbook needs it.
    from xlsxwriter import Workbook  # noqa: PLC0415

    raw = BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "constant_memory": False,
    }
    with Workbook(raw, options) as book:
        page = book.add_worksheet()
        head = book.add_format({"bold": True, "bottom": 1})
        forms = {
            "amount": book.add_format({"num_format": "#,##0.00####"}),
            "number": book.add_format({"num_format": "#,##0"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        }
        for place, column in enumerate(sheet.columns):
            page.write_string(0, place, column.name, head)
            page.set_column(place, place, 16, forms.get(column.kind))
        for line, row in enumerate(sheet.rows[:MAX_XLSX_ROWS], 1):
            for place, value in enumerate(row):
                _write(page, line, place, value)
        page.freeze_panes(1, 0)
        page.autofilter(0, 0, max(len(sheet.rows), 1), len(sheet.columns) - 1)
    return raw.getvalue()


def _write(page: object, line: int, place: int, value: Value) -> None:
    """Write a cell; a moment in local time, because workbooks know no time zones."""
    if value is None:
        return
    if isinstance(value, str):
        page.write_string(line, place, value)  # type: ignore[attr-defined]
    elif isinstance(value, datetime):
        page.write_datetime(line, place, value.replace(tzinfo=None))  # type: ignore[attr-defined]
    elif isinstance(value, date):
        page.write_datetime(line, place, value)  # type: ignore[attr-defined]
    else:
        page.write_number(line, place, value)  # type: ignore[attr-defined]


def as_parquet(sheet: Sheet) -> bytes:
    """Return a table as Parquet: amounts as decimals, moments as ISO 8601 with their offset."""
    arrays = [
        pa.array([_arrow_value(row[place]) for row in sheet.rows], type=_TYPES[column.kind])
        for place, column in enumerate(sheet.columns)
    ]
    table = pa.table(arrays, names=[column.name for column in sheet.columns])
    raw = BytesIO()
    parquet.write_table(table, raw, compression="zstd")
    return raw.getvalue()


def _arrow_value(value: Value) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.quantize(Decimal(1).scaleb(-DECIMALS)) if isinstance(value, Decimal) else value
