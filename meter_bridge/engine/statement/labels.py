"""How statements name and write things, on paper, in a table and on a terminal alike."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import day_end, day_start
from meter_bridge.core.energy import format_kwh
from meter_bridge.core.ledger.journal import Bucket
from meter_bridge.core.money import format_amount, minor_digits, to_decimal
from meter_bridge.core.rating.rating import ENERGY_KINDS, TAX_KINDS, LineKind
from meter_bridge.protocol.messages import ChargeLine, LedgerEntry
from meter_bridge.protocol.statements import DayCharge, SegmentView, Statement, StatementEntry

_KINDS: Final[Mapping[str, str]] = {
    LineKind.CONSUMPTION: "Energy",
    LineKind.FREE: "Free units",
    LineKind.VACANT: "Used before moving in",
    LineKind.UNITS: "Units bought before",
    LineKind.PURCHASE: "Units bought",
    LineKind.STANDING: "Standing charge",
    LineKind.DEMAND: "Demand charge",
    LineKind.MINIMUM: "Minimum charge",
    LineKind.LIFELINE: "Lifeline",
}
_NAMED: Final = frozenset({LineKind.STANDING, *TAX_KINDS})
"""Kinds whose lines have names of their own."""
KWH: Final = "kWh"
ESTIMATED: Final = "\N{ALMOST EQUAL TO} "
"""Before energy whose time of use is an estimate."""


def words(code: str) -> str:
    """Return a code such as ``emergency_credit`` as words, with a capital."""
    text = code.replace("_", " ")
    return text[:1].upper() + text[1:]


def charge_name(charge: ChargeLine | DayCharge | SegmentView) -> str:
    """Return what a charge is for, such as ``Energy, block 2, peak``; what has a name, by its name alone."""
    if charge.kind in _NAMED and charge.band:
        return words(charge.band) + (", in the prices" if charge.kind == LineKind.INCLUDED_TAX else "")
    block = None if charge.block is None else f"block {charge.block}"
    band = None if charge.band == charge.kind else charge.band
    parts = (_KINDS.get(charge.kind, words(charge.kind)), block, band)
    return ", ".join(part for part in parts if part)


def line_amount(line: ChargeLine, currency: str) -> str:
    """Return the amount of a line for people; in brackets where other lines contain it."""
    text = money(line.amount, currency)
    return f"({text})" if line.kind == LineKind.INCLUDED_TAX else text


def since(line: ChargeLine) -> str:
    """Return the first day of the period in which a line adds up."""
    return line.period.partition("/")[0]


def money(amount: int, currency: str) -> str:
    """Return an amount for people, rounded to the minor unit, without its currency."""
    return format_amount(amount, currency).removeprefix(f"{currency} ")


def exact(amount: int, currency: str) -> Decimal:
    """Return an amount in the main unit with all its digits, no fewer than the minor unit has."""
    value = to_decimal(amount, currency)
    places = max(minor_digits(currency), -int(str(value.normalize().as_tuple().exponent)))
    return value.quantize(Decimal(1).scaleb(-places))


def quantity(charge: ChargeLine | DayCharge) -> str:
    """Return how much was charged: energy with its unit, a count of what is charged by time, else nothing."""
    if charge.kind in ENERGY_KINDS and charge.quantity:
        estimated = isinstance(charge, DayCharge) and charge.estimated_wh
        return f"{ESTIMATED if estimated else ''}{format_kwh(charge.quantity)}"
    return f"{charge.quantity:,}" if charge.quantity else ""


def price(charge: ChargeLine | DayCharge, currency: str) -> str:
    """Return the price of a unit with all its digits."""
    return "" if charge.unit_price is None else f"{exact(charge.unit_price, currency):,}"


def local(instant: str, zone: ZoneInfo) -> datetime:
    """Return an instant of the wire by the wall clock."""
    return datetime.fromisoformat(instant).astimezone(zone)


def long_date(day: date) -> str:
    """Return a date such as ``1 November 2026``."""
    return f"{day.day} {day:%B} {day.year}"


def period(statement: Statement) -> str:
    """Return the period in words: whole days where it is made of such, else with its times."""
    zone = ZoneInfo(statement.time_zone)
    first, last = date.fromisoformat(statement.first_day), date.fromisoformat(statement.last_day)
    start, end = local(statement.start, zone), local(statement.end, zone)
    whole = (day_start(first, zone), day_end(last, zone)) == (_ms(start), _ms(end))
    # A tenancy is told by its days: nobody asks at which second somebody moved.
    if not whole and statement.tenancy is None:
        return f"{long_date(start.date())}, {start:%H:%M:%S} – {long_date(end.date())}, {end:%H:%M:%S}"
    return long_date(first) if first == last else f"{long_date(first)} – {long_date(last)}"


def _ms(time: datetime) -> int:
    """Return milliseconds since 1970 UTC of a time of the wire, which has no finer ones."""
    return int(time.timestamp()) * 1000 + time.microsecond // 1000


def holding_name(name: str) -> str:
    """Return a holding's name, such as ``Emergency credit`` or ``Debt boiler``."""
    return words(name.replace(":", " "))


def outstanding(statement: Statement) -> str:
    """Return what is left with a customer who moved out; nothing where it is not such a statement."""
    left, currency = statement.outstanding, statement.currency
    if left is None:
        return ""
    if not left:
        return "Nothing is left to settle with this customer."
    owed = format_amount(abs(left), currency)
    return f"{owed} are still owed by this customer." if left < 0 else f"{owed} are kept for this customer."


def with_reason(entry: LedgerEntry | StatementEntry) -> str:
    """Return what an entry is, and why where that is not said already."""
    reason = entry.reason
    return (
        entry.description if not reason or reason in entry.description else f"{entry.description}: {reason}"
    )


def moved(changes: Mapping[str, int], currency: str) -> str:
    """Return what changed where, or nothing where it was the balance alone."""
    if set(changes) <= {Bucket.BALANCE}:
        return ""
    return ", ".join(
        f"{holding_name(name).lower()} {money(part, currency)}" for name, part in changes.items()
    )
