"""The buttons that hand a table over as a file, written only when one is pressed."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from dashboard.exports.sheet import MEDIA, Sheet, render


def show_downloads(name: str, make: Callable[[], Sheet], label: str) -> None:
    """Offer a table as CSV, XLSX and Parquet."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"files {name}"):
        st.caption(label, width="content")
        for form, media in MEDIA.items():
            st.download_button(
                form.upper() if form != "parquet" else "Parquet",
                data=partial(_file_content, make, form),
                file_name=f"{name}.{form}",
                mime=media,
                key=f"{name} as {form}",
                on_click="ignore",
                type="tertiary",
                icon=":material/download:",
            )


def _file_content(make: Callable[[], Sheet], form: str) -> bytes:
    return render(make(), form)
