"""Every language says everything that the source says; scripts/translations mends most of what is wrong."""

from gettext import c2py
import re
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog, Message
import pytest

from meter_bridge.text.catalogue import BRIDGE, FOLDER, LANGUAGES, locale_of, translator
from scripts.lib import translations
from scripts.lib.translations import DOMAINS, TRANSLATED, texts_of

EVERY: Final = [(domain, language) for domain in DOMAINS for language in TRANSLATED]


def key_of(message: Message) -> tuple[str | None, str, str]:
    one, many = (message.id, "") if isinstance(message.id, str) else message.id
    return message.context, one, many


def places(text: str) -> list[str]:
    return sorted(set(re.findall(r"{\w*}", text)))


@pytest.fixture(scope="module")
def source() -> dict[str, Catalog]:
    return {domain: translations.extracted(domain) for domain in DOMAINS}


@pytest.mark.parametrize("domain, language", EVERY)
def test_a_catalogue_has_every_text_of_the_source_and_no_other(
    source: dict[str, Catalog], domain: str, language: str
) -> None:
    known = {key_of(message): message for message in translations.stored(domain, language) if message.id}
    wanted = {key_of(message) for message in source[domain] if message.id}
    assert wanted - known.keys() == set(), "run scripts/translations"
    assert known.keys() - wanted == set(), "said nowhere any more: run scripts/translations"
    assert [key for key, message in known.items() if not all(texts_of(message))] == []
    assert [key for key, message in known.items() if message.fuzzy] == []


@pytest.mark.parametrize("domain, language", EVERY)
def test_a_translation_fills_in_the_same_values(domain: str, language: str) -> None:
    for message in translations.stored(domain, language):
        if not message.id:
            continue
        english = message.id if isinstance(message.id, str) else message.id[1]
        for text in texts_of(message):
            assert places(text) == places(english), message.id
            assert text.count("`") == english.count("`"), "commands stay as they are"
            assert (text[:1].isspace(), text[-1:].isspace()) == (
                english[:1].isspace(),
                english[-1:].isspace(),
            )


@pytest.mark.parametrize("domain, language", EVERY)
def test_plural_forms_are_those_of_the_language(domain: str, language: str) -> None:
    catalog = translations.stored(domain, language)
    plural, rule = c2py(catalog.plural_expr), Locale.parse(locale_of(language)).plural_form
    for number in range(1, 1000):
        assert (plural(number) == 0) == (rule(number) == "one" or catalog.num_plurals == 1), number
    assert all(len(texts_of(message)) == catalog.num_plurals for message in catalog if message.pluralizable)


def test_there_is_a_folder_for_every_language_and_no_other() -> None:
    assert sorted(folder.name for folder in FOLDER.iterdir()) == sorted(TRANSLATED)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_is_found_in_its_language(language: str) -> None:
    words = translator(BRIDGE, language)
    assert (words.gettext("Receipt") == "Receipt") == (language == "en")
    assert words.gettext("") == ""
    assert words.gettext("no such text {n}", n=1) == "no such text 1"


def test_what_no_catalogue_is_of_is_english() -> None:
    assert translator(BRIDGE, "xy").gettext("Receipt") == "Receipt"
    assert translator(BRIDGE, "").language == "en"
