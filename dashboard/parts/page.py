"""What pages share: viewer and data, what to do where there are none, boxes, choices and long tables."""

from collections.abc import Callable, Sequence
from dataclasses import replace
import time
from typing import Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.access import Viewer
from dashboard.charts.template import DARK, LIGHT, Chart, Palette
from dashboard.data.cache import data_dir, warehouse
from dashboard.data.snapshot import NoDatabaseError, SnapshotError
from dashboard.data.snapshot_sql import PORTFOLIO, Scope
from dashboard.data.warehouse import Warehouse
from dashboard.queries.alerts import Alert
from dashboard.queries.units import UnitName, unit_names
from dashboard.signin.current import current_viewer
from dashboard.signin.routes import SIGN_IN
from dashboard.text.formatting import ago, count, moment
from dashboard.text.labels import alert_label, alert_message
from dashboard.text.markup import Cell, page_title, plain, table
from dashboard.text.translate import _
from meter_bridge.protocol.messages import Role
from meter_bridge.text.marks import N_

REFRESH_SECONDS: Final = 30
STALE_MS: Final = 5 * 60_000
RUN: Final = N_(
    "Start the bridge with its data in this folder: `meter-bridge run`. "
    "To show another folder, start this dashboard with `python -m dashboard --data DIR`."
)
CHECK: Final = N_(
    "Make sure that the bridge and this dashboard are of the same version and that this user may read the "
    "folder. `meter-bridge verify` checks the database."
)
NO_UNITS: Final = N_(
    "Describe your sites, units and meters in a site file and apply it: `meter-bridge apply site.yaml`."
    " Meters that the bridge has found are listed by `meter-bridge meters`."
)

type Body = Callable[[Warehouse, Viewer], None]


def show_page(body: Body, scope: Scope | Callable[[], Scope] = PORTFOLIO) -> None:
    """Show a page over the newest data, and again every half minute.

    A scope that depends on what is chosen on the page is worked out at every run.
    """
    st.fragment(_show_body, run_every=REFRESH_SECONDS)(body, scope)


def _show_body(body: Body, scope: Scope | Callable[[], Scope]) -> None:
    viewer = current_viewer()
    if viewer is None:
        show_signed_out()
        return
    requested = _permitted_scope(scope() if callable(scope) else scope, viewer)
    if requested is None:
        show_no_such_unit()
        return
    try:
        with st.spinner(_("Reading the bridge's data …"), show_time=False):
            opened = warehouse(data_dir(), requested)
    except NoDatabaseError as problem:
        show_next_step(_("No bridge has run here yet"), str(problem), _(RUN))
    except SnapshotError as problem:
        show_next_step(_("The bridge's data cannot be read"), str(problem), _(CHECK))
    else:
        body(opened, viewer)


def _permitted_scope(scope: Scope, viewer: Viewer) -> Scope | None:
    """Return what may be opened: a tenant opens only the own unit, and its present tenancy."""
    if viewer.role is not Role.TENANT:
        return scope
    return replace(scope, own=True) if scope.kind == "unit" and scope.account_id in viewer.accounts else None


def show_signed_out() -> None:
    """Say that the person is not, or no longer, signed in."""
    with card(f":material/lock: {_('Please sign in')}"):
        st.write(_("Your sign-in has ended, or your token was revoked."))
        st.html(f'<a class="pm-link" href="{SIGN_IN}" target="_self">{_("Sign in")}</a>')


def show_no_such_unit() -> None:
    """Say that there is no such unit; one that the viewer may not see looks the same."""
    with card(f":material/search_off: {_('No such unit')}"):
        st.write(_("The unit in this address does not exist, was closed, or is not visible to you."))
        st.html(f'<a class="pm-link" href="./" target="_self">{_("To the first page")}</a>')


def show_next_step(title: str, problem: str, remedy: str, icon: str = "database_off") -> None:
    """Say what is missing and what to do."""
    with card(f":material/{icon}: {title}"):
        if problem:
            st.write(problem)
        st.markdown(remedy)


def show_no_units() -> None:
    """Say how the first unit is added."""
    show_next_step(_("No units yet"), "", _(NO_UNITS), "add_home")


