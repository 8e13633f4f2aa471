"""Words of the pages in the language that the dashboard was started with.

Pages say everything in English through ``say``; a language is a file ``languages/<code>.toml`` with the same
sentences translated. What a file does not have stays English, so a translation can grow.
"""

from functools import lru_cache
from pathlib import Path
import tomllib
from typing import Final

from dashboard.settings import settings

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).with_name("languages")
PSEUDO: Final = "xx"
"""A language of tests: every word that a translator would get stands in brackets."""


def say(text: str, **values: object) -> str:
    """Return a sentence in the reader's language, with its values filled in."""
    language = settings().language
    if language == PSEUDO:
        told = f"⟦{text}⟧"
    else:
        told = text if language == ENGLISH else _sentences(language).get(text, text)
    return told.format(**values) if values else told


def inside(word: str) -> str:
    """Return a word that stands within a sentence: small in English, as it is in languages that differ."""
    return word.lower() if settings().language == ENGLISH else word


def languages() -> tuple[str, ...]:
    """Return the codes of the languages that there are."""
    return (ENGLISH, *sorted(file.stem for file in FOLDER.glob("*.toml")))


@lru_cache(maxsize=8)
def _sentences(language: str) -> dict[str, str]:
    """Return the sentences of a language by their English."""
    if language == ENGLISH or language not in languages():
        return {}
    document = tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {english: told for english, told in document.items() if isinstance(told, str) and told}
