"""A month on paper: statements of many units in one archive, and a report of the whole portfolio."""

from collections.abc import Sequence
from datetime import date
from functools import partial
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer
from dashboard.bridge import BridgeDownError, bridge_client
from dashboard.data.snapshot_sql import Scope, report_scope
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.parts.files import PDF_MEDIA, save_button
from dashboard.parts.page import show_head, show_page
from dashboard.queries.sums import newest_day
from dashboard.queries.units import UnitName
from dashboard.reports.months import previous_month, recent_months
from dashboard.reports.portfolio import portfolio_pdf
from dashboard.reports.statements import FailedStatement, StatementPdf, statements, zip_statements
from dashboard.settings import settings
from dashboard.text.formatting import count, month
from dashboard.text.markup import plain
from dashboard.text.translate import _, ngettext

MONTH: Final = "report month"
MAX_STATEMENTS: Final = 500
"""So many statements fit into one archive; for more there is the command."""
READY: Final = "statements of a month"
SHOWN_FAILURES: Final = 10


def show() -> None:
    """Show the page; the month that is chosen says how far back the snapshot goes."""
    show_page(_reports, _scope)


def _scope() -> Scope:
    today = local_date(int(time.time() * 1000), "UTC")
    chosen = st.session_state.get(MONTH)
    first = chosen if isinstance(chosen, date) else previous_month(today.replace(day=1))
    return report_scope(first)


def _reports(opened: Warehouse, viewer: Viewer) -> None:
    known = show_head(opened, viewer, _("Reports"), _("a month on paper"))
    today = opened.cached(newest_day, viewer)
    if not known or today is None:
        return
    listed = recent_months(today, date(today.year - 2, today.month, 1))
    chosen = st.selectbox(
        _("Month"),
        listed,
        index=min(1, len(listed) - 1),
        format_func=month,
        key=MONTH,
        width=220,
    )
    left, right = st.columns(2)
    with left.container(border=True, height="stretch"):
        _portfolio(opened, viewer, chosen)
    with right.container(border=True, height="stretch"):
        _statements(viewer, known, chosen)
    st.caption(
        _(
            "To get both for all units every month, run `python -m dashboard report` on the first of the"
            " month; docs/dashboard.md has a timer for it."
        )
    )


def _portfolio(opened: Warehouse, viewer: Viewer, chosen: date) -> None:
    st.subheader(_("Portfolio report"), anchor=False)
    st.caption(_("Payments, charges and energy by day, site, price list and unit; debt and its age; alerts."))
    save_button(
        _("Report as PDF"),
        partial(portfolio_pdf, opened, viewer, chosen),
        f"portfolio-{chosen:%Y-%m}.pdf",
        PDF_MEDIA,
        key="save portfolio",
    )


def _statements(viewer: Viewer, known: Sequence[UnitName], chosen: date) -> None:
    st.subheader(_("Statements"), anchor=False)
    if viewer.token is None:
        st.caption(_("Sign in with a token to create statements; they come from the bridge itself."))
        return
    text = st.text_input(
        _("Units"),
        placeholder=_("all, or those matching a search"),
        key="report units",
        type="search",
        max_chars=200,
    )
    wanted = _matching(known, text or "")
    st.caption(ngettext("{number} unit", "{number} units", len(wanted)))
    if len(wanted) > MAX_STATEMENTS:
        message = _(
            "For more than {number} at once use `python -m dashboard report`.", number=count(MAX_STATEMENTS)
        )
        st.info(message, icon=":material/terminal:")
    is_requested = st.button(
        _("Create statements"),
        key="make statements",
        icon=":material/description:",
        disabled=not wanted or len(wanted) > MAX_STATEMENTS,
    )
    if is_requested:
        _make(viewer, wanted, chosen)
    _show_archive(chosen)


def _matching(known: Sequence[UnitName], text: str) -> list[UnitName]:
    words = text.casefold().split()
    return [
        place
        for place in known
        if all(
            word in f"{place.name} {place.customer} {place.site_name} {place.id}".casefold() for word in words
        )
    ]


def _make(viewer: Viewer, wanted: Sequence[UnitName], chosen: date) -> None:
    st.session_state.pop(READY, None)
    bar = st.progress(0.0, _("The statements are being created …"))

    def progress(done: int, many: int) -> None:
        bar.progress(done / many, _("{done} of {many}", done=count(done), many=count(many)))

    files: list[StatementPdf] = []
    failed: list[FailedStatement] = []
    try:
        for each in statements(bridge_client(settings()), viewer.token or "", wanted, chosen, progress):
            if isinstance(each, StatementPdf):
                files.append(each)
            else:
                failed.append(each)
    except BridgeDownError:
        st.warning(_("The bridge does not respond; it creates the statements. Try again once it is running."))
    finally:
        bar.empty()
    if failed:
        lines = [f"{plain(each.unit)}: {plain(each.reason)}" for each in failed[:SHOWN_FAILURES]]
        st.error("  \n".join([_("{number} could not be created:", number=count(len(failed))), *lines]))
    if files:
        st.session_state[READY] = (chosen, len(files), zip_statements(files))


def _show_archive(chosen: date) -> None:
    ready = st.session_state.get(READY)
    if ready is None or ready[0] != chosen:
        return
    many, content = ready[1:]
    save_button(
        _("Save {statements}", statements=ngettext("{number} statement", "{number} statements", many)),
        content,
        f"statements-{chosen:%Y-%m}.zip",
        "application/zip",
        key="save statements",
        icon=":material/folder_zip:",
    )


show()
