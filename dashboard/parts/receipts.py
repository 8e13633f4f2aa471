"""The choice of a payment whose receipt the bridge makes, the same paper that every other way to it gives."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_client
from dashboard.parts.made_file import DownloadFile, show_download, store_file
from dashboard.queries.payments import Payment
from dashboard.reports.typesetter import MEDIA
from dashboard.settings import settings
from dashboard.text.formatting import money, short_moment
from dashboard.text.labels import unique_labels
from dashboard.text.markup import plain
from dashboard.text.translate import _
from meter_bridge.text.catalogue import ENGLISH

RECEIPT: Final = "receipt"


def show_receipts(payments: Sequence[Payment], viewer: Viewer) -> None:
    """Let the person choose one of the payments that are shown, and hand its receipt over."""
    if not payments:
        return
    if viewer.token is None:
        st.caption(_("Sign in with a token to download receipts; the bridge creates them."))
        return
    known = {payment.id: payment for payment in payments}
    labels = unique_labels(known, lambda each: _label(known[each]))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            _("Receipt for"),
            list(known),
            format_func=labels.__getitem__,
            key="receipt",
            width=420,
        )
        is_requested = st.button(_("Create the receipt"), key="make receipt", icon=":material/receipt_long:")
        if is_requested and chosen is not None:
            _make(viewer.token, known[chosen])
        show_download(RECEIPT, chosen)


def _make(token: str, payment: Payment) -> None:
    language = settings().language or ENGLISH
    path = ("accounts", payment.account_id, "top-ups", payment.id, "receipt")
    try:
        with st.spinner(_("The bridge is creating the receipt …")):
            answer = bridge_client(settings()).get(token, *path, query=f"format=pdf&language={language}")
    except BridgeDownError:
        st.warning(_("The bridge does not respond; it creates the receipts. Try again once it is running."))
    except RefusedError as refused:
        st.error(plain(str(refused)))
    else:
        store_file(RECEIPT, DownloadFile(payment.id, receipt_name(payment), MEDIA, answer.body))


def receipt_name(payment: Payment) -> str:
    """Return the name of a receipt's file, as the bridge has it."""
    return f"receipt-{payment.account_id}-{payment.id}.pdf"


def _label(payment: Payment) -> str:
    paid = money(payment.amount, payment.currency)
    return f"{payment.name} · {paid} · {short_moment(payment.at, payment.time_zone)}"
