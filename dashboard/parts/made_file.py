"""A file that the bridge made, kept until the person saves it or asks for another."""

from dataclasses import dataclass

import streamlit as st

from dashboard.language import say


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
    st.download_button(
        say("Save {file}", file=made.name),
        data=made.content,
        file_name=made.name,
        mime=made.media,
        type="primary",
        icon=":material/download:",
        on_click="ignore",
        key=f"save {kind}",
    )
