"""What stands on a printed statement: every text ready made, so that the layout has nothing to work out."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from meter_bridge.core.money import amount_digits, rounding_difference
from meter_bridge.engine.statement import labels as words
from meter_bridge.engine.statement.builder import charged_amount
from meter_bridge.engine.statement.charts import bar_charts
from meter_bridge.engine.statement.labels import Labels
from meter_bridge.printing.document import BarChart, Column, Figure, Row, Table, table
from meter_bridge.printing.typesetter import Typesetter
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, RegisterReading, Statement
from meter_bridge.text.catalogue import ENGLISH, printable

MANY_KINDS = 2
"""From more kinds of entries than this on their sums are listed: fewer are what the summary says."""


LAYOUT: Final = "engine/statement/statement.typ"
"""Path of the layout within the package ``meter_bridge``."""


@dataclass(frozen=True, slots=True)
class PrintedStatement:
    """Everything that stands on the paper."""

    language: str
    title: str
    heading: str
    site: str
    account: tuple[str, ...]
    running: str
    """Head of the second and later pages, beside the period."""
    period: str
    summary: tuple[Figure, ...]
    notes: tuple[str, ...]
    pictures: tuple[BarChart, ...]
    parts: tuple[Table, ...]
    closing: str
    made: str


async def as_pdf(statement: Statement, typesetter: Typesetter, language: str = ENGLISH) -> bytes:
    """Return the statement as PDF; raises ``TypesettingError``."""
    paper = await asyncio.to_thread(printed_statement, statement, language=language)
    return await typesetter.typeset(msgspec.json.encode(paper), LAYOUT)


def printed_statement(
    statement: Statement, *, each_day: bool = True, language: str = ENGLISH
) -> PrintedStatement:
    """Return what stands on a statement's paper; without ``each_day`` days are drawn, but not listed."""
    return _Paper(statement, Labels(printable(language))).printed(each_day=each_day)


def _value_if[T](wanted: bool, value: T) -> tuple[T, ...]:  # noqa: FBT001 - reads as what it is where it is used
    return (value,) if wanted else ()


