"""A statement as a table for a spreadsheet: CSV after RFC 4180, one row for each charge and entry.

``amount`` is what a row did to what the customer has; its sum is closing minus opening. Figures are plain
decimals with every digit that is kept. Texts that a spreadsheet would take for a formula are defused. A
byte-order mark lets Excel read the file as UTF-8.
"""

from collections.abc import Iterator
import csv
from decimal import Decimal
import io
from typing import Final
import unicodedata
from zoneinfo import ZoneInfo

from meter_bridge.core.rating.rating import ENERGY_KINDS, TAX_KINDS, LineKind
from meter_bridge.engine.statement import labels
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, Holding, Statement, StatementEntry, UnitsHeld

COLUMNS: Final = (
    "account",
    "name",
    "from",
    "to",
    "date",
    "time",
    "type",
    "description",
    "entry",
    "reference",
    "reason",
    "by",
    "changes",
    "supply",
    "tariff version",
    "block",
    "band",
    "quantity",
    "unit",
    "estimated",
    "unit price",
    "before tax",
    "tax",
    "amount",
    "balance",
    "currency",
)
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""A cell that begins with one of these, in any width and spaces aside, may be run by a spreadsheet."""

type Cell = str | int | Decimal
type Row = dict[str, Cell | None]


def statement_csv(statement: Statement) -> bytes:
    """Return the statement as a CSV file in UTF-8."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(COLUMNS)
    every: Row = {
        "account": statement.account_id,
        "name": statement.account_name,
        "from": statement.first_day,
        "to": statement.last_day,
        "currency": statement.currency,
    }
    for row in _rows(statement):
        cells: Row = every | row
        table.writerow([_cell(cells.get(column)) for column in COLUMNS])
    return text.getvalue().encode("utf-8-sig", errors="replace")


def _cell(value: Cell | None) -> str:
    if isinstance(value, str):
        return defuse_formula(value)
    return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)


def defuse_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: one that begins like it gets an apostrophe."""
    plain = unicodedata.normalize("NFKC", text).lstrip(" ")
    return f"'{text}" if plain.startswith(FORMULA_STARTS) else text


def _rows(statement: Statement) -> Iterator[Row]:
    currency = statement.currency
    for holding in statement.holdings:
        yield _holding(holding, "opening balance", statement.first_day, holding.opening, currency)
    for units in statement.units:
        yield _units(units, "opening units", statement.first_day, units.opening_wh)
    for charge in statement.days or statement.lines:
        yield _charge(charge, currency)
    for entry in statement.entries:
        yield _entry(entry, statement)
    for holding in statement.holdings:
        yield _holding(holding, "closing balance", statement.last_day, holding.closing, currency)
    for units in statement.units:
        yield _units(units, "closing units", statement.last_day, units.closing_wh)
    for settled in statement.settlements:
        yield _settled(settled, statement)
    if statement.outstanding is not None:
        left = labels.exact_amount(statement.outstanding, currency)
        yield {
            "type": "outstanding",
            "description": labels.TERMINAL.outstanding(statement),
            "changes": f"outstanding {left}",
        }
    pending = statement.not_yet_posted
    if pending is not None:
        yield {
            "type": "not yet posted",
            "description": "Used since the last posting; not in the balance yet",
            "quantity": Decimal(pending.wh).scaleb(-3),
            "unit": labels.KWH,
            "balance": labels.exact_amount(statement.closing - pending.amount, currency),
        }


def _holding(holding: Holding, kind: str, day: str, amount: int, currency: str) -> Row:
    text = labels.TERMINAL.holding_name(holding.name)
    return {"date": day, "type": kind, "description": text, "balance": labels.exact_amount(amount, currency)}


def _units(units: UnitsHeld, kind: str, day: str, wh: int) -> Row:
    energy = Decimal(wh).scaleb(-3)
    return {"date": day, "type": kind, "supply": units.supply_id, "quantity": energy, "unit": labels.KWH}


def _charge(charge: ChargeLine | DayCharge, currency: str) -> Row:
    """Return a charge; by line a tax is a row of its own, by day it stands beside what it is raised on."""
    is_tax = charge.kind in TAX_KINDS
    tax = charge.amount if is_tax else charge.tax if isinstance(charge, DayCharge) else 0
    before = 0 if charge.kind == LineKind.TAX else -tax if is_tax else charge.amount
    energy = charge.kind in ENERGY_KINDS
    return {
        "date": charge.day if isinstance(charge, DayCharge) else None,
        "type": charge.kind.replace("_", " "),
        "description": labels.TERMINAL.charge_name(charge),
        "supply": charge.supply_id,
        "tariff version": charge.tariff_version_id,
        "block": charge.block,
        "band": None if is_tax else charge.band,
        "quantity": Decimal(charge.quantity).scaleb(-3) if energy else charge.quantity or None,
        "unit": labels.KWH if energy else None,
        "estimated": _estimated(charge),
        "unit price": None if charge.unit_price is None else labels.exact_amount(charge.unit_price, currency),
        "before tax": labels.exact_amount(before, currency),
        "tax": labels.exact_amount(tax, currency),
        "amount": labels.exact_amount(-before - tax, currency),
    }


def _estimated(charge: ChargeLine | DayCharge) -> Decimal | None:
    wh = charge.estimated_wh if isinstance(charge, DayCharge) else 0
    return Decimal(wh).scaleb(-3) if wh else None


def _entry(entry: StatementEntry, statement: Statement) -> Row:
    at = labels.local_time_text(entry.at, ZoneInfo(statement.time_zone))
    currency = statement.currency
    parts = [
        f"{labels.TERMINAL.inside(name)} {labels.exact_amount(part, currency)}"
        for name, part in entry.changes.items()
    ]
    return {
        "date": at.date().isoformat(),
        "time": f"{at:%H:%M:%S}",
        "type": entry.kind.replace("_", " "),
        "description": entry.description,
        "entry": entry.id,
        "reference": entry.reference,
        "reason": entry.reason,
        "by": entry.by,
        "quantity": Decimal(entry.units_wh).scaleb(-3) if entry.units_wh else None,
        "unit": labels.KWH if entry.units_wh else None,
        "changes": "; ".join(parts) or None,
        "amount": labels.exact_amount(entry.amount, currency),
        "balance": labels.exact_amount(entry.balance_after, currency),
    }


def _settled(entry: StatementEntry, statement: Statement) -> Row:
    row = _entry(entry, statement)
    change = labels.exact_amount(entry.amount, statement.currency)
    return row | {"changes": f"outstanding {change}", "amount": None, "balance": None}
