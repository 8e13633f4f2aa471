"""A file that the bridge made, kept until the person saves it or asks for another."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard.text.translate import _


@dataclass(frozen=True, slots=True)
class DownloadFile:
    """A file with what it is about, such as a unit or a payment."""

    subject: str
    name: str
    media: str
    content: bytes


def store_file(kind: str, file: DownloadFile) -> None:
    """Keep the newest file of a kind for this session."""
    st.session_state[f"{kind} ready"] = file


def show_download(kind: str, subject: str | None) -> None:
    """Offer the file of a kind that was made last, while it is about what is chosen."""
    file = st.session_state.get(f"{kind} ready")
    if not isinstance(file, DownloadFile) or file.subject != subject:
        return
    save_button(_("Save {file}", file=file.name), file.content, file.name, file.media, key=f"save {kind}")


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
