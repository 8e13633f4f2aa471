"""Errors are shown in the user's language: no translation contains words of the bridge, which are English."""

import json
import logging
from pathlib import Path
import re
from typing import Final

from homeassistant.exceptions import HomeAssistantError
import pytest

import custom_components.prepaid_meter as integration
from custom_components.prepaid_meter.client import errors
from custom_components.prepaid_meter.client.protocol import ErrorCode, Problem
from custom_components.prepaid_meter.helpers import translated_errors

FOLDER: Final = Path(integration.__file__).parent
WORDS: Final = "Words of the bridge."


def every_error() -> list[errors.PrepaidMeterError]:
    """Return every error of the client, and a refusal with every code."""
    refusals: list[errors.PrepaidMeterError] = [
        errors.refusal(Problem(code=code, message=WORDS, field="amount", remedy=WORDS)) for code in ErrorCode
    ]
    kinds = [kind for _, kind in sorted(vars(errors).items()) if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.PrepaidMeterError)]
    others = [kind(WORDS) for kind in ours if not issubclass(kind, errors.RequestRefusedError)]
    return refusals + others


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_no_placeholder_of_an_error_carries_english(
    error: errors.PrepaidMeterError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(HomeAssistantError) as shown, translated_errors():
        raise error
    assert shown.value.translation_placeholders is None
    for language in FOLDER.glob("translations/*.json"):
        texts = json.loads(language.read_text(encoding="utf-8"))["exceptions"]
        assert "{" not in texts[shown.value.translation_key]["message"]
    assert str(error) in caplog.text


def sentences(language: str) -> dict[str, str]:
    texts = json.loads((FOLDER / "translations" / f"{language}.json").read_text(encoding="utf-8"))
    return {key: value["message"] for key, value in texts["exceptions"].items()}


@pytest.mark.parametrize("language", sorted(path.stem for path in FOLDER.glob("translations/*.json")))
@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_a_sentence_in_every_language(code: ErrorCode, language: str) -> None:
    refused = errors.refusal(Problem(code=code, message=WORDS, field="amount", remedy=WORDS))
    with pytest.raises(HomeAssistantError) as shown, translated_errors():
        raise refused
    key = shown.value.translation_key
    assert key is not None
    text = sentences(language)[key]
    assert re.fullmatch(r"[A-ZÀ-Ý’].*\s.*\.", text), text
    assert not re.search(r"\w_\w|(?<!\w)'|Error\b", text), text
    assert language == "en" or text != sentences("en")[key]


def test_no_other_text_shows_words_of_the_bridge() -> None:
    """Only values that have no language, such as names, amounts and versions, are put into a translation."""
    english = json.loads((FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))
    texts = json.dumps([english[kind] for kind in ("config", "exceptions", "issues")])
    assert set(re.findall(r"\{(\w+)\}", texts)) == {
        *("account", "charged", "host", "meter", "name", "register", "version"),
    }
