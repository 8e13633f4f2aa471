"""What stands on a printed statement: every text ready made, so that the layout has nothing to work out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.core.energy import format_kwh
from meter_bridge.core.money import amount_digits, format_amount
from meter_bridge.engine.statement import labels
from meter_bridge.engine.statement.charts import Picture, pictures
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, Statement

MANY_KINDS = 2
"""From more kinds of entries than this on their sums are listed: fewer are what the summary says."""


LAYOUT: Final = "engine/statement/statement.typ"
"""Path of the layout within the package ``meter_bridge``."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the summary."""

    name: str
    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    figures: bool = False
    wide: bool = False
    """Takes the width that is left."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table."""

    cells: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A table under its name."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Printed:
    """Everything that stands on the paper."""

    title: str
    site: str
    account: tuple[str, ...]
    running: str
    """Head of the second and later pages, beside the period."""
    period: str
    summary: tuple[Figure, ...]
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    parts: tuple[Part, ...]
    closing: str
    made: str


async def as_pdf(statement: Statement, typesetter: Typesetter) -> bytes:
    """Return the statement as PDF; raises ``TypesettingError``."""
    return await typesetter.set(msgspec.json.encode(printed(statement)), LAYOUT)


def printed(statement: Statement, *, each_day: bool = True) -> Printed:
    """Return what stands on a statement's paper; without ``each_day`` days are drawn, but not listed."""
    period = labels.period(statement)
    made = labels.local(statement.made_at, ZoneInfo(statement.time_zone))
    holder = (statement.account_name, statement.customer, f"Account {statement.account_id}")
    parts = (
        _holdings(statement),
        _units(statement),
        _kinds(statement),
        _lines(statement),
        *_if(each_day, _days(statement)),
        _entries(statement),
        _settlements(statement),
    )
    return Printed(
        title=f"Statement of {statement.account_name}, {period}",
        site=statement.site_name,
        account=tuple(text for text in holder if text),
        running=f"{statement.site_name} · {statement.account_name}",
        period=period,
        summary=_summary(statement),
        notes=tuple(_notes(statement)),
        pictures=pictures(statement),
        parts=tuple(part for part in parts if part.rows),
        closing=_closing(statement),
        made=f"Made on {labels.long_date(made.date())} at {made:%H:%M}, {statement.time_zone}",
    )


def _money(amount: int, statement: Statement) -> str:
    """Return an amount with a typographic minus."""
    return labels.money(amount, statement.currency).replace("-", "\N{MINUS SIGN}")


def _summary(statement: Statement) -> tuple[Figure, ...]:
    """Return how the balance got from its opening to its closing."""
    what = "balance" if len(statement.holdings) == 1 else "in all"
    closing = _money(statement.closing, statement)
    left = statement.outstanding
    figures = (
        Figure(f"Opening {what}", _money(statement.opening, statement)),
        Figure("Credits", _money(statement.credits, statement)),
        Figure("Charges", _money(-statement.charges, statement)),
        Figure(f"Closing {what}, {statement.currency}", closing, strong=not left),
    )
    if not left:
        return figures
    name = "Still owed" if left < 0 else "Kept for you"
    return (*figures, Figure(f"{name}, {statement.currency}", _money(abs(left), statement), strong=True))


def _notes(statement: Statement) -> Iterable[str]:
    """Yield what is to be known of the figures."""
    if statement.open:
        yield "The period has not ended: what is used and paid until then is still to come."
    pending = statement.not_yet_posted
    if pending is not None and (pending.wh or pending.amount):
        amount = format_amount(pending.amount, statement.currency)
        yield f"Used, but not yet posted and not in the closing balance: {format_kwh(pending.wh)}, {amount}."
    if statement.outstanding == 0:
        yield labels.outstanding(statement)

    if any(day.estimated_wh for day in statement.days):
        yield f"{labels.ESTIMATED}stands before energy whose day is an estimate: no reading came for a time."


def _closing(statement: Statement) -> str:
    """Return how exact the figures are."""
    digits = amount_digits(statement.currency)
    return (
        f"Amounts are in {statement.currency}. They are kept to {digits} decimal places and rounded here,"
        " so a column may differ from its sum in the last place."
        " An entry stands in the period in which it was booked."
    )


def _holdings(statement: Statement) -> Part:
    """Return what opening and closing are made of, where there is more than the balance."""
    columns = (
        Column("Credit and debt", wide=True),
        Column("Opening", figures=True),
        Column("Closing", figures=True),
    )
    rows = [
        Row(
            (labels.holding_name(each.name), _money(each.opening, statement), _money(each.closing, statement))
        )
        for each in statement.holdings
    ]
    return Part("Credit and debt", columns, tuple(rows) if len(rows) > 1 else ())


