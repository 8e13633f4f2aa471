"""Load profiles and payments as comma-separated values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import csv
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.commands.output import read_text
from meter_bridge.commands.parser import USAGE, CommandError
from meter_bridge.config.times import FIRST_YEAR, LAST_YEAR
from meter_bridge.core.calendar import local_time
from meter_bridge.core.money import MoneyError, minor_digits, parse_amount, parse_decimal
from meter_bridge.core.rating.load_pricing import LoadInterval, Payment

MAX_LINES: Final = 1_000_000
MAX_WH: Final = 10**15
PAYMENT_FORM: Final = "'timestamp,amount'"
FORMS: Final = "'timestamp,kWh' or 'start,end,kWh', each also with Wh"
_UNITS: Final = {"kwh": 1000, "wh": 1}


class LoadError(ValueError):
    """An invalid line of a file, with a remedy."""

    def __init__(self, line: int, what: str, remedy: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line
        self.remedy = remedy


@contextmanager
def _lines_of(path: Path) -> Iterator[None]:
    try:
        yield
    except LoadError as error:
        raise CommandError(f"{path}, {error}", error.remedy, USAGE) from error


def read_load(path: Path, zone: ZoneInfo) -> tuple[LoadInterval, ...]:
    """Return the intervals of a load file; times without an offset are those of the zone."""
    lines = read_text(path, "name a load file that exists", "utf-8-sig").splitlines()
    with _lines_of(path):
        return parse_load(lines, zone)


def parse_load(lines: Sequence[str], zone: ZoneInfo) -> tuple[LoadInterval, ...]:
    """Return the intervals of a load file's lines; raises ``LoadError``.

    With one time per line an interval ends where the next begins, and the last is as long as the one before.
    Energy is counted like a register: all of it, cut to whole Wh at each line.
    """
    if len(lines) > MAX_LINES:
        raise LoadError(MAX_LINES + 1, "too many lines", "split the file by year")
    head = [cell.strip().lower() for cell in lines[0].split(",")] if lines else []
    per_wh = _UNITS.get(head[-1]) if head else None
    if per_wh is None or head[:-1] not in (["timestamp"], ["start", "end"]):
        raise LoadError(1, "unknown column names", f"start the file with {FORMS}")
    rows = list(_rows(lines, len(head)))
    if not rows:
        raise LoadError(2, "no data after the column names", "add one line for each interval")
    energy = _whole([(line, cells[-1]) for line, cells in rows], per_wh)
    spans = _spans(rows, zone)
    return tuple(LoadInterval(start, end, wh) for (start, end), wh in zip(spans, energy, strict=True))


def read_payments(path: Path, zone: ZoneInfo, currency: str) -> tuple[Payment, ...]:
    """Return the payments of a file; times without an offset are those of the zone."""
    lines = read_text(path, "name an existing file of payments", "utf-8-sig").splitlines()
    with _lines_of(path):
        return parse_payments(lines, zone, currency)


def parse_payments(lines: Sequence[str], zone: ZoneInfo, currency: str) -> tuple[Payment, ...]:
    """Return the payments of a file's lines, in order of time; raises ``LoadError``."""
    head = [cell.strip().lower() for cell in lines[0].split(",")] if lines else []
    if head != ["timestamp", "amount"]:
        raise LoadError(1, "unknown column names", f"start the file with {PAYMENT_FORM}")
    payments: list[Payment] = []
    for line, (time, amount) in _rows(lines, len(head)):
        at = _instant(line, time, zone, None)
        try:
            paid = parse_amount(amount, currency, digits=minor_digits(currency))
        except MoneyError as error:
            raise LoadError(line, str(error), "write the amount paid, like 200.00") from None
        if paid <= 0:
            raise LoadError(line, f"{amount!r} is not a payment", "write an amount above zero")
        payments.append(Payment(at, paid))
    return tuple(sorted(payments))


def _rows(lines: Sequence[str], columns: int) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of every line that is not empty."""
    for number, line in enumerate(lines[1:], start=2):
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error as error:
            raise LoadError(number, str(error), "write plain values separated by commas") from None
        if not cells:
            continue
        if len(cells) != columns:
            raise LoadError(number, f"{len(cells)} values instead of {columns}", "separate them with commas")
        yield number, [cell.strip() for cell in cells]


def _whole(cells: Sequence[tuple[int, str]], per_wh: int) -> list[int]:
    """Return energy in whole Wh, so that the sum is right to the last one."""
    counts, total = [], Decimal(0)
    for line, cell in cells:
        before = int(total.to_integral_value(ROUND_FLOOR))
        total += _energy(line, cell) * per_wh
        counts.append(int(total.to_integral_value(ROUND_FLOOR)) - before)
    return counts


def _energy(line: int, cell: str) -> Decimal:
    try:
        value = parse_decimal(cell)
    except MoneyError:
        raise LoadError(line, f"{cell!r} is not a decimal number", "write it like 0.250") from None
    if value < 0 or value > MAX_WH:
        raise LoadError(line, f"{cell!r} is out of range for energy", "write zero or more")
    return value


def _spans(rows: Sequence[tuple[int, list[str]]], zone: ZoneInfo) -> list[tuple[int, int]]:
    """Return begin and end of each interval, in order and without overlap."""
    spans: list[tuple[int, int]] = []
    before: int | None = None
    for line, cells in rows:
        start = _instant(line, cells[0], zone, before)
        _check_after(line, cells[0], start, before)
        if len(cells) == len(("start", "end", "kWh")):
            end = _instant(line, cells[1], zone, start + 1)
            if end <= start:
                raise LoadError(line, f"{cells[1]} is not after {cells[0]}", "write the start, then the end")
            before = end
            spans.append((start, end))
        else:
            if spans:
                spans[-1] = (spans[-1][0], start)
            spans.append((start, start))
            before = start + 1
    if spans[-1][0] == spans[-1][1]:
        spans[-1] = _last(rows[-1][0], spans)
    return spans


def _check_after(line: int, cell: str, start: int, before: int | None) -> None:
    if before is not None and start < before:
        raise LoadError(
            line,
            f"{cell} is before the end of the previous line",
            "sort the lines by time, without duplicates",
        )


def _last(line: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the last interval, as long as the one before."""
    if len(spans) == 1:
        raise LoadError(
            line, "the length of a single interval is unknown", "add a line, or use start,end,kWh"
        )
    (before, start), _ = spans[-2:]
    return start, start + (start - before)


def _instant(line: int, cell: str, zone: ZoneInfo, after: int | None) -> int:
    """Return the instant of a time; one that the clocks repeat is the first that is not too early."""
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        remedy = "write it like 2026-07-01T00:15 or 2026-07-01T00:15+02:00"
        raise LoadError(line, f"{cell!r} is not a time", remedy) from None
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise LoadError(line, f"{cell} is out of range", f"write a year from {FIRST_YEAR} to {LAST_YEAR}")
    if time.tzinfo is not None:
        return _milliseconds(time)
    first, second = (_milliseconds(time.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if local_time(first, zone).replace(tzinfo=None) != time.replace(microsecond=0):
        remedy = "write times with their offset, such as +02:00"
        raise LoadError(line, f"{cell} does not exist: clocks are put forward past it", remedy)
    return second if after is not None and first < after else first


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp()) * 1000 + time.microsecond // 1000
