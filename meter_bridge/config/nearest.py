"""The nearest known word, for messages about a misspelt one."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Final

MAX_LISTED: Final = 20
_SIMILAR: Final = 0.6


def nearest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that was probably meant; case, dashes and underscores do not count."""
    plain = {_plain(candidate): candidate for candidate in known}
    matches = get_close_matches(_plain(word[:80]), plain, n=1, cutoff=_SIMILAR)
    return plain[matches[0]] if matches else None


def suggest(word: str, known: Collection[str], otherwise: str = "") -> str:
    """Return the remedy for an unknown word: the nearest known one, or else ``otherwise`` or all of them."""
    probable = nearest(word, known)
    if probable is not None:
        return f"did you mean {probable!r}?"
    listed = ", ".join(sorted(known)[:MAX_LISTED])
    return otherwise or (f"write one of {listed}" if listed else "there are none yet; add one first")


def _plain(word: str) -> str:
    return word.lower().replace("_", " ").replace("-", " ")