def _units(statement: Statement) -> Part:
    """Return the units of each supply whose tariff sells them."""
    names = ("Opening", "Bought", "Used", "Closing")
    columns = (Column("Supply", wide=True), *(Column(name, figures=True) for name in names))
    rows = [
        Row(
            (
                each.supply_id,
                *map(format_kwh, (each.opening_wh, each.bought_wh, each.used_wh, each.closing_wh)),
            )
        )
        for each in statement.units
    ]
    return Part("Units", columns, tuple(rows))


def _kinds(statement: Statement) -> Part:
    """Return what each kind of entry did, where there are many."""
    columns = (Column("Kind", wide=True), Column("Entries", figures=True), Column("Amount", figures=True))
    rows = [
        Row((labels.words(each.kind), f"{each.entries:,}", _money(each.amount, statement)))
        for each in statement.sums
    ]
    return Part("Summary", columns, tuple(rows) if len(rows) > MANY_KINDS else ())


def _lines(statement: Statement) -> Part:
    """Return the charges by line of the price list, with their sum."""
    several = len({line.supply_id for line in statement.lines}) > 1
    periods = len({line.period for line in statement.lines}) > 1
    first = (*_if(periods, Column("Since")), *_if(several, Column("Supply")))
    columns = (
        *first,
        Column("Charge", wide=True),
        Column("Quantity", figures=True),
        Column("Unit price", figures=True),
        Column("Amount", figures=True),
    )
    rows = [
        Row(
            (
                *_if(periods, labels.since(line)),
                *_if(several, line.supply_id),
                *_charge(line, statement),
                labels.line_amount(line, statement.currency).replace("-", "\N{MINUS SIGN}"),
            )
        )
        for line in statement.lines
    ]
    total = Row((*[""] * len(first), "Charges", "", "", _money(statement.charges, statement)), strong=True)
    return Part("Charges", columns, (*rows, total) if rows else ())


def _if[T](wanted: bool, value: T) -> tuple[T, ...]:  # noqa: FBT001 - reads as what it is where it is used
    """Return the value where it is wanted."""
    return (value,) if wanted else ()


def _charge(charge: ChargeLine | DayCharge, statement: Statement) -> tuple[str, str, str]:
    """Return what was charged, how much of it and at which price."""
    return labels.charge_name(charge), labels.quantity(charge), labels.price(charge, statement.currency)


def _days(statement: Statement) -> Part:
    """Return the charges by local day of use; a day is named once."""
    columns = (
        Column("Day of use"),
        Column("Charge", wide=True),
        Column("Quantity", figures=True),
        Column("Unit price", figures=True),
        Column("Before tax", figures=True),
        Column("Tax", figures=True),
    )
    rows, before = [], None
    for day in statement.days:
        amounts = (_money(day.amount, statement), _money(day.tax, statement))
        rows.append(Row(("" if day.day == before else day.day, *_charge(day, statement), *amounts)))
        before = day.day
    sums = (sum(day.amount for day in statement.days), sum(day.tax for day in statement.days))
    total = Row(("Sum", "", "", "", *(_money(each, statement) for each in sums)), strong=True)
    return Part("Charges by day", columns, (*rows, total) if rows else ())


def _entries(statement: Statement) -> Part:
    """Return every entry that is not a charge."""
    zone = ZoneInfo(statement.time_zone)
    columns = (
        Column("Booked"),
        Column("Entry", wide=True),
        Column("Amount", figures=True),
        Column("Balance after", figures=True),
    )
    rows = []
    for entry in statement.entries:
        where = labels.moved(entry.changes, statement.currency).replace("-", "\N{MINUS SIGN}")
        units = f"{format_kwh(entry.units_wh)} bought" if entry.units_wh else None
        texts = (labels.with_reason(entry), units, where, entry.reference, entry.id)
        rows.append(
            Row(
                (
                    f"{labels.local(entry.at, zone):%Y-%m-%d %H:%M}",
                    " · ".join(text for text in texts if text),
                    _money(entry.amount, statement),
                    _money(entry.balance_after, statement),
                )
            )
        )
    return Part("Payments and other entries", columns, tuple(rows))


def _settlements(statement: Statement) -> Part:
    """Return what was settled after the customer had moved out."""
    zone = ZoneInfo(statement.time_zone)
    rows = [
        Row(
            (
                f"{labels.local(each.at, zone):%Y-%m-%d %H:%M}",
                " · ".join(text for text in (labels.with_reason(each), each.reference, each.id) if text),
                _money(each.amount, statement),
            )
        )
        for each in statement.settlements
    ]
    columns = (Column("Settled"), Column("Entry", wide=True), Column("Amount", figures=True))
    return Part("Settled after moving out", columns, tuple(rows))
