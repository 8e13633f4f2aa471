"""Translations, compiled in memory from the ``.po`` file of a language when they are first needed.

English needs no catalogue and no Babel. A text that a catalogue does not have stays English.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
import re
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


def accepted(header: str) -> str:
    """Return the first language of an ``Accept-Language`` header that there are texts in, or English.

    Clients write the languages in the order in which they prefer them (RFC 9110, 12.5.4).
    """
    tags = (part.partition(";")[0].strip().lower() for part in header.split(","))
    wanted = (tag.partition("-")[0] for tag in tags)
    return next((language for language in wanted if language in LANGUAGES), ENGLISH)


def locale_of(language: str) -> str:
    """Return the name of the CLDR locale of a language."""
    known = supported(language)
    return LOCALES.get(known, known)


FOLDER: Final = Path(__file__).with_name("locale")
BRIDGE: Final = "bridge"
"""Notices, alerts and documents."""
PAGE: Final = "page"
"""The tenant's page."""
DASHBOARD: Final = "dashboard"
PSEUDO: Final = "xx"
"""A language of tests: every text that a translator would get stands in brackets."""
_ONE: Final = 1
_MANY: Final = 2


class Translator:
    """The texts of one surface in one language."""

    def __init__(self, language: str, catalogue: NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def gettext(self, text: str, /, **values: object) -> str:
        """Return a text, with its values filled in; to gettext, no text is the catalogue's head."""
        return "" if not text else _filled(self._catalogue.gettext(text), values)

    def pgettext(self, key: str, text: str, /, **values: object) -> str:
        """Return the text of a key, with its values filled in."""
        return _filled(self._catalogue.pgettext(key, text), values)

    def ngettext(self, one: str, many: str, number: int | Decimal, /, **values: object) -> str:
        """Return a text that counts something; ``{number}`` is the number unless given among the values."""
        text = self._catalogue.ngettext(one, many, self._whole(number))
        return _filled(text, {"number": number} | values)

    def plurals(self, key: str, one: str, many: str) -> tuple[str, str]:
        """Return the singular and the plural of a key's text, for where the number is not yet known."""
        lookup = self._catalogue.npgettext
        return lookup(key, one, many, _ONE), lookup(key, one, many, _MANY)

    def _whole(self, number: int | Decimal) -> int:
        """Return a whole number that takes the same plural form."""
        if number == int(number):
            return int(number)
        if self.language not in LANGUAGES or self.language == ENGLISH:
            return _MANY
        from babel import Locale  # noqa: PLC0415 - slow to import, and English needs none of it

        return _ONE if Locale.parse(locale_of(self.language)).plural_form(number) == "one" else _MANY


@cache
def translator(domain: str, language: str) -> Translator:
    """Return the texts of a domain in a language; in English where there is no such language."""
    if language == PSEUDO:
        return Translator(language, _Bracketed())
    if language == ENGLISH or language not in LANGUAGES:
        return Translator(ENGLISH, NullTranslations())
    return Translator(language, _compiled(po_file(domain, language)))


def po_file(domain: str, language: str) -> Path:
    """Return the source of a domain's translations into a language."""
    return FOLDER / language / f"{domain}.po"


def _compiled(path: Path) -> GNUTranslations:
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - as above
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    binary = BytesIO()
    with path.open("rb") as source:
        write_mo(binary, read_po(source))
    binary.seek(0)
    return GNUTranslations(binary)


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format_map(values) if values else text


class _Bracketed(NullTranslations):
    """Marks whatever goes through it."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == _ONE else msgid2)

    def pgettext(self, context: str, message: str) -> str:
        del context
        return self.gettext(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        del context
        return self.ngettext(msgid1, msgid2, n)


CHINESE: Final = "zh"
_CHINESE_FONTS: Final = re.compile(
    r"\b(CJK|Source Han|WenQuanYi|SimSun|SimHei|YaHei|PingFang|Heiti|Songti|FandolSong|Droid Sans Fallback)\b"
)


def printable(language: str) -> str:
    """Return a language that can be printed: the one wanted, or English."""
    known = supported(language)
    return ENGLISH if known == CHINESE and not _has_chinese() else known


@cache
def _has_chinese() -> bool:
    from typst import Fonts  # noqa: PLC0415 - typesetting is seldom needed where this module is

    return any(_CHINESE_FONTS.search(name) for name in Fonts().families())
