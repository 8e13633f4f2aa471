"""Small pieces of HTML, safe for any text, where Streamlit has no fitting element."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import urlencode

from dashboard.text.labels import Label

_MARKS: Final = frozenset("\\`*_{}[]()<>#+-.!|:$~")


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell of ready markup."""

    html: str
    number: bool = False
    labelled: bool = False
    """A phone shows its column's name above it, as it does with numbers."""


def chip(label: Label, detail: str = "") -> str:
    """Return a state as a word with its icon."""
    text = f"{label.said} {detail}".strip()
    return f'<span class="pm-chip pm-{label.tone}">{icon(label.icon)}{escape(text)}</span>'


def icon(name: str) -> str:
    """Return a Material Symbol; the word beside it carries the meaning."""
    return f'<span class="pm-icon" aria-hidden="true" translate="no">{escape(name)}</span>'


def muted(text: str) -> str:
    """Return a secondary line."""
    return f'<span class="pm-soft">{escape(text)}</span>'


def link(address: str, text: str) -> str:
    """Return a link to a page of this dashboard, relative so that it works behind any base path."""
    return f'<a class="pm-link" href="{escape(address)}" target="_self">{escape(text)}</a>'


def unit_link(unit_id: str, name: str) -> str:
    """Return a link to a unit's page, relative so that it works behind any base path."""
    return f'<a href="unit?{escape(urlencode({"unit": unit_id}))}" target="_self">{escape(name)}</a>'


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str, *, wide: bool = False) -> str:
    """Return a table; a wide one becomes a list of cards on a phone."""
    numbers = [cell.number for cell in rows[0]] if rows else [False] * len(headers)
    head = "".join(_head(text, number) for text, number in zip(headers, numbers, strict=True))
    body = "".join(f"<tr>{_row(headers, row)}</tr>" for row in rows)
    kind = "pm-table pm-wide" if wide else "pm-table"
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<table class="{kind}" aria-label="{escape(caption)}">{inside}</table>'


def _head(text: str, number: bool) -> str:  # noqa: FBT001
    return f'<th scope="col"{" class=pm-number" if number else ""}>{escape(text)}</th>'


def _row(headers: Sequence[str], row: Sequence[Cell]) -> str:
    cells = []
    for place, (header, cell) in enumerate(zip(headers, row, strict=True)):
        label = (
            f' data-label="{escape(header, quote=True)}"' if place and (cell.number or cell.labelled) else ""
        )
        cells.append(f"<td{' class=pm-number' if cell.number else ''}{label}>{cell.html}</td>")
    return "".join(cells)


def sparkline(values: Sequence[float], title: str) -> str:
    """Return small bars of the last days, with what they say as their title; nothing for fewer than two."""
    if len(values) < 2 or max(values) <= 0:  # noqa: PLR2004 - a line has two ends
        return ""
    top = max(values)
    bars = "".join(f'<i style="height:{max(value, 0) * 100 / top:.0f}%"></i>' for value in values)
    title_text = escape(title, quote=True)
    return f'<span class="pm-spark" role="img" aria-label="{title_text}" title="{title_text}">{bars}</span>'


def page_title(name: str, detail: str, chips: str = "") -> str:
    """Return a page's heading with a secondary line."""
    heading = f"<h1>{escape(name)}</h1>{chips}{muted(detail) if detail else ''}"
    return f'<div class="pm-page-title">{heading}</div>'


def plain(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in _MARKS else letter for letter in text)
