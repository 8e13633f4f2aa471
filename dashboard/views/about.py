"""What this dashboard shows, and where its data comes from."""

import streamlit as st

from dashboard.access import Viewer
from dashboard.data import data_dir
from dashboard.figures import moment
from dashboard.markup import page_title
from dashboard.parts.page import show_page
from dashboard.queries.units import units
from dashboard.warehouse import Warehouse

_TEXT = """
Every figure comes from the bridge's ledger: posted balances, what was used since, and the segments of at most
15 minutes that each charge consists of. This page never changes anything and never makes the bridge wait.

- **Balance** is the posted balance less what was used since the last posting.
- **Days left** is an estimate from the cost of the last 28 full days, the newest counting most. It stays
  *not yet known* until there are two full days.
- **7 days** are the last 168 hours, compared with the 168 before.
- Times are those of the site, amounts in its currency.

There is no sign-in yet: the dashboard listens on this machine only.
"""


def show() -> None:
    """Show the page."""
    st.html(page_title("About", "what is shown and where it comes from"))
    st.container(width=720).markdown(_TEXT)
    show_page(_data)


def _data(opened: Warehouse, viewer: Viewer) -> None:
    """Name the data that is shown."""
    shown = units(opened, viewer)
    zone = shown[0].time_zone if shown else "UTC"
    newest = "no data yet" if opened.as_of is None else f"{moment(opened.as_of, zone)} ({zone})"
    st.caption(f"Folder `{data_dir()}` · newest data {newest} · units shown {len(shown):,}")


show()
