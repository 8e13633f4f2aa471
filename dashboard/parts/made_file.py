"""A file that the bridge made, kept until the person saves it or asks for another."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from dashboard.text.translate import _


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file with what it is about, such as a unit or a payment."""

    about: str
    name: str
    media: str
    content: bytes


def keep(kind: str, made: MadeFile) -> None:
    """Keep the newest file of a kind for this session."""
    st.session_state[f"{kind} ready"] = made


def hand_over(kind: str, about: str | None) -> None:
    """Offer the file of a kind that was made last, while it is about what is chosen."""
    made = st.session_state.get(f"{kind} ready")
    if not isinstance(made, MadeFile) or made.about != about:
        return
    save_button(_("Save {file}", file=made.name), made.content, made.name, made.media, key=f"save {kind}")


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
