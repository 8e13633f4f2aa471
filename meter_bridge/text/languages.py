"""The languages that every surface speaks: notices, the tenant's page, documents and the dashboard."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ENGLISH: Final = "en"
"""The language of the source: its texts are the keys of every catalogue, so it has none of its own."""
LANGUAGES: Final = (ENGLISH, "af", "de", "es", "fr", "id", "pt", "sw", "zh")
LOCALES: Final[Mapping[str, str]] = MappingProxyType({ENGLISH: "en_GB"})
"""The CLDR locale of a language, where it is not named like it: readers of English are rarely Americans."""


def supported(language: str) -> str:
    """Return a language that there are texts in: the one wanted, or English."""
    return language if language in LANGUAGES else ENGLISH


def locale_of(language: str) -> str:
    """Return the name of the CLDR locale of a language."""
    known = supported(language)
    return LOCALES.get(known, known)
