"""A provider's statement, uploaded and held against the payments that are shown."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.data.snapshot_sql import MOST_TOP_UPS
from dashboard.data.warehouse import Warehouse
from dashboard.exports.offer import offer_table
from dashboard.exports.reconciliation import reconciliation_table
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.paged import show_paged
from dashboard.queries.payments import Payment
from dashboard.queries.takings import Wanted, wanted_payments
from dashboard.reconciling.matching import MOST_DAYS, Pair, Reconciliation, reconcile
from dashboard.reconciling.reading import (
    ORDERS,
    Columns,
    Line,
    Read,
    StatementError,
    Table,
    guess,
    read_lines,
    read_table,
)
from dashboard.text.formatting import count, day, money, short_moment
from dashboard.text.labels import told_apart
from dashboard.text.markup import Cell, plain, soft, unit_link
from dashboard.text.translate import say

NONE: Final = -1
SHOWN_PROBLEMS: Final = 5


def show_reconciliation(opened: Warehouse, viewer: Viewer, wanted: Wanted, currencies: Sequence[str]) -> None:
    """Ask for a statement, and say what agrees and what does not."""
    st.caption(
        say(
            "Upload a payment provider's or bank's statement as CSV. Choose the same days above, and the "
            "provider's method. Lines and payments go together by reference, else by amount within {days} "
            "days. Nothing is booked, and the file is not kept.",
            days=MOST_DAYS,
        )
    )
    file = st.file_uploader(say("Statement (CSV)"), type=["csv", "txt"], key="provider statement")
    if file is None:
        return
    try:
        cells = read_table(file.getvalue())
    except StatementError as problem:
        st.error(say(str(problem)), icon=":material/error:")
        return
    currency, columns = _columns(cells, currencies)
    read = read_lines(cells, columns, currency)
    _problems(read)
    if not read.lines:
        return
    booked = [
        payment
        for payment in opened.once(wanted_payments, viewer, wanted, MOST_TOP_UPS)
        if payment.currency == currency and not payment.taken_back
    ]
    _show(reconcile(read.lines, booked), currency)


def _columns(cells: Table, currencies: Sequence[str]) -> tuple[str, Columns]:
    """Let the person correct which column is what."""
    guessed = guess(cells)
    places = list(range(len(cells.headers)))

    name = told_apart(
        [*places, NONE],
        lambda place: say("none") if place == NONE else cells.headers[place] or f"{place + 1}",
    ).__getitem__
    first, second, third, fourth, fifth = st.columns(5)
    day_at = first.selectbox(say("Day"), places, index=guessed.day, format_func=name, key="day column")
    order = second.selectbox(
        say("Written as"),
        list(ORDERS),
        index=list(ORDERS.values()).index(guessed.order),
        format_func=say,
        key="day order",
    )
    amount = third.selectbox(
        say("Amount"), places, index=guessed.amount, format_func=name, key="amount column"
    )
    reference = fourth.selectbox(
        say("Reference"),
        [*places, NONE],
        index=len(places) if guessed.reference is None else guessed.reference,
        format_func=name,
        key="reference column",
    )
    currency = fifth.selectbox(say("Currency"), currencies, key="statement currency")
    return currency, Columns(day_at, amount, None if reference == NONE else reference, ORDERS[order])


def _problems(read: Read) -> None:
    """Say what of the file is no payment or could not be read."""
    if read.problems:
        listed = "  \n".join(plain(each) for each in read.problems[:SHOWN_PROBLEMS])
        more = len(read.problems) - SHOWN_PROBLEMS
        rest = f"  \n{say('and {number} more', number=count(more))}" if more > 0 else ""
        st.warning(f"{say('Lines that could not be read:')}  \n{listed}{rest}", icon=":material/error:")
    if read.outgoing:
        st.caption(say("{number} lines of zero or below are left out.", number=count(read.outgoing)))


def _show(found: Reconciliation, currency: str) -> None:
    """Show sums, then what needs a person."""
    difference = found.statement_total - found.ledger_total
    open_ones = len(found.differ) + len(found.only_statement) + len(found.only_ledger)
    by_amount = sum(not pair.by_reference for pair in found.agree)
    show_figures(
        [
            Figure(
                say("Agree"),
                count(len(found.agree)),
                None,
                say("{number} by amount and day", number=count(by_amount)),
            ),
            Figure(say("To look at"), count(open_ones), None, say("lines and payments")),
            Figure(say("Statement"), money(found.statement_total, currency), None, None),
            Figure(say("Ledger"), money(found.ledger_total, currency), None, None),
            Figure(say("Difference"), money(difference, currency), None, say("statement less ledger")),
        ]
    )
    if not open_ones:
        st.success(say("Statement and ledger agree."), icon=":material/check_circle:")
    _lines(found.only_statement, currency)
    _pairs(found.differ, currency)
    _payments(found.only_ledger)
    offer_table("reconciliation", lambda: reconciliation_table(found, currency), say("All lines as a file"))


def _lines(lines: Sequence[Line], currency: str) -> None:
    """Show what was paid to the provider and is not booked."""
    if lines:
        st.subheader(say("On the statement, not booked"), anchor=False)
        show_paged(
            lines,
            lambda line: [
                Cell(f"{plain_text(line.reference)}{soft(say('line {number}', number=line.number))}"),
                Cell(day(line.day), number=True),
                Cell(money(line.amount, currency), number=True),
            ],
            ("Reference", "Day", "Amount"),
            key="only statement",
            caption=say("On the statement, not booked"),
        )


def _pairs(pairs: Sequence[Pair], currency: str) -> None:
    """Show references whose amounts differ."""
    if pairs:
        st.subheader(say("Amounts differ"), anchor=False)
        show_paged(
            pairs,
            lambda pair: [
                Cell(f"{unit_link(pair.payment.account_id, pair.payment.name)}{soft(pair.line.reference)}"),
                Cell(money(pair.line.amount, currency), number=True),
                Cell(money(pair.payment.amount, currency), number=True),
            ],
            ("Unit", "Statement", "Ledger"),
            key="amounts differ",
            caption=say("Amounts differ"),
        )


def _payments(payments: Sequence[Payment]) -> None:
    """Show what is booked and not on the statement."""
    if payments:
        st.subheader(say("Booked, not on the statement"), anchor=False)
        show_paged(
            payments,
            lambda payment: [
                Cell(f"{unit_link(payment.account_id, payment.name)}{soft(payment.how)}"),
                Cell(short_moment(payment.at, payment.time_zone), number=True),
                Cell(money(payment.amount, payment.currency), number=True),
            ],
            ("Unit", "When", "Amount"),
            key="only ledger",
            caption=say("Booked, not on the statement"),
        )


def plain_text(text: str) -> str:
    """Return a text of the file as markup shows it."""
    return soft(text) if text else soft(say("no reference"))