def show_head(opened: Warehouse, viewer: Viewer, title: str, detail: str) -> Sequence[UnitName]:
    """Show a page's heading and how old its data is, and return the viewer's units.

    Where there are none, say how the first one is added.
    """
    known = opened.cached(unit_names, viewer)
    st.html(page_title(title, detail))
    if known:
        show_staleness(opened, known[0].time_zone)
    else:
        show_no_units()
    return known


def show_staleness(opened: Warehouse, time_zone: str) -> None:
    """Say how old the data is when the bridge has fallen silent."""
    now = int(time.time() * 1000)
    if opened.as_of is None or now - opened.as_of <= STALE_MS:
        return
    known = f"{moment(opened.as_of, time_zone)} ({ago(opened.as_of, now)})"
    text = _("**The bridge is not running.** Last known data of {instant}.", instant=known)
    st.warning(text, icon=":material/sync_disabled:")


def card(title: str, column: DeltaGenerator | None = None) -> DeltaGenerator:
    """Return a bordered box under a heading; in a column as tall as the boxes beside it."""
    box = st.container(border=True) if column is None else column.container(border=True, height="stretch")
    box.subheader(title, anchor=False)
    return box


def heading_row(title: str) -> DeltaGenerator:
    """Return a row that begins with a heading and ends with what is put into it."""
    row = st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center")
    row.subheader(title, anchor=False, width="content")
    return row


def choose_segment[T](
    label: str, options: Sequence[T], default: T, key: str, name: Callable[[T], str] | None = None
) -> T:
    """Let the person choose one of a few options; ``label`` is for those who do not see it."""
    return st.segmented_control(
        label,
        options,
        default=default,
        required=True,
        format_func=name or (lambda option: _(str(option))),
        key=key,
        label_visibility="collapsed",
    )


def search_box(
    placeholder: str,
    key: str,
    column: DeltaGenerator | None = None,
    *,
    bind: Literal["query-params"] | None = None,
    max_chars: int | None = None,
) -> str:
    """Return what the person searches for."""
    box = st.text_input if column is None else column.text_input
    text = box(_("Search"), placeholder=placeholder, key=key, bind=bind, type="search", max_chars=max_chars)
    return text or ""


def show_alerts(alerts: Sequence[Alert]) -> None:
    """Show what is wrong with a site or the bridge itself."""
    for alert in alerts:
        word = alert_label(alert.kind)
        st.error(
            f"**{word.said}.** {plain(alert_message(alert.kind, alert.facts))}",
            icon=f":material/{word.icon}:",
        )


def palette() -> Palette:
    """Return the colours of the viewer's mode."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def draw(chart: Chart, key: str) -> None:
    """Show a chart with the sentence that says what is on it."""
    st.caption(chart.summary)
    st.plotly_chart(
        chart.figure,
        theme=None,
        config={"displayModeBar": False, "displaylogo": False},
        key=key,
        alt=chart.summary,
    )


PAGE_ROWS: Final = 50


def show_paged[T](
    rows: Sequence[T],
    row: Callable[[T], list[Cell]],
    headers: Sequence[str],
    *,
    key: str,
    caption: str,
    many: int = PAGE_ROWS,
    none: str = "",
) -> Sequence[T]:
    """Show the page of a table that is asked for, and return its rows; without any, show ``none``."""
    if none and not rows:
        st.caption(none)
        return rows

    def markup(shown: Sequence[T]) -> str:
        return table([_(header) for header in headers], [row(one) for one in shown], caption, wide=True)

    return show_part(
        len(rows), lambda first, many: rows[first : first + many], markup, key=f"{key} page", many=many
    )


def show_part[T](
    total: int,
    part: Callable[[int, int], Sequence[T]],
    markup: Callable[[Sequence[T]], str],
    *,
    key: str,
    many: int = PAGE_ROWS,
    all_text: str = "",
) -> Sequence[T]:
    """Show a page of something long, so that no message to the browser grows with the installation.

    ``part`` returns the rows from a place on, at most so many; ``all_text`` says how many there are.
    """
    pages = max(-(-total // many), 1)
    below = st.container()
    page = st.pagination(pages, key=key) if pages > 1 else 1
    first = (page - 1) * many
    shown = part(first, many)
    below.html(markup(shown))
    if pages > 1:
        span = {"first": count(first + 1), "last": count(first + len(shown))}
        st.caption(_("{first} to {last} of {all}", **span, all=all_text or count(total)))
    return shown
