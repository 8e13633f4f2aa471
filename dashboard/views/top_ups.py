"""What was paid: by day, method and unit, with receipts and files; reconciled with providers' statements."""

from collections.abc import Mapping, Sequence
from datetime import date
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.charts.money import payments_per_day
from dashboard.data.snapshot_sql import MAX_TOP_UPS, Scope
from dashboard.data.warehouse import Warehouse
from dashboard.exports.tables import payments_table
from dashboard.parts.files import show_downloads, show_receipts
from dashboard.parts.key_figures import Figure, show_figures
from dashboard.parts.page import (
    card,
    draw,
    palette,
    search_box,
    show_head,
    show_page,
    show_part,
)
from dashboard.parts.period import choose_period, chosen_period
from dashboard.parts.reconciliation import show_reconciliation
from dashboard.queries.payments import (
    Payment,
    PaymentFilter,
    PaymentSum,
    filtered_payments,
    method_label,
    methods,
    paying_units,
    payment_sums,
)
from dashboard.queries.sums import newest_day
from dashboard.text.formatting import count, money, short_moment
from dashboard.text.markup import Cell, muted, table, unit_link
from dashboard.text.translate import _, ngettext
from meter_bridge.text.marks import N_

PAGE_ROWS: Final = 25
HEADERS: Final = (N_("Unit"), N_("How"), N_("Paid"), N_("Balance after"), N_("When"))


def show() -> None:
    """Show the page; the time that is chosen says how far back the snapshot goes."""
    show_page(_top_ups, lambda: Scope(kind="top_ups", since=chosen_period().since(int(time.time() * 1000))))


def _top_ups(opened: Warehouse, viewer: Viewer) -> None:
    known = show_head(opened, viewer, _("Top-ups"), _("what was paid, by whom and how"))
    today = opened.cached(newest_day, viewer)
    if not known or today is None:
        return
    wanted = _filter(opened, viewer, today)
    taken = opened.cached(payment_sums, viewer, wanted)
    history, reconciliation = st.tabs([_("History"), _("Reconciliation")])
    with history:
        _history(opened, viewer, wanted, taken)
    with reconciliation:
        show_reconciliation(opened, viewer, wanted, sorted({place.currency for place in known}))


def _filter(opened: Warehouse, viewer: Viewer, today: date) -> PaymentFilter:
    time_shown, search, ways = st.columns([1, 2, 2])
    with time_shown:
        first, last = choose_period().between(today)
    text = search_box(_("Unit, customer or reference"), "search", search, bind="query-params", max_chars=200)
    chosen = ways.pills(
        _("Method"),
        opened.cached(methods, viewer),
        selection_mode="multi",
        format_func=lambda each: method_label(each) or _("Other"),
        key="methods",
    )
    words = tuple(text.casefold().split())
    return PaymentFilter(first=first, last=last, methods=tuple(chosen or ()), words=words)


def _history(opened: Warehouse, viewer: Viewer, wanted: PaymentFilter, taken: Sequence[PaymentSum]) -> None:
    if not taken:
        st.info(
            _("No payment in this period. Choose another period, or clear search and method."),
            icon=":material/search_off:",
        )
        return
    show_figures(_figures(taken, opened.cached(paying_units, viewer, wanted)))
    for currency in sorted({one.currency for one in taken}):
        with card(_("Paid in, {currency}", currency=currency)):
            mine = [one for one in taken if one.currency == currency]
            draw(
                payments_per_day(mine, wanted.first, wanted.last, currency, palette()), f"takings {currency}"
            )
    if sum(one.payments for one in taken) >= MAX_TOP_UPS:
        st.warning(
            _("Only the newest {number} payments are shown: choose fewer days.", number=count(MAX_TOP_UPS))
        )
    with card(_("Payments")):
        shown = show_part(
            sum(one.payments for one in taken),
            lambda first, many: opened.cached(filtered_payments, viewer, wanted, many, first),
            lambda part: table(
                [_(header) for header in HEADERS], [_row(each) for each in part], _("Payments"), wide=True
            ),
            key="payments page",
            many=PAGE_ROWS,
        )
        show_receipts(shown, viewer)
        show_downloads(
            f"top-ups-{wanted.first}-{wanted.last}",
            lambda: payments_table(filtered_payments(opened, viewer, wanted, MAX_TOP_UPS)),
            _("These payments as a file"),
        )


def _figures(taken: Sequence[PaymentSum], units: Mapping[str, int]) -> list[Figure]:
    figures = []
    for currency in sorted(units):
        mine = [one for one in taken if one.currency == currency]
        total, many = sum(one.amount for one in mine), sum(one.payments for one in mine)
        back = sum(one.back for one in mine)
        of = _("of {units}", units=ngettext("{number} unit", "{number} units", units[currency]))
        figures += [
            Figure(
                _("Paid in"),
                money(total, currency),
                f"{ngettext('{number} payment', '{number} payments', many)} {of}",
            ),
            Figure(_("Per payment"), money(total // many, currency), _("on average")),
            Figure(
                _("Reversed"),
                money(back, currency),
                _("of payments in this period") if back else _("nothing"),
            ),
        ]
    return figures


def _row(payment: Payment) -> list[Cell]:
    who = " · ".join(part for part in (payment.customer, payment.site_name) if part)
    back = muted(_("reversed")) if payment.taken_back else ""
    return [
        Cell(f"{unit_link(payment.account_id, payment.name)}{muted(who)}"),
        Cell(f"{muted(payment.method_text) if payment.method_text else ''}{back}"),
        Cell(f"{money(payment.amount, payment.currency)}{muted(payment.split_text)}", number=True),
        Cell(money(payment.balance_after, payment.currency), number=True),
        Cell(short_moment(payment.at, payment.time_zone), number=True),
    ]


show()
