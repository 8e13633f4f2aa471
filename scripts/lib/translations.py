"""Bring the catalogues up to date with the texts of the source: scripts/translations."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
import sys
from types import MappingProxyType
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import read_po, write_po

from meter_bridge.text.catalogue import BRIDGE, DASHBOARD, ENGLISH, LANGUAGES, PAGE, po_file

ROOT: Final = Path(__file__).parents[2]
DOMAINS: Final = (BRIDGE, PAGE, DASHBOARD)
PAGE_TEXTS: Final = "page_texts.py"
"""The file of the page's texts, which the browser gets and nothing else."""
TRANSLATED: Final = tuple(language for language in LANGUAGES if language != ENGLISH)
WIDTH: Final = 120
PLURAL_FORMS: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("id", "zh"), "nplurals=1; plural=0;")
    | dict.fromkeys(("fr", "pt"), "nplurals=2; plural=(n > 1);")
    | dict.fromkeys(("af", "de", "es", "sw"), "nplurals=2; plural=(n != 1);")
)
"""Plural forms of each language, as CLDR has them for whole numbers below a million."""
_HEADER: Final = r"""msgid ""
msgstr ""
"Language: {language}\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
"Plural-Forms: {forms}\n"

"""
"""No dates and no names of tools: a catalogue changes only where a text does."""


def sources(domain: str) -> list[Path]:
    """Return the files whose texts belong to a domain."""
    files = sorted((ROOT / ("dashboard" if domain == DASHBOARD else "meter_bridge")).rglob("*.py"))
    return [file for file in files if domain == DASHBOARD or (file.name == PAGE_TEXTS) == (domain == PAGE)]


def extracted(domain: str) -> Catalog:
    """Return the texts in the source of a domain."""
    texts = Catalog(charset="utf-8", fuzzy=False)
    for file in sources(domain):
        place = (file.relative_to(ROOT).as_posix(), 0)
        for _, text, comments, context in extract_from_file(
            "python", file, keywords=DEFAULT_KEYWORDS, comment_tags=("Translators:",)
        ):
            texts.add(text, locations=[place], auto_comments=comments, context=context)
    return texts


def stored(domain: str, language: str) -> Catalog:
    """Return a catalogue as stored, or an empty one."""
    path = po_file(domain, language)
    return read_po(BytesIO(path.read_bytes() if path.exists() else _header(language)))


def update(domain: str, language: str) -> int:
    """Update a catalogue from the source, keeping translations; return how many are missing."""
    old, new, missing = stored(domain, language), read_po(BytesIO(_header(language))), 0
    for message in extracted(domain):
        if message.id:
            text = _translation(old, message) or ("",) * new.num_plurals
            places = sorted(set(message.locations))
            string = text if message.pluralizable else text[0]
            new.add(message.id, string, places, auto_comments=message.auto_comments, context=message.context)
            missing += not all(text)
    write(domain, language, new)
    return missing


def write(domain: str, language: str, catalog: Catalog) -> None:
    """Store a catalogue."""
    out = BytesIO(_header(language))
    out.seek(0, 2)
    write_po(out, catalog, width=WIDTH, omit_header=True, include_lineno=False)
    path = po_file(domain, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.getvalue())


def texts_of(message: Message) -> tuple[str, ...]:
    """Return the translation of a message, a text for each plural form where it counts something."""
    texts = message.string or ""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def _translation(catalog: Catalog, message: Message) -> tuple[str, ...]:
    known = catalog.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
    return texts_of(known) if known is not None and known.pluralizable == message.pluralizable else ()


def _header(language: str) -> bytes:
    return _HEADER.format(language=language, forms=PLURAL_FORMS[language]).encode()


def main() -> int:
    """Update every catalogue and print what is left to translate."""
    total = 0
    for domain in DOMAINS:
        for language in TRANSLATED:
            missing = update(domain, language)
            total += missing
            if missing:
                print(f"{po_file(domain, language).relative_to(ROOT)}: {missing} texts to translate")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
