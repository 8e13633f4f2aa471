"""A provider's statement, uploaded and compared with the payments that are shown."""

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.snapshot_sql import MAX_TOP_UPS
from dashboard.data.warehouse import Warehouse
from dashboard.exports.tables import reconciliation_table
from dashboard.parts.files import show_downloads
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import show_paged
from dashboard.queries.payments import Payment, PaymentFilter, filtered_payments
from dashboard.reconciling.matching import MAX_DAYS_APART, MatchedPair, Reconciliation, reconcile
from dashboard.reconciling.reading import (
    DATE_ORDERS,
    ParsedStatement,
    StatementColumns,
    StatementError,
    StatementLine,
    Table,
    guess_columns,
    read_lines,
    read_table,
)
from dashboard.text.formatting import count, day, money, short_moment
from dashboard.text.labels import unique_labels
from dashboard.text.markup import Cell, muted, plain, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

NONE: Final = -1
SHOWN_PROBLEMS: Final = 5


def show_reconciliation(
    opened: Warehouse, viewer: Viewer, wanted: PaymentFilter, currencies: Sequence[str]
) -> None:
    """Ask for a statement, and say what agrees and what does not."""
    st.caption(
        _(
            "Upload a payment provider's or bank's statement as CSV. Choose the same days above, and the"
            " provider's method. Lines and payments are matched by reference, else by amount within {days}"
            " days. Nothing is booked, and the file is not kept.",
            days=MAX_DAYS_APART,
        )
    )
    file = st.file_uploader(_("Statement (CSV)"), type=["csv", "txt"], key="provider statement")
    if file is None:
        return
    try:
        cells = read_table(file.getvalue())
    except StatementError as problem:
        st.error(str(problem), icon=":material/error:")
        return
    currency, columns = _columns(cells, currencies)
    read = read_lines(cells, columns, currency)
    _problems(read)
    if not read.lines:
        return
    booked = [
        payment
        for payment in opened.cached(filtered_payments, viewer, wanted, MAX_TOP_UPS)
        if payment.currency == currency and not payment.taken_back
    ]
    _show(reconcile(read.lines, booked, methods=wanted.methods), currency)


def _columns(cells: Table, currencies: Sequence[str]) -> tuple[str, StatementColumns]:
    guessed = guess_columns(cells)
    places = list(range(len(cells.headers)))

    name = unique_labels(
        [*places, NONE],
        lambda place: _("none") if place == NONE else cells.headers[place] or f"{place + 1}",
    ).__getitem__
    first, second, third, fourth, fifth = st.columns(5)
    day_at = first.selectbox(_("Day"), places, index=guessed.day, format_func=name, key="day column")
    order = second.selectbox(
        _("Written as"),
        list(DATE_ORDERS),
        index=list(DATE_ORDERS.values()).index(guessed.order),
        format_func=_,
        key="day order",
    )
    amount = third.selectbox(_("Amount"), places, index=guessed.amount, format_func=name, key="amount column")
    reference = fourth.selectbox(
        _("Reference"),
        [*places, NONE],
        index=len(places) if guessed.reference is None else guessed.reference,
        format_func=name,
        key="reference column",
    )
    currency = fifth.selectbox(_("Currency"), currencies, key="statement currency")
    return currency, StatementColumns(
        day_at, amount, None if reference == NONE else reference, DATE_ORDERS[order]
    )


def _problems(read: ParsedStatement) -> None:
    if read.problems:
        listed = "  \n".join(plain(each) for each in read.problems[:SHOWN_PROBLEMS])
        more = len(read.problems) - SHOWN_PROBLEMS
        rest = f"  \n{_('and {number} more', number=count(more))}" if more > 0 else ""
        st.warning(f"{_('Lines that could not be read:')}  \n{listed}{rest}", icon=":material/error:")
    if read.outgoing:
        st.caption(_("{number} lines of zero or below are left out.", number=count(read.outgoing)))


def _show(found: Reconciliation, currency: str) -> None:
    difference = found.statement_total - found.ledger_total
    open_ones = len(found.differ) + len(found.only_statement) + len(found.only_ledger)
    by_amount = sum(not pair.by_reference for pair in found.agree)
    show_figures(
        [
            Figure(
                _("Agree"), count(len(found.agree)), _("{number} by amount and day", number=count(by_amount))
            ),
            Figure(_("To check"), count(open_ones), _("lines and payments")),
            Figure(_("Statement"), money(found.statement_total, currency)),
            Figure(_("Ledger"), money(found.ledger_total, currency)),
            Figure(_("Difference"), money(difference, currency), _("statement minus ledger")),
        ]
    )
    if not open_ones:
        st.success(_("Statement and ledger agree."), icon=":material/check_circle:")
    if found.apart:
        many = ngettext("{number} payment", "{number} payments", len(found.apart))
        amount = money(sum(each.amount for each in found.apart), currency)
        st.caption(f"{_('Left out, as no statement lists cash and vouchers:')} {many}, {amount}")
    title = _("On the statement, not booked")
    headers = (N_("Reference"), N_("Day"), N_("Amount"))
    _differences(title, found.only_statement, _line_row, headers, currency, "only statement")
    headers = (N_("Unit"), N_("Statement"), N_("Ledger"))
    _differences(_("Amounts differ"), found.differ, _pair_row, headers, currency, "amounts differ")
    title, headers = _("Booked, not on the statement"), (N_("Unit"), N_("When"), N_("Amount"))
    _differences(title, found.only_ledger, _payment_row, headers, currency, "only ledger")
    show_downloads("reconciliation", lambda: reconciliation_table(found, currency), _("All lines as a file"))


def _line_row(line: StatementLine, currency: str) -> list[Cell]:
    reference = muted(line.reference or _("no reference"))
    return [
        Cell(f"{reference}{muted(_('line {number}', number=line.number))}"),
        Cell(day(line.day), number=True),
        Cell(money(line.amount, currency), number=True),
    ]


def _pair_row(pair: MatchedPair, currency: str) -> list[Cell]:
    return [
        Cell(f"{unit_link(pair.payment.account_id, pair.payment.name)}{muted(pair.line.reference)}"),
        Cell(money(pair.line.amount, currency), number=True),
        Cell(money(pair.payment.amount, currency), number=True),
    ]


def _payment_row(payment: Payment, _currency: str) -> list[Cell]:
    return [
        Cell(f"{unit_link(payment.account_id, payment.name)}{muted(payment.method_text)}"),
        Cell(short_moment(payment.at, payment.time_zone), number=True),
        Cell(money(payment.amount, payment.currency), number=True),
    ]


def _differences[T](
    title: str,
    rows: Sequence[T],
    row: Callable[[T, str], list[Cell]],
    headers: Sequence[str],
    currency: str,
    key: str,
) -> None:
    """Show what needs a person under a heading, if there is anything."""
    if rows:
        st.subheader(title, anchor=False)
        show_paged(rows, lambda each: row(each, currency), headers, key=key, caption=title)
