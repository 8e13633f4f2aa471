"""A unit's statement of a month, made by the bridge and handed over as PDF or CSV."""

from datetime import date
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, RefusedError, bridge_client
from dashboard.parts.made_file import DownloadFile, show_download, store_file
from dashboard.settings import settings
from dashboard.text.formatting import month
from dashboard.text.markup import plain
from dashboard.text.translate import _

MONTHS: Final = 24
FORMS: Final = {"pdf": "application/pdf", "csv": "text/csv"}
STATEMENT: Final = "statement"


def show_statements(viewer: Viewer, account_id: str, today: date | None, opened: date | None) -> None:
    """Let the person choose a month, and hand its statement over."""
    with st.container(border=True):
        st.subheader(_("Statement"), anchor=False)
        if viewer.token is None:
            st.caption(_("Sign in with a token to download statements; the bridge creates them."))
            return
        if today is None:
            st.caption(_("There is nothing to put on a statement yet."))
            return
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                _("Month"), months(today, opened), format_func=month, key="statement month", width=180
            )
            form = st.segmented_control(
                _("As"),
                list(FORMS),
                default="pdf",
                required=True,
                format_func=str.upper,
                key="statement form",
                label_visibility="collapsed",
            )
            is_requested = st.button(_("Create"), key="make statement", icon=":material/description:")
        if is_requested and chosen is not None:
            _make(viewer, account_id, chosen, form or "pdf")
        show_download(STATEMENT, account_id)


def months(today: date, opened: date | None) -> list[date]:
    """Return the first days of the months that there can be statements of, newest first."""
    found = [today.replace(day=1)]
    first = (opened or today).replace(day=1)
    while found[-1] > first and len(found) < MONTHS:
        newest = found[-1]
        found.append(
            newest.replace(year=newest.year - 1, month=12)
            if newest.month == 1
            else newest.replace(month=newest.month - 1)
        )
    return found


def _make(viewer: Viewer, account_id: str, chosen: date, form: str) -> None:
    month = f"{chosen:%Y-%m}"
    query = f"from={month}&to={month}&detail=day&format={form}&language={settings().language}"
    try:
        with st.spinner(_("The bridge is creating the statement …")):
            answer = bridge_client(settings()).get(
                viewer.token or "", "accounts", account_id, "statement", query=query
            )
    except BridgeDownError:
        st.warning(_("The bridge does not respond; it creates the statements. Try again once it is running."))
    except RefusedError as refused:
        st.error(plain(str(refused)))
    else:
        name = f"statement-{account_id}-{month}.{form}"
        store_file(STATEMENT, DownloadFile(account_id, name, FORMS[form], answer.body))
