"""The choice of a payment whose receipt is handed over as PDF."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard.figures import money, short_moment
from dashboard.language import say
from dashboard.paper.press import MEDIA
from dashboard.paper.receipt import receipt_name, receipt_pdf
from dashboard.queries.payments import Payment
from dashboard.words import told_apart


def offer_receipts(payments: Sequence[Payment]) -> None:
    """Let the person choose one of the payments that are shown, and hand its receipt over."""
    if not payments:
        return
    known = {payment.id: payment for payment in payments}
    labels = told_apart(known, lambda each: _short(known[each]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            say("Receipt for"),
            list(known),
            format_func=labels.__getitem__,
            key="receipt",
            width=420,
        )
        if chosen is None:
            return
        payment = known[chosen]
        st.download_button(
            say("Receipt as PDF"),
            data=partial(receipt_pdf, payment),
            file_name=receipt_name(payment),
            mime=MEDIA,
            icon=":material/receipt_long:",
            on_click="ignore",
            key="save receipt",
        )


def _short(payment: Payment) -> str:
    """Return a payment in a few words."""
    paid = money(payment.amount, payment.currency)
    return f"{payment.name} · {paid} · {short_moment(payment.at, payment.time_zone)}"
