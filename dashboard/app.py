"""Entry point of the dashboard; ``python -m dashboard`` runs it through Streamlit."""

from pathlib import Path

import streamlit as st

from dashboard.views import about, portfolio, unit

STYLE = Path(__file__).with_name("theme.css")


def main() -> None:
    """Show the page that the URL names."""
    st.set_page_config(page_title="Prepaid electricity", page_icon=":material/bolt:", layout="wide")
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
    pages = [
        st.Page(portfolio.show, title="Portfolio", icon=":material/grid_view:", url_path="portfolio", default=True),
        st.Page(unit.show, title="Unit", icon=":material/meeting_room:", url_path="unit"),
        st.Page(about.show, title="About", icon=":material/info:", url_path="about"),
    ]
    st.navigation(pages, position="top").run()


main()
