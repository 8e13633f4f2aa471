"""The texts of the pages in the language that the dashboard was started with, by gettext's usual names."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Final

from dashboard.settings import settings
from meter_bridge.text.catalogue import DASHBOARD, ENGLISH, Translator, printable, supported, translator
from meter_bridge.text.formats import Formats, formats

_PAPER: Final[ContextVar[str | None]] = ContextVar("language of the paper that is being made", default=None)


@contextmanager
def on_paper() -> Iterator[None]:
    """Speak a language that can be printed, until a paper is made."""
    before = _PAPER.set(printable(language()))
    try:
        yield
    finally:
        _PAPER.reset(before)


def language() -> str:
    """Return the language that is spoken now."""
    return _PAPER.get() or settings().language


def words() -> Translator:
    """Return the texts of that language."""
    return translator(DASHBOARD, language())


def figures() -> Formats:
    """Return how figures are written: numbers as the site writes them, dates as the language does."""
    chosen = settings()
    return formats(_PAPER.get() or chosen.language, chosen.numbers)


def _(text: str, /, **values: object) -> str:
    """Return a text in the reader's language, with its values filled in."""
    return words().gettext(text, **values)


def ngettext(one: str, many: str, number: int | Decimal, /, **values: object) -> str:
    """Return a text that counts something; ``{number}`` is the number as it is written."""
    written = figures()
    shown = written.whole(number) if isinstance(number, int) else written.number(number)
    return words().ngettext(one, many, number, **{"number": shown} | values)


def inside(word: str) -> str:
    """Return a word that stands within a sentence: small in English, as it is in languages that differ."""
    return word.lower() if supported(language()) == ENGLISH else word
