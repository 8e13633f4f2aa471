"""A provider's statement as CSV: which columns hold what, and what each line says, or why it says nothing."""

from collections.abc import Iterable, Mapping, Sequence
import csv
from dataclasses import dataclass
from io import StringIO
import re
from typing import Final

from meter_bridge.core.money import MoneyError, minor_digits, parse_amount
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import UnreadableLine

KNOWN_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment": (
        *("payment", "payment id", "payment intent", "payment intent id", "transaction id", "transaction"),
        *("receipt no", "receipt number", "receipt", "source", "source id", "id", "reference", "ref"),
    ),
    "amount": ("amount", "gross", "gross amount", "paid in", "credit", "value", "net", "net amount"),
    "currency": ("currency", "currency code", "ccy"),
    "date": (
        *("date", "created", "created utc", "created date utc", "completion time", "completed"),
        *("transaction date", "time", "timestamp", "value date", "booked"),
    ),
}
"""Names that columns have, the most telling first."""
_DATE: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})|(\d{1,2})[./](\d{1,2})[./](\d{4})")
_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a statement; ``day`` is ISO, or empty where there is none."""

    number: int
    payment: str
    amount: int
    currency: str
    day: str


@dataclass(frozen=True, slots=True)
class StatementFile:
    """What a file says."""

    columns: Mapping[str, str]
    lines: Sequence[StatementLine]
    unreadable: Sequence[UnreadableLine]


def read_statement(raw: bytes, chosen: Mapping[str, str], currency: str | None) -> StatementFile:
    """Read a file; ``chosen`` names columns. Raises ``RequestRefused`` if no payments can be found in it."""
    text = decode_text(raw)
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = list(csv.reader(StringIO(text), delimiter=delimiter))
    if len(rows) < 1 or len(rows[0]) < 2:  # noqa: PLR2004 - an id and an amount
        raise _unreadable("it has no line with names of columns", "send the CSV as the provider exports it")
    columns = _columns(rows[0], chosen)
    lines, unreadable = list[StatementLine](), list[UnreadableLine]()
    for number, row in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in row):
            found = _line(number, dict(zip(rows[0], row, strict=False)), columns, currency)
            (lines if isinstance(found, StatementLine) else unreadable).append(found)  # type: ignore[arg-type]
    return StatementFile(columns, lines, unreadable)


def decode_text(raw: bytes) -> str:
    """Return the text: UTF-8 with or without its mark, else what spreadsheets in Western Europe write."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _columns(head: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    plain = {_PLAIN.sub(" ", name.casefold()).strip(): name for name in reversed(head)}
    found: dict[str, str] = {}
    for what, names in KNOWN_HEADERS.items():
        if what in chosen:
            if chosen[what] not in head:
                remedy = f"choose from {', '.join(head)}"
                raise _unreadable(f"there is no column {chosen[what]!r}", remedy, field=what)
            found[what] = chosen[what]
            continue
        name = next((plain[each] for each in names if each in plain), None)
        if name is not None:
            found[what] = name
    for what in ("payment", "amount"):
        if what not in found:
            remedy = f"name it: {what}= one of {', '.join(head)}"
            raise _unreadable(f"no column looks like the {what}", remedy, field=what)
    return found


def _line(
    number: int, row: Mapping[str, str], columns: Mapping[str, str], currency: str | None
) -> StatementLine | UnreadableLine:
    payment = row.get(columns["payment"], "").strip()
    written = row.get(columns["amount"], "").strip()
    code = row.get(columns.get("currency", ""), "").strip().upper() or currency or ""
    if not payment or not written:
        return UnreadableLine(line=number, reason="it has no payment or no amount")
    try:
        places = minor_digits(code)
        amount = parse_amount(plain_number(written, places), code, digits=places)
    except MoneyError as error:
        return UnreadableLine(line=number, reason=str(error))
    return StatementLine(number, payment, amount, code, _day(row.get(columns.get("date", ""), "")))


def plain_number(text: str, places: int) -> str:
    """Return a number as people write it, in plain digits, for a currency with so many decimal places.

    Of two kinds of separators the last is the decimal one. A single one with more digits behind it than the
    currency has separates thousands, and so does one that comes again.
    """
    bare = re.sub(r"[^\d.,()\-−]", "", text)
    negative = bare.startswith(("(", "-", "−")) or bare.endswith("-")
    digits = re.sub(r"[()\-−]", "", bare)
    if not re.search(r"\d", digits):
        return text
    last = max(digits.rfind("."), digits.rfind(","))
    alone = len(set(digits) & {".", ","}) == 1
    if last >= 0 and alone and (digits.count(digits[last]) > 1 or len(digits) - last - 1 > places):
        last = -1
    whole = re.sub(r"[.,]", "", digits if last < 0 else digits[:last])
    fraction = "" if last < 0 or last == len(digits) - 1 else f".{digits[last + 1 :]}"
    return f"{'-' if negative else ''}{whole or '0'}{fraction}"


def _day(text: str) -> str:
    """Return a date as ISO; day.month.year if the year comes last."""
    found = _DATE.search(text)
    if found is None:
        return ""
    year, month, day = found.group(1, 2, 3) if found[1] else found.group(6, 5, 4)
    return f"{year}-{int(month):02d}-{int(day):02d}"


def first_and_last(lines: Iterable[StatementLine]) -> tuple[str, str]:
    """Return the first and the last day of a statement; empty where it names none."""
    days = sorted(each.day for each in lines if each.day)
    return (days[0], days[-1]) if days else ("", "")


def _unreadable(what: str, remedy: str, field: str | None = None) -> RequestRefused:
    return RequestRefused(
        ErrorCode.BAD_REQUEST, f"this is no statement of payments: {what}", field=field, remedy=remedy
    )
