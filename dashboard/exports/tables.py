"""What goes into files: units, debtors, payments, a reconciliation and a what-if as tables."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from dashboard.exports.sheet import Column, Sheet, Value
from dashboard.pricing.what_if import UnitChange, WhatIfAnswer
from dashboard.queries.debts import Debtor
from dashboard.queries.payments import Payment
from dashboard.queries.units import Unit
from dashboard.reconciling.matching import Reconciliation
from dashboard.reconciling.reading import StatementLine
from dashboard.status.attention import UnitStatus
from dashboard.status.depletion import BEYOND_FORECAST
from dashboard.text.formatting import at_place
from dashboard.text.labels import VACANT, alert_label, reason_text, supply_label
from dashboard.text.translate import inside
from meter_bridge.core.money import to_decimal

type Fields[T] = Sequence[tuple[str, str, Callable[[T], Value]]]
"""Name, kind and value of each column."""


def _sheet[T](fields: Fields[T], things: Iterable[T]) -> Sheet:
    columns = tuple(Column(name, kind) for name, kind, _ in fields)
    return Sheet(columns, [tuple(value(thing) for _, _, value in fields) for thing in things])


def _amount(amount: int | None, currency: str) -> Decimal | None:
    return None if amount is None else to_decimal(amount, currency)


def _moment(instant: int | None, time_zone: str) -> Value:
    return None if instant is None else at_place(instant, time_zone)


def units_table(statuses: Sequence[UnitStatus]) -> Sheet:
    """Return units with how they stand."""
    fields: Fields[UnitStatus] = (
        ("unit", "text", lambda status: status.unit.id),
        ("name", "text", lambda status: status.unit.name),
        ("customer", "text", lambda status: status.unit.customer),
        ("site", "text", lambda status: status.unit.site_name),
        ("supply", "text", lambda status: supply_label(status.unit.supply_state).said),
        ("reason", "text", lambda status: _reason(status.unit)),
        ("currency", "text", lambda status: status.unit.currency),
        ("available", "amount", lambda status: _amount(status.unit.available, status.unit.currency)),
        ("days left", "amount", lambda status: _days(status.days_left)),
        ("alerts", "text", lambda status: ", ".join(alert_label(kind).said for kind in status.unit.alerts)),
        ("last top-up", "moment", lambda status: _moment(status.unit.top_up_at, status.unit.time_zone)),
        (
            "last top-up amount",
            "amount",
            lambda status: _amount(status.unit.top_up_amount, status.unit.currency),
        ),
    )
    return _sheet(fields, statuses)


def _reason(unit: Unit) -> str:
    return reason_text(unit.reason) if unit.vacant_since is None else inside(VACANT.said)


def _days(left: float | None) -> Decimal | None:
    return None if left is None or left == BEYOND_FORECAST else Decimal(f"{left:.1f}")


def debts_table(debtors: Sequence[Debtor], now: int) -> Sheet:
    """Return debtors with what they owe, by kind and by age."""
    fields: Fields[Debtor] = (
        ("unit", "text", lambda debtor: debtor.account_id),
        ("name", "text", lambda debtor: debtor.name),
        ("customer", "text", lambda debtor: debtor.customer),
        ("site", "text", lambda debtor: debtor.site_name),
        ("currency", "text", lambda debtor: debtor.currency),
        ("owed", "amount", lambda debtor: _amount(debtor.owed, debtor.currency)),
        ("debts", "amount", lambda debtor: _amount(debtor.debt, debtor.currency)),
        ("arrears", "amount", lambda debtor: _amount(debtor.arrears, debtor.currency)),
        ("emergency credit", "amount", lambda debtor: _amount(debtor.emergency, debtor.currency)),
        ("overdrawn", "amount", lambda debtor: _amount(debtor.overdrawn, debtor.currency)),
        ("final settlement", "amount", lambda debtor: _amount(debtor.settlement, debtor.currency)),
        ("up to 30 days", "amount", lambda debtor: _amount(debtor.ages(now)[0], debtor.currency)),
        ("31 to 60 days", "amount", lambda debtor: _amount(debtor.ages(now)[1], debtor.currency)),
        ("61 to 90 days", "amount", lambda debtor: _amount(debtor.ages(now)[2], debtor.currency)),
        ("older", "amount", lambda debtor: _amount(debtor.ages(now)[3], debtor.currency)),
        ("owed since", "moment", lambda debtor: _moment(debtor.since, debtor.time_zone)),
        ("last payment", "moment", lambda debtor: _moment(debtor.paid_at, debtor.time_zone)),
    )
    return _sheet(fields, debtors)


def payments_table(payments: Sequence[Payment]) -> Sheet:
    """Return payments with where each went; amounts are exact."""
    fields: Fields[Payment] = (
        ("entry", "text", lambda payment: payment.id),
        ("paid at", "moment", lambda payment: at_place(payment.at, payment.time_zone)),
        ("unit", "text", lambda payment: payment.account_id),
        ("name", "text", lambda payment: payment.name),
        ("customer", "text", lambda payment: payment.customer),
        ("site", "text", lambda payment: payment.site_name),
        ("method", "text", lambda payment: payment.method),
        ("reference", "text", lambda payment: payment.reference),
        ("currency", "text", lambda payment: payment.currency),
        ("amount", "amount", lambda payment: _amount(payment.amount, payment.currency)),
        ("to balance", "amount", lambda payment: _part(payment, "balance")),
        ("to arrears", "amount", lambda payment: _part(payment, "arrears")),
        ("to emergency credit", "amount", lambda payment: _part(payment, "emergency_credit")),
        ("to debts and others", "amount", _other_parts),
        ("balance after", "amount", lambda payment: _amount(payment.balance_after, payment.currency)),
        ("taken back", "text", lambda payment: "yes" if payment.taken_back else ""),
    )
    return _sheet(fields, payments)


def _part(payment: Payment, part: str) -> Decimal:
    return to_decimal(payment.split.get(part, 0), payment.currency)


def _other_parts(payment: Payment) -> Decimal:
    named = {"balance", "arrears", "emergency_credit"}
    rest = sum(amount for part, amount in payment.split.items() if part not in named)
    return to_decimal(rest, payment.currency)


type ReconciledRow = tuple[str, StatementLine | None, Payment | None]


def _of_line(value: Callable[[StatementLine], Value]) -> Callable[[ReconciledRow], Value]:
    return lambda row: None if row[1] is None else value(row[1])


def _of_payment(value: Callable[[Payment], Value]) -> Callable[[ReconciledRow], Value]:
    return lambda row: None if row[2] is None else value(row[2])


def reconciliation_table(found: Reconciliation, currency: str) -> Sheet:
    """Return every line and payment with its state, those to look at first."""
    fields: Fields[ReconciledRow] = (
        ("state", "text", lambda row: row[0]),
        ("line", "number", _of_line(lambda line: line.number)),
        ("day", "day", _of_line(lambda line: line.day)),
        ("statement reference", "text", _of_line(lambda line: line.reference)),
        ("statement amount", "amount", _of_line(lambda line: _amount(line.amount, currency))),
        ("entry", "text", _of_payment(lambda payment: payment.id)),
        ("unit", "text", _of_payment(lambda payment: payment.account_id)),
        ("paid at", "moment", _of_payment(lambda payment: at_place(payment.at, payment.time_zone))),
        ("ledger reference", "text", _of_payment(lambda payment: payment.reference)),
        ("ledger amount", "amount", _of_payment(lambda payment: _amount(payment.amount, payment.currency))),
    )
    return _sheet(
        fields,
        (
            *(("not booked", line, None) for line in found.only_statement),
            *(("differs", pair.line, pair.payment) for pair in found.differ),
            *(("not on statement", None, payment) for payment in found.only_ledger),
            *(("not expected on statement", None, payment) for payment in found.apart),
            *(("agrees", pair.line, pair.payment) for pair in found.agree),
        ),
    )


def what_if_table(answer: WhatIfAnswer) -> Sheet:
    """Return what each unit paid and would have paid."""
    currency = answer.currency
    fields: Fields[UnitChange] = (
        ("unit", "text", lambda change: change.account_id),
        ("name", "text", lambda change: change.name),
        ("currency", "text", lambda _: currency),
        ("energy Wh", "number", lambda change: change.wh),
        ("charged", "amount", lambda change: _amount(change.old, currency)),
        ("would have been", "amount", lambda change: _amount(change.new, currency)),
        ("difference", "amount", lambda change: _amount(change.difference, currency)),
    )
    return _sheet(fields, answer.changes)
