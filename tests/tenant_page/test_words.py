"""Every language says everything, and nothing that is said is missing."""

import json
import re

import pytest

from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import PaymentState
from meter_bridge.tenant_page.files import FOLDER, PageFiles
from meter_bridge.tenant_page.page_texts import code_label
from meter_bridge.text.catalogue import LANGUAGES

ENGLISH: dict[str, str | list[str]] = json.loads(code_label("en"))
SCRIPTS = {each.name: each.read_text() for each in FOLDER.glob("*.js")}


def test_the_page_offers_the_languages_that_it_has_words_for() -> None:
    offered = re.search(r"LANGUAGES = \{(.*?)\};", SCRIPTS["dom.js"], re.DOTALL)
    assert offered is not None
    assert sorted(re.findall(r"(\w\w):", offered[1])) == sorted(LANGUAGES)
    assert sorted(LANGUAGES) == ["af", "de", "en", "es", "fr", "id", "pt", "sw", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_says_everything(language: str) -> None:
    texts: dict[str, str | list[str]] = json.loads(code_label(language))
    assert texts.keys() == ENGLISH.keys()
    assert {key for key, text in texts.items() if isinstance(text, list)} == {
        "lasts.hours",
        "lasts.days",
        "error.too_many_requests",
    }
    assert all(
        text.strip() for each in texts.values() for text in ([each] if isinstance(each, str) else each)
    )
    assert json.loads(PageFiles().find(f"words.{language}.json").content) == texts


def test_whatever_the_page_says_has_words() -> None:
    said = {key for text in SCRIPTS.values() for key in re.findall(r'\bsay\("([\w.]+)"', text)}
    assert len(said) > 50
    assert said <= ENGLISH.keys()
    final = {
        PaymentState.REVIEW,
        PaymentState.EXPIRED,
        PaymentState.CANCELLED,
        PaymentState.REFUNDED,
        PaymentState.PARTLY_REFUNDED,
        PaymentState.CHARGED_BACK,
    }
    for state in final:
        assert {f"paid.{state}", f"paid.{state}.text"} <= ENGLISH.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", ErrorCode)
def test_every_refusal_is_a_sentence_of_the_language_and_never_the_bridges_own(
    code: ErrorCode, language: str
) -> None:
    """``Refusal.text`` looks a code up, and takes ``error.other`` where there is none."""
    texts: dict[str, str | list[str]] = json.loads(code_label(language))
    found = texts.get(f"error.{code}", texts["error.other"])
    for text in [found] if isinstance(found, str) else found:
        assert re.search(r"[.\u3002]$", text), text
        assert not re.search(r"\w_\w", text), text
        assert (text in ENGLISH.values()) == (language == "en") or isinstance(found, list)
    said = [line for script in SCRIPTS.values() for line in script.splitlines() if ".message" in line]
    assert [line.strip() for line in said] == ['super(problem.message || "");']


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
