"""The choice of a payment whose receipt the bridge makes, the same paper that every other way to it gives."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_of
from dashboard.parts.made_file import MadeFile, hand_over, keep
from dashboard.queries.payments import Payment
from dashboard.reports.typesetter import MEDIA
from dashboard.settings import settings
from dashboard.text.formatting import money, short_moment
from dashboard.text.labels import told_apart
from dashboard.text.markup import plain
from dashboard.text.translate import _
from meter_bridge.text.languages import ENGLISH

RECEIPT: Final = "receipt"


def offer_receipts(payments: Sequence[Payment], viewer: Viewer) -> None:
    """Let the person choose one of the payments that are shown, and hand its receipt over."""
    if not payments:
        return
    if viewer.token is None:
        st.caption(_("Sign in with a token to download receipts; the bridge creates them."))
        return
    known = {payment.id: payment for payment in payments}
    labels = told_apart(known, lambda each: _short(known[each]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Receipt for"),
            list(known),
            format_func=labels.__getitem__,
            key="receipt",
            width=420,
        )
        asked = st.button(_("Create the receipt"), key="make receipt", icon=":material/receipt_long:")
        if asked and chosen is not None:
            _make(viewer.token, known[chosen])
        hand_over(RECEIPT, chosen)


def _make(token: str, payment: Payment) -> None:
    """Ask the bridge for a receipt and keep it for the download."""
    language = settings().language or ENGLISH
    path = ("accounts", payment.account_id, "top-ups", payment.id, "receipt")
    try:
        with st.spinner(_("The bridge is creating the receipt …")):
            answer = bridge_of(settings()).get(token, *path, query=f"format=pdf&language={language}")
    except BridgeDownError:
        st.warning(_("The bridge does not respond; it creates the receipts. Try again once it is running."))
    except RefusedError as refused:
        st.error(plain(str(refused)))
    else:
        keep(RECEIPT, MadeFile(payment.id, receipt_name(payment), MEDIA, answer.body))


def receipt_name(payment: Payment) -> str:
    """Return the name of a receipt's file, as the bridge has it."""
    return f"receipt-{payment.account_id}-{payment.id}.pdf"


def _short(payment: Payment) -> str:
    """Return a payment in a few words."""
    paid = money(payment.amount, payment.currency)
    return f"{payment.name} · {paid} · {short_moment(payment.at, payment.time_zone)}"
