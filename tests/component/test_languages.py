"""Every language has all texts of English, with the same placeholders."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.generated.languages import LANGUAGES
from homeassistant.helpers.translation import async_get_translations
import pytest

import custom_components.prepaid_meter as integration
from custom_components.prepaid_meter.const import DOMAIN

FOLDER = Path(integration.__file__).parent
TRANSLATIONS, LOCALES = FOLDER / "translations", FOLDER / "frontend" / "locales"
OTHERS = sorted(path.stem for path in TRANSLATIONS.glob("*.json") if path.stem != "en")
MARKUP = re.compile(r"'\{[^}]*\}'|<[a-z/]|https?://")


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def texts(folder: Path, language: str) -> dict[str, str]:
    return dict(leaves(json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))))


def marks(text: str) -> list[str]:
    """Return what a translation must keep: placeholders, commands, paragraphs."""
    return sorted(re.findall(r"\{\w+\}|`[^`]+`|\n", text))


def test_there_are_five_languages_besides_english_which_home_assistant_supports() -> None:
    assert len(OTHERS) >= 5
    assert set(OTHERS) <= LANGUAGES
    assert sorted(path.stem for path in LOCALES.glob("*.json")) == sorted([*OTHERS, "en"])


@pytest.mark.parametrize("folder", [TRANSLATIONS, LOCALES], ids=["component", "cards"])
@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_text_with_the_same_placeholders(language: str, folder: Path) -> None:
    english, own = texts(folder, "en"), texts(folder, language)
    assert set(own) == set(english)
    for path, text in own.items():
        assert marks(text) == marks(english[path]), path
        assert text.strip() == text, path
        assert text, path
        assert not MARKUP.search(text), path


@pytest.mark.parametrize("folder", [TRANSLATIONS, LOCALES], ids=["component", "cards"])
@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_left_in_english(language: str, folder: Path) -> None:
    english, own = texts(folder, "en"), texts(folder, language)
    same = [(path, re.sub(r"\{\w+\}", "", text)) for path, text in own.items() if text == english[path]]
    left = [path for path, text in same if len(text.split()) > 2]
    assert left == []


@pytest.mark.parametrize("language", OTHERS)
def test_options_and_states_of_a_list_have_distinct_names(language: str) -> None:
    """Two reasons with the same name would be indistinguishable in a drop-down list."""
    own = json.loads((TRANSLATIONS / f"{language}.json").read_text(encoding="utf-8"))
    lists = [select["options"] for select in own["selector"].values() if "options" in select]
    lists += [
        entity["state"] for kind in own["entity"].values() for entity in kind.values() if "state" in entity
    ]
    assert lists
    for names in lists:
        assert len(set(names.values())) == len(names), names


def test_the_cards_offer_exactly_the_available_languages() -> None:
    script = (FOLDER / "frontend" / "localize.js").read_text(encoding="utf-8")
    match = re.search(r"const AVAILABLE = (\[[^\]]+\])", script)
    assert match
    assert sorted(json.loads(match[1])) == sorted([*OTHERS, "en"])


@pytest.mark.parametrize("language", OTHERS)
async def test_home_assistant_loads_the_language(hass: HomeAssistant, language: str) -> None:
    loaded = await async_get_translations(hass, language, "entity", integrations=[DOMAIN])
    english = await async_get_translations(hass, "en", "entity", integrations=[DOMAIN])
    assert loaded.keys() == english.keys()
    name = f"component.{DOMAIN}.entity.sensor.amount_to_restore.name"
    assert loaded[name] != english[name]
