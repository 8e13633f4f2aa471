"""What every page does first: open the data, or say why there is none and what to do next."""

from collections.abc import Callable
import time
from typing import Final

import streamlit as st

from dashboard.access import Viewer, current_viewer
from dashboard.charts.template import DARK, LIGHT, Chart, Ink
from dashboard.data import data_dir, warehouse
from dashboard.figures import ago, moment
from dashboard.source import NoDatabaseError, SourceError
from dashboard.warehouse import Warehouse

REFRESH_SECONDS: Final = 30
STALE_MS: Final = 5 * 60_000

type Body = Callable[[Warehouse, Viewer], None]


def show_page(body: Body, account_id: str | None = None) -> None:
    """Show a page over the newest data, and again every half minute."""
    st.fragment(_shown, run_every=REFRESH_SECONDS)(body, account_id)


def _shown(body: Body, account_id: str | None) -> None:
    """Open the data and show a page over it."""
    try:
        opened = warehouse(data_dir(), account_id)
    except NoDatabaseError as problem:
        _next_step("No bridge has run here yet", str(problem), _RUN)
    except SourceError as problem:
        _next_step("The bridge's data cannot be read", str(problem), _CHECK)
    else:
        body(opened, current_viewer())


_RUN: Final = (
    "Start the bridge with its data in this folder: `meter-bridge run`. "
    "To show another folder, start this dashboard with `python -m dashboard --data DIR`."
)
_CHECK: Final = (
    "Make sure that the bridge and this dashboard are of the same version and that this user may read the "
    "folder. `meter-bridge verify` checks the database."
)
NO_UNITS: Final = (
    "Describe your sites, units and meters in a site file and apply it: `meter-bridge apply site.yaml`. "
    "Meters that the bridge has already heard are listed by its API."
)


def _next_step(title: str, problem: str, remedy: str) -> None:
    """Say what is missing and what to do."""
    with st.container(border=True):
        st.subheader(f":material/database_off: {title}", anchor=False)
        st.write(problem)
        st.markdown(remedy)


def no_units() -> None:
    """Say how the first unit is added."""
    with st.container(border=True):
        st.subheader(":material/add_home: No units yet", anchor=False)
        st.markdown(NO_UNITS)


def freshness(opened: Warehouse, time_zone: str) -> None:
    """Say how old the data is when the bridge has fallen silent."""
    now = int(time.time() * 1000)
    if opened.as_of is None or now - opened.as_of <= STALE_MS:
        return
    known = f"{moment(opened.as_of, time_zone)} ({ago(opened.as_of, now)})"
    st.warning(f"**The bridge is not running.** Last known data of {known}.", icon=":material/sync_disabled:")


def ink() -> Ink:
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
