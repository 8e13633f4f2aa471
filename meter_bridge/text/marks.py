"""Marks for texts that are translated later than they are written: in constants and tables.

``pybabel extract`` finds them by these names, which are those of gettext.
"""

from typing import NamedTuple


class Keyed(NamedTuple):
    """A text under a key, and its plural where it counts something."""

    key: str
    text: str
    plural: str | None = None


def N_(text: str, /) -> str:  # noqa: N802 - the name by which gettext's tools know it
    """Return the text itself."""
    return text


class Counted(NamedTuple):
    """A text that counts something, in singular and plural."""

    one: str
    many: str


def ngettext(one: str, many: str, /) -> Counted:
    """Return a text that counts something."""
    return Counted(one, many)


def pgettext(key: str, text: str, /) -> Keyed:
    """Return a text under a key."""
    return Keyed(key, text)


def npgettext(key: str, one: str, many: str, /) -> Keyed:
    """Return a text that counts something, under a key."""
    return Keyed(key, one, many)
