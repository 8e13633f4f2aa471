"""One thing that a person is about to ask of the bridge, from the button to the answer."""

from dataclasses import dataclass, field
from typing import Final
import uuid

import streamlit as st

SESSION_KEY: Final = "action"


@dataclass(slots=True)
class Action:
    """An open dialog: what it is about, what was filled in, and what came of it."""

    kind: str
    target_id: str
    """Id of the account, meter or alert."""
    name: str
    """What the person calls it."""
    currency: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Idempotency key of this dialog: pressing twice, or again after a lost answer, books once."""
    inputs: dict[str, str] | None = None
    """What is asked for, once the form is complete."""
    result_lines: list[str] = field(default_factory=list)
    """What came of it, once the bridge answered."""


def begin(action: Action) -> None:
    """Open a dialog; the whole page runs again, so that refreshing the page's data leaves it open."""
    st.session_state[SESSION_KEY] = action
    st.rerun()


def open_action() -> Action | None:
    """Return the open dialog's action."""
    found = st.session_state.get(SESSION_KEY)
    return found if isinstance(found, Action) else None


def close() -> None:
    """Forget the dialog."""
    st.session_state.pop(SESSION_KEY, None)
