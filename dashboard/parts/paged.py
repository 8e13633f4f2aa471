"""A long table, a page at a time, so that no message to the browser grows with the installation."""

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from dashboard.text.formatting import count
from dashboard.text.markup import Cell, table
from dashboard.text.translate import _

PAGE_ROWS: Final = 50


def show_paged[T](
    rows: Sequence[T],
    row: Callable[[T], list[Cell]],
    headers: Sequence[str],
    *,
    key: str,
    caption: str,
    many: int = PAGE_ROWS,
) -> Sequence[T]:
    """Show the page of rows that is asked for, and return it."""
    pages = max(-(-len(rows) // many), 1)
    below = st.container()
    page = st.pagination(pages, key=f"{key} page") if pages > 1 else 1
    first = (page - 1) * many
    shown = rows[first : first + many]
    below.html(table([_(header) for header in headers], [row(one) for one in shown], caption, wide=True))
    if pages > 1:
        span = {"first": count(first + 1), "last": count(first + len(shown)), "all": count(len(rows))}
        st.caption(_("{first} to {last} of {all}", **span))
    return shown
