"""The pages and who gets which; ``dashboard/serve.py`` serves it, ``python -m dashboard`` starts that."""

from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard.access import Viewer
from dashboard.actions.dialog import show_open_action
from dashboard.signin.current import current_viewer
from dashboard.text.translate import _
from meter_bridge.protocol.messages import Role
from meter_bridge.text.marks import N_

ICON: Final = Path(__file__).with_name("icon.svg")
STYLE: Final = Path(__file__).with_name("theme.css")
STAFF: Final = (
    ("today", N_("Today"), "sunny"),
    ("units", N_("Units"), "apartment"),
    ("unit", N_("Unit"), "meeting_room"),
    ("tariffs", N_("Tariffs"), "price_change"),
    ("top-ups", N_("Top-ups"), "payments"),
    ("debt", N_("Debt"), "account_balance"),
    ("energy-balance", N_("Energy"), "balance"),
    ("alerts", N_("Alerts"), "notifications"),
    ("reports", N_("Reports"), "description"),
    ("system", N_("System"), "dns"),
)
"""Address, name and icon of each page; its file is its address with underscores."""
MONEY: Final = frozenset({"top-ups", "debt", "reports"})
"""Pages about what was paid and owed: for the landlord alone, as the bridge's ledger routes have it."""


def pages_of(viewer: Viewer | None) -> list[StreamlitPage]:
    """Return the pages of a person, the first page first."""
    if viewer is None:
        stranger = st.Page("views/sign_in.py", title=_("Sign in"), icon=":material/lock:", default=True)
        return [stranger, st.Page("views/single_sign_on.py", title=_("Sign in"), url_path="single-sign-on")]
    if viewer.role is Role.TENANT:
        return [
            st.Page("views/home.py", title=_("My electricity"), icon=":material/bolt:", default=True),
            st.Page("views/unit.py", title=_("History"), icon=":material/history:", url_path="unit"),
        ]
    return [
        st.Page(
            f"views/{address.replace('-', '_')}.py",
            title=_(title),
            icon=f":material/{icon}:",
            url_path=address,
            default=address == "today",
        )
        for address, title, icon in STAFF
        if viewer.sees_money or address not in MONEY
    ]


def main() -> None:
    """Show the page that the URL names."""
    st.set_page_config(page_title=_("Prepaid electricity"), page_icon=str(ICON), layout="wide")
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
    viewer = current_viewer()
    st.navigation(pages_of(viewer), position="hidden" if viewer is None else "top").run()
    if viewer is not None:
        show_open_action(viewer)
        _foot(viewer)


def _foot(viewer: Viewer) -> None:
    with st.container(key="foot", horizontal=True, vertical_alignment="center"):
        who = _("Signed in as {name}", name=viewer.name) if viewer.token else _(viewer.name)
        st.caption(who, width="content")
        if viewer.token:
            button = f'<button class="pm-quiet">{_("Sign out")}</button>'
            st.html(f'<form method="post" action="sign-out">{button}</form>')


main()
