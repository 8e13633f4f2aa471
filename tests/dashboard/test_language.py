"""Everything that a page says can be translated, and numbers are written as the site's people write them."""

from collections.abc import Callable
import re

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import figures, language
from dashboard.settings import LANGUAGE_VARIABLE, NUMBERS_VARIABLE
from dashboard.words import told_apart
from tests.dashboard.invented_house import House
from tests.dashboard.test_pages import PAGES

type Open = Callable[..., AppTest]
NAMES = re.compile(
    r"Flat \d|Protea Court|N\. Dlamini|J\. van Wyk|this machine|Main meter|one|two|new|ZAR|low|VAT \(%\)"
)


def words(app: AppTest) -> list[str]:
    """Return headings, labels and head cells of a page."""
    found = [str(each.value) for each in app.subheader] + [each.label for each in app.metric]
    found += [each.label for kind in (app.button, app.text_input, app.selectbox) for each in kind]
    for each in app.get("html"):
        found += re.findall(r"<th[^>]*>([^<]*)</th>", each.proto.body)
        found += re.findall(r"pm-chip [^>]*><span[^>]*>[^<]*</span>([^<]*)<", each.proto.body)
    return [word for word in found if word]


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_and_label_of_a_page_is_said_through_the_language(
    open_page: Open, house: House, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, language.PSEUDO)
    app = open_page(house.folder, page, unit="one")
    assert not app.exception
    bare = [word for word in words(app) if "⟦" not in word and not NAMES.fullmatch(word)]
    assert bare == []


def test_what_a_language_does_not_have_stays_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert language.say("Balance") == "Guthaben"
    assert language.say("No such sentence {x}", x=1) == "No such sentence 1"


def test_a_translation_names_the_same_values() -> None:
    for code in language.languages():
        for english, told in language._sentences(code).items():
            assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", told)), english


@pytest.mark.parametrize(
    "numbers, shown",
    [("1,234.5", "−1,234.50"), ("1.234,5", "−1.234,50"), ("1 234,5", "−1\N{NARROW NO-BREAK SPACE}234,50")],
)
def test_numbers_are_written_as_the_site_writes_them(
    monkeypatch: pytest.MonkeyPatch, numbers: str, shown: str
) -> None:
    monkeypatch.setenv(NUMBERS_VARIABLE, numbers)
    assert figures.money(-1_234_500_000, "ZAR") == f"ZAR\N{NO-BREAK SPACE}{shown}"


def test_no_two_choices_are_called_the_same() -> None:
    labels = told_apart(("a", "b", "c"), lambda each: "Home" if each != "c" else "Shop")
    assert list(labels.values()) == ["Home", "Home (2)", "Shop"]
