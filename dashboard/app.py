"""Entry point of the dashboard; ``python -m dashboard`` runs it through Streamlit."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).with_name("icon.svg")
STYLE = Path(__file__).with_name("theme.css")


def main() -> None:
    """Show the page that the URL names."""
    st.set_page_config(page_title="Prepaid electricity", page_icon=str(ICON), layout="wide")
    st.html(f"<style>{STYLE.read_text(encoding='utf-8')}</style>")
    pages = [
        st.Page(
            "views/portfolio.py",
            title="Portfolio",
            icon=":material/grid_view:",
            url_path="portfolio",
            default=True,
        ),
        st.Page("views/unit.py", title="Unit", icon=":material/meeting_room:", url_path="unit"),
        st.Page("views/about.py", title="About", icon=":material/info:", url_path="about"),
    ]
    st.navigation(pages, position="top").run()


main()
