"""A provider's statement as CSV: its columns, days, amounts and references, whatever its habits are."""

from collections.abc import Sequence
import csv
from dataclasses import dataclass
from datetime import date
from io import StringIO
import re
from typing import Final

from dashboard.text.formatting import count
from dashboard.text.translate import _
from meter_bridge.core.money import MoneyError, minor_digits, parse_amount
from meter_bridge.text.marks import N_

MAX_LINES: Final = 100_000
DELIMITERS: Final = ",;\t|"
ENCODINGS: Final = ("utf-8-sig", "cp1252")
THOUSAND: Final = 3
YEAR_LENGTH: Final = 4
DATE_ORDERS: Final = {
    N_("Year, month, day"): "ymd",
    N_("Day, month, year"): "dmy",
    N_("Month, day, year"): "mdy",
}
HEADER_HINTS: Final = {
    "day": ("created", "date", "day", "datum", "time", "paid", "when"),
    "amount": ("gross", "amount", "betrag", "value", "montant", "paid in", "credit"),
    "reference": ("reference", "receipt", "transaction", "referenz", "ref", "id", "description"),
}
_GROUPED: Final = re.compile(r"\d*|\d{1,3}(,\d{2,3})+|\d{1,3}(\.\d{2,3})+")
"""A whole number, with marks after thousands or lakhs."""
_NUMBERS: Final = re.compile(r"\d+")


class StatementError(ValueError):
    """A file that cannot be read as a statement; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """The file's cells."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class StatementColumns:
    """Which column is what, by place; the day's parts in their order."""

    day: int
    amount: int
    reference: int | None
    order: str = "ymd"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A payment as the provider has it."""

    number: int
    """Line of the file, the head being 1."""
    day: date
    amount: int
    reference: str


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """The payments of a statement, what is no payment in it, and what could not be read."""

    lines: tuple[StatementLine, ...]
    outgoing: int
    """Lines of zero or below: fees and refunds."""
    problems: tuple[str, ...]


def read_table(content: bytes) -> Table:
    """Return the cells of a CSV file; raise ``StatementError``."""
    text = _decoded(content)
    try:
        dialect = csv.Sniffer().sniff(text[:8_192], DELIMITERS)
    except csv.Error:
        dialect = csv.excel
    rows = [tuple(cell.strip() for cell in row) for row in csv.reader(StringIO(text), dialect) if any(row)]
    if len(rows) < 2:  # noqa: PLR2004 - a head and a line
        raise StatementError(_("The file has no lines below its head. Export the statement again, as CSV."))
    if len(rows) > MAX_LINES:
        raise StatementError(
            _("The file has more than {number} lines. Export a shorter period.", number=count(MAX_LINES))
        )
    width = len(rows[0])
    whole = tuple(row[:width] + ("",) * (width - len(row)) for row in rows[1:])
    return Table(rows[0], whole)


def _decoded(content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementError(_("The file is not text. Export the statement again, as CSV."))


def guess_columns(table: Table) -> StatementColumns:
    """Return which column is probably what."""
    places = {what: _place(table.headers, hints) for what, hints in HEADER_HINTS.items()}
    day = places["day"] or 0
    amount = places["amount"]
    if amount is None:
        amount = 1 if len(table.headers) > 1 else 0
    return StatementColumns(day, amount, places["reference"], _order([row[day] for row in table.rows]))


def _place(headers: Sequence[str], hints: Sequence[str]) -> int | None:
    """Return the first column whose name contains a hint, the best hint first."""
    for hint in hints:
        for place, header in enumerate(headers):
            if hint in header.casefold():
                return place
    return None


def _order(days: Sequence[str]) -> str:
    """Return the order of a date's parts: only days exceed twelve."""
    parts = [found for day in days if len(found := _NUMBERS.findall(day)) >= 3]  # noqa: PLR2004 - three parts
    if any(len(each[0]) == YEAR_LENGTH for each in parts):
        return "ymd"
    return "mdy" if any(int(each[1]) > 12 for each in parts) else "dmy"  # noqa: PLR2004 - months


def read_lines(table: Table, columns: StatementColumns, currency: str) -> ParsedStatement:
    """Return the statement's payments."""
    lines: list[StatementLine] = []
    problems: list[str] = []
    outgoing = 0
    for number, row in enumerate(table.rows, 2):
        try:
            amount = amount_of(row[columns.amount], currency)
            day = day_of(row[columns.day], columns.order)
        except ValueError as problem:
            problems.append(f"line {number}: {problem}")
            continue
        if amount <= 0:
            outgoing += 1
            continue
        reference = "" if columns.reference is None else row[columns.reference]
        lines.append(StatementLine(number, day, amount, reference))
    return ParsedStatement(tuple(lines), outgoing, tuple(problems))


def day_of(text: str, order: str) -> date:
    """Return the day that a text begins with; raise ``ValueError``."""
    parts = [int(part) for part in _NUMBERS.findall(text)[:3]]
    if len(parts) == 3:  # noqa: PLR2004 - three parts
        named = dict(zip(order, parts, strict=True))
        try:
            return date(named["y"], named["m"], named["d"])
        except ValueError:
            pass
    raise ValueError(_("{text} is not a date in this order; choose another order or column", text=repr(text)))


def amount_of(text: str, currency: str) -> int:
    """Return an amount with marks of thousands and decimals as anybody writes them; raise ``ValueError``."""
    kept = re.sub(rf"{currency}|[^\d.,()+\N{{MINUS SIGN}}-]", "", text).replace("\N{MINUS SIGN}", "-")
    negative = kept.startswith(("-", "(")) or kept.endswith("-")
    digits = kept.strip("()+-")
    try:
        steps = parse_amount(_plain(digits, currency), currency)
    except MoneyError as problem:
        raise ValueError(
            _(
                "{text} is not an amount in {currency}; choose another column",
                text=repr(text),
                currency=currency,
            )
        ) from problem
    return -steps if negative else steps


def _plain(digits: str, currency: str) -> str:
    """Return digits with a decimal point and without thousands separators."""
    marks = [each for each in digits if each in ".,"]
    if not marks:
        return digits
    last = marks[-1]
    whole, part = digits.rpartition(last)[::2]
    thousands_alone = len(part) == THOUSAND and minor_digits(currency) < THOUSAND and digits[0] != "0"
    if marks.count(last) > 1 or (len(set(marks)) == 1 and thousands_alone):
        whole, part = digits, ""
    if not _GROUPED.fullmatch(whole):
        return digits
    return f"{whole.replace(',', '').replace('.', '')}{'.' if part else ''}{part}"
