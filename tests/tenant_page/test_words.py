"""Every language says everything, and nothing that is said is missing."""

import json
import re

import pytest

from meter_bridge.payments.order import OrderState
from meter_bridge.tenant_page.files import FOLDER

LANGUAGES = sorted(each.name.split(".")[1] for each in FOLDER.glob("words.*.json"))
ENGLISH: dict[str, str] = json.loads((FOLDER / "words.en.json").read_text())
SCRIPTS = {each.name: each.read_text() for each in FOLDER.glob("*.js")}


def filled(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_page_offers_the_languages_that_it_has_words_for() -> None:
    offered = re.search(r"LANGUAGES = \{(.*?)\};", SCRIPTS["dom.js"], re.DOTALL)
    assert offered is not None
    assert sorted(re.findall(r"(\w\w):", offered[1])) == LANGUAGES
    assert LANGUAGES == ["af", "de", "en", "es", "fr", "id", "pt", "sw", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything_and_fills_in_the_same(language: str) -> None:
    words: dict[str, str] = json.loads((FOLDER / f"words.{language}.json").read_text())
    assert words.keys() == ENGLISH.keys()
    for key, text in words.items():
        assert text.strip()
        assert filled(text) == filled(ENGLISH[key]), key


def test_whatever_the_page_says_has_words() -> None:
    said = {key for text in SCRIPTS.values() for key in re.findall(r'\bsay\("([\w.]+)"', text)}
    assert len(said) > 50
    assert said <= ENGLISH.keys()
    final = {
        OrderState.REVIEW,
        OrderState.EXPIRED,
        OrderState.CANCELLED,
        OrderState.REFUNDED,
        OrderState.PARTLY_REFUNDED,
        OrderState.CHARGED_BACK,
    }
    for state in final:
        assert {f"paid.{state}", f"paid.{state}.text"} <= ENGLISH.keys()


def test_no_markup_is_ever_made_from_text() -> None:
    for name, text in SCRIPTS.items():
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert forbidden not in text, name
