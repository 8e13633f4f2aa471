"""The texts of the pages in the language that the dashboard was started with, by gettext's usual names."""

from decimal import Decimal

from dashboard.settings import settings
from meter_bridge.text.catalogue import DASHBOARD, Translator, translator
from meter_bridge.text.formats import Formats, formats
from meter_bridge.text.languages import ENGLISH


def words() -> Translator:
    """Return the texts of the reader's language."""
    return translator(DASHBOARD, settings().language)


def figures() -> Formats:
    """Return how figures are written: numbers as the site writes them, dates as the language does."""
    chosen = settings()
    return formats(chosen.language, chosen.numbers)


def _(text: str, /, **values: object) -> str:
    """Return a text in the reader's language, with its values filled in."""
    return words().gettext(text, **values)


def ngettext(one: str, many: str, number: int | Decimal, /, **values: object) -> str:
    """Return a text that counts something; ``{number}`` is the number as it is written."""
    shown = figures().whole(number) if isinstance(number, int) else figures().number(number)
    return words().ngettext(one, many, number, **{"number": shown} | values)


def inside(word: str) -> str:
    """Return a word that stands within a sentence: small in English, as it is in languages that differ."""
    return word.lower() if settings().language == ENGLISH else word