class _Paper:
    def __init__(self, statement: Statement, labels: Labels) -> None:
        self._statement = statement
        self._labels = labels
        self._ = labels.gettext
        self._zone = ZoneInfo(statement.time_zone)

    def printed(self, *, each_day: bool) -> PrintedStatement:
        """Return what stands on the paper."""
        statement, _ = self._statement, self._
        period = self._labels.period(statement)
        made = words.local_time_text(statement.made_at, self._zone)
        number = _("Account {id}", id=statement.account_id)
        holder = (statement.account_name, statement.customer, number)
        parts = (
            self._holdings(),
            self._units(),
            self._kinds(),
            self._lines(),
            self._taxes(),
            self._readings(),
            *_value_if(each_day, self._days()),
            self._entries(),
            self._settlements(),
        )
        return PrintedStatement(
            language=self._labels.language,
            title=_("Statement of {name}, {period}", name=statement.account_name, period=period),
            heading=_("Statement"),
            site=statement.site_name,
            account=tuple(text for text in holder if text),
            running=f"{statement.site_name} · {statement.account_name}",
            period=period,
            summary=self._summary(),
            notes=tuple(self._notes()),
            pictures=bar_charts(statement, self._labels),
            parts=tuple(part for part in parts if part.rows),
            closing=self._closing(),
            made=_(
                "Made on {day} at {time}, {zone}",
                day=self._labels.written.long_day(made.date()),
                time=self._labels.written.time(made),
                zone=statement.time_zone,
            ),
        )

    def _money(self, amount: int) -> str:
        return self._labels.money(amount, self._statement.currency)

    def _summary(self) -> tuple[Figure, ...]:
        statement, _ = self._statement, self._
        left, single = statement.outstanding, len(statement.holdings) == 1
        changes = (statement.opening, statement.credits, -statement.charges)
        rounding = rounding_difference(changes, statement.closing)
        closing = _("Closing balance, {currency}") if single else _("Closing total, {currency}")
        figures = (
            Figure(_("Opening balance") if single else _("Opening total"), self._money(statement.opening)),
            Figure(_("Credits"), self._money(statement.credits)),
            Figure(_("Charges"), self._money(-statement.charges)),
            *_value_if(rounding != 0, Figure(_("Rounding"), self._money(rounding))),
            Figure(
                closing.format(currency=statement.currency), self._money(statement.closing), strong=not left
            ),
        )
        if not left:
            return figures
        name = _("Still owed, {currency}") if left < 0 else _("Kept for you, {currency}")
        return (
            *figures,
            Figure(name.format(currency=statement.currency), self._money(abs(left)), strong=True),
        )

    def _notes(self) -> Iterable[str]:
        statement, _ = self._statement, self._
        if statement.open:
            yield _("The period has not ended: further consumption and payments are still to come.")
        pending = statement.not_yet_posted
        if pending is not None and (pending.wh or pending.amount):
            yield _(
                "Used, but not yet posted and not in the closing balance: {energy}, {amount}.",
                energy=self._labels.kwh(pending.wh),
                amount=self._labels.written.money(pending.amount, statement.currency),
            )
        if statement.outstanding == 0:
            yield self._labels.outstanding(statement)
        if any(day.estimated_wh for day in statement.days):
            yield _(
                "{mark} marks energy whose day is an estimate because no reading arrived for a time.",
                mark=words.ESTIMATED.strip(),
            )

    def _closing(self) -> str:
        return self._(
            "Amounts are in {currency}. They are kept to {digits} decimal places and rounded here; what that"
            " adds or takes away is shown as rounding. An entry appears in the period in which it was"
            " booked.",
            currency=self._statement.currency,
            digits=amount_digits(self._statement.currency),
        )

    def _holdings(self) -> Table:
        _ = self._
        name = _("Credit and debt")
        rows = [
            Row((self._labels.holding_name(each.name), self._money(each.opening), self._money(each.closing)))
            for each in self._statement.holdings
        ]
        return table(name, (name, _("Opening"), _("Closing")), tuple(rows) if len(rows) > 1 else ())

    def _units(self) -> Table:
        _ = self._
        columns = (_("Supply"), _("Opening"), _("Bought"), _("Used"), _("Closing"))
        rows = [
            Row(
                (
                    each.supply_id,
                    *map(self._labels.kwh, (each.opening_wh, each.bought_wh, each.used_wh, each.closing_wh)),
                )
            )
            for each in self._statement.units
        ]
        return table(_("Units"), columns, tuple(rows))

    def _kinds(self) -> Table:
        _ = self._
        columns = (_("Kind"), _("Entries"), _("Amount"))
        rows = [
            Row(
                (
                    self._labels.code(each.kind),
                    self._labels.written.whole(each.entries),
                    self._money(each.amount),
                )
            )
            for each in self._statement.sums
        ]
        return table(_("Summary"), columns, tuple(rows) if len(rows) > MANY_KINDS else ())

    def _lines(self) -> Table:
        statement, _ = self._statement, self._
        several = len({line.supply_id for line in statement.lines}) > 1
        periods = len({line.period for line in statement.lines}) > 1
        first = (*_value_if(periods, Column(_("Since"))), *_value_if(several, Column(_("Supply"))))
        columns = (*first, *self._charge_columns(), Column(_("Amount"), figures=True))
        rows = [
            Row(
                (
                    *_value_if(periods, words.period_start_text(line)),
                    *_value_if(several, line.supply_id),
                    *self._charge(line),
                    self._labels.line_amount(line, statement.currency),
                )
            )
            for line in statement.lines
        ]
        charged = map(charged_amount, statement.lines)
        if rounding := rounding_difference(charged, statement.charges):
            rows.append(Row((*[""] * len(first), _("Rounding"), "", "", self._money(rounding))))
        total = Row((*[""] * len(first), _("Charges"), "", "", self._money(statement.charges)), strong=True)
        return Table(_("Charges"), columns, (*rows, total) if rows else ())

    def _taxes(self) -> Table:
        statement, labels, _ = self._statement, self._labels, self._
        columns = (
            Column(_("Tax"), wide=True),
            Column(_("Rate"), figures=True),
            Column(_("On charges of"), figures=True),
            Column(_("Amount"), figures=True),
        )
        rows = [
            Row((labels.tax_name(tax), labels.rate(tax), self._money(tax.base), self._money(tax.amount)))
            for tax in statement.taxes
        ]
        return Table(_("Taxes"), columns, tuple(rows))

    def _readings(self) -> Table:
        _ = self._
        columns = (
            Column(_("Meter"), wide=True),
            Column(_("From")),
            Column(_("Register"), figures=True),
            Column(_("Until")),
            Column(_("Register"), figures=True),
        )
        rows = [
            Row((each.meter_id, *self._reading(each.before), *self._reading(each.after)))
            for each in self._statement.readings
        ]
        return Table(_("Meter readings"), columns, tuple(rows))

    def _reading(self, reading: RegisterReading | None) -> tuple[str, str]:
        if reading is None:
            return "", ""
        at = words.local_time_text(reading.at, self._zone)
        return f"{at:%Y-%m-%d %H:%M}", self._labels.kwh(reading.wh)

    def _charge_columns(self) -> tuple[Column, ...]:
        _ = self._
        return (
            Column(_("Charge"), wide=True),
            Column(_("Quantity"), figures=True),
            Column(_("Unit price"), figures=True),
        )

    def _charge(self, charge: ChargeLine | DayCharge) -> tuple[str, str, str]:
        labels = self._labels
        return (
            labels.charge_name(charge),
            labels.quantity(charge),
            labels.price(charge, self._statement.currency),
        )

    def _days(self) -> Table:
        statement, _ = self._statement, self._
        columns = (
            Column(_("Day of use")),
            *self._charge_columns(),
            Column(_("Before tax"), figures=True),
            Column(_("Tax"), figures=True),
        )
        rows, before = [], None
        for day in statement.days:
            amounts = (self._money(day.amount), self._money(day.tax))
            rows.append(Row(("" if day.day == before else day.day, *self._charge(day), *amounts)))
            before = day.day
        both = [day.amount for day in statement.days], [day.tax for day in statement.days]
        sums = [sum(column) for column in both]
        rounding = [rounding_difference(column, total) for column, total in zip(both, sums, strict=True)]
        if any(rounding):
            rows.append(Row((_("Rounding"), "", "", "", *map(self._money, rounding))))
        total = Row((_("Sum"), "", "", "", *map(self._money, sums)), strong=True)
        return Table(_("Charges by day"), columns, (*rows, total) if rows else ())

    def _entries(self) -> Table:
        statement, labels, _ = self._statement, self._labels, self._
        columns = (
            Column(_("Booked")),
            Column(_("Entry"), wide=True),
            Column(_("Amount"), figures=True),
            Column(_("Balance after"), figures=True),
        )
        rows = []
        for entry in statement.entries:
            where = labels.moved(entry.changes, statement.currency)
            units = _("{energy} bought", energy=labels.kwh(entry.units_wh)) if entry.units_wh else None
            texts = (labels.with_reason(entry), units, where, entry.reference, entry.id)
            rows.append(
                Row(
                    (
                        f"{words.local_time_text(entry.at, self._zone):%Y-%m-%d %H:%M}",
                        " · ".join(text for text in texts if text),
                        self._money(entry.amount),
                        self._money(entry.balance_after),
                    )
                )
            )
        return Table(_("Payments and other entries"), columns, tuple(rows))

    def _settlements(self) -> Table:
        labels, _ = self._labels, self._
        rows = [
            Row(
                (
                    f"{words.local_time_text(each.at, self._zone):%Y-%m-%d %H:%M}",
                    " · ".join(text for text in (labels.with_reason(each), each.reference, each.id) if text),
                    self._money(each.amount),
                )
            )
            for each in self._statement.settlements
        ]
        columns = (Column(_("Settled")), Column(_("Entry"), wide=True), Column(_("Amount"), figures=True))
        return Table(_("Settled after moving out"), columns, tuple(rows))
