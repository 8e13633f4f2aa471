"""Files to save: receipts and statements that the bridge makes, and tables of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_client
from dashboard.exports.sheet import MEDIA, Sheet, render
from dashboard.parts.page import card, choose_segment
from dashboard.queries.payments import Payment
from dashboard.reports.months import recent_months
from dashboard.settings import settings
from dashboard.text.formatting import money, month, short_moment
from dashboard.text.labels import unique_labels
from dashboard.text.markup import plain
from dashboard.text.translate import _
from meter_bridge.text.catalogue import ENGLISH

PDF_MEDIA: Final = "application/pdf"
RECEIPT: Final = "receipt"
STATEMENT: Final = "statement"
FORMS: Final = {"pdf": PDF_MEDIA, "csv": "text/csv"}


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """A file with what it is about, such as a unit or a payment."""

    subject: str
    name: str
    media: str
    content: bytes


def _show_download(kind: str, subject: str | None) -> None:
    """Offer the file of a kind that was made last in this session, while it is about what is chosen."""
    file = st.session_state.get(f"{kind} ready")
    if not isinstance(file, DownloadFile) or file.subject != subject:
        return
    save_button(_("Save {file}", file=file.name), file.content, file.name, file.media, key=f"save {kind}")


def _request(token: str, path: Sequence[str], query: str, waiting: str, unavailable: str) -> bytes | None:
    """Return a file that the bridge makes; None, after saying why, where it does not."""
    try:
        with st.spinner(waiting):
            return bridge_client(settings()).get(token, *path, query=query).body
    except BridgeDownError:
        st.warning(unavailable)
    except RefusedError as refused:
        st.error(plain(str(refused)))
    return None


def save_button(
    label: str,
    content: bytes | Callable[[], bytes],
    name: str,
    media: str,
    *,
    key: str,
    icon: str = ":material/download:",
) -> None:
    """Offer a file, made or to be made, as the one thing to do; saving it does not run the page again."""
    st.download_button(
        label,
        data=content,
        file_name=name,
        mime=media,
        type="primary",
        icon=icon,
        on_click="ignore",
        key=key,
    )


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
            _make_receipt(viewer.token, known[chosen])
        _show_download(RECEIPT, chosen)


def _make_receipt(token: str, payment: Payment) -> None:
    content = _request(
        token,
        ("accounts", payment.account_id, "top-ups", payment.id, "receipt"),
        f"format=pdf&language={settings().language or ENGLISH}",
        _("The bridge is creating the receipt …"),
        _("The bridge does not respond; it creates the receipts. Try again once it is running."),
    )
    if content is not None:
        file = DownloadFile(payment.id, receipt_name(payment), PDF_MEDIA, content)
        st.session_state[f"{RECEIPT} ready"] = file


def receipt_name(payment: Payment) -> str:
    """Return the name of a receipt's file, as the bridge has it."""
    return f"receipt-{payment.account_id}-{payment.id}.pdf"


def _label(payment: Payment) -> str:
    paid = money(payment.amount, payment.currency)
    return f"{payment.name} · {paid} · {short_moment(payment.at, payment.time_zone)}"


def show_statements(viewer: Viewer, account_id: str, today: date | None, opened: date | None) -> None:
    """Let the person choose a month, and hand its statement over."""
    with card(_("Statement")):
        if viewer.token is None:
            st.caption(_("Sign in with a token to download statements; the bridge creates them."))
            return
        if today is None:
            st.caption(_("There is nothing to put on a statement yet."))
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                _("Month"),
                recent_months(today, opened or today),
                format_func=month,
                key="statement month",
                width=180,
            )
            form = choose_segment(_("As"), list(FORMS), "pdf", "statement form", str.upper)
            is_requested = st.button(_("Create"), key="make statement", icon=":material/description:")
        if is_requested and chosen is not None:
            _make_statement(viewer.token, account_id, chosen, form)
        _show_download(STATEMENT, account_id)


def _make_statement(token: str, account_id: str, chosen: date, form: str) -> None:
    month = f"{chosen:%Y-%m}"
    content = _request(
        token,
        ("accounts", account_id, "statement"),
        f"from={month}&to={month}&detail=day&format={form}&language={settings().language}",
        _("The bridge is creating the statement …"),
        _("The bridge does not respond; it creates the statements. Try again once it is running."),
    )
    if content is not None:
        file = DownloadFile(account_id, f"statement-{account_id}-{month}.{form}", FORMS[form], content)
        st.session_state[f"{STATEMENT} ready"] = file


def show_downloads(name: str, make: Callable[[], Sheet], label: str) -> None:
    """Offer a table as CSV, XLSX and Parquet."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"files {name}"):
        st.caption(label, width="content")
        for form, media in MEDIA.items():
            st.download_button(
                form.upper() if form != "parquet" else "Parquet",
                data=partial(lambda made, form: render(made(), form), make, form),
                file_name=f"{name}.{form}",
                mime=media,
                key=f"{name} as {form}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )
