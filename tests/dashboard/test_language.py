"""Everything that a page says can be translated, and numbers are written as the site's people write them."""

from collections.abc import Callable
from datetime import date
import re
from typing import ClassVar, override

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.scope import Scope
from dashboard.data.snapshot import read_snapshot
from dashboard.data.warehouse import Warehouse
from dashboard.reports.portfolio import portfolio_pdf
from dashboard.settings import LANGUAGE_VARIABLE, NUMBERS_VARIABLE
from dashboard.text import formatting, translate
from dashboard.text.labels import told_apart
from tests.dashboard.fake_bridge import StandIn, bridge_at, landlord, tenant
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, build, yesterday
from tests.dashboard.test_pages import PAGES
from tests.dashboard.translations import spoken

type Open = Callable[..., AppTest]
TOKEN = "pmb_0123456789ab_secret"
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
    monkeypatch.setenv(LANGUAGE_VARIABLE, translate.PSEUDO)
    app = open_page(house.folder, page, unit="one")
    assert not app.exception
    bare = [word for word in words(app) if "⟦" not in word and not NAMES.fullmatch(word)]
    assert bare == []


def test_what_a_language_does_not_have_stays_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert translate.say("Balance") == "Guthaben"
    assert translate.say("No such sentence {x}", x=1) == "No such sentence 1"


TRANSLATED = [code for code in translate.languages() if code != translate.ENGLISH]


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_language_has_every_sentence_and_no_other(code: str) -> None:
    known, wanted = translate._sentences(code), spoken()
    assert [f"{text!r} of {wanted[text]}" for text in wanted if text not in known] == []
    assert [text for text in known if text not in wanted] == [], "said nowhere any more"


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_translation_names_the_same_values(code: str) -> None:
    for english, told in translate._sentences(code).items():
        assert sorted(re.findall(r"{\w*}", english)) == sorted(re.findall(r"{\w*}", told)), english
        assert english.count("`") == told.count("`"), "commands stay as they are"
        assert english.startswith("\n") == told.startswith("\n")


class Noted(dict[str, str]):
    """A language that notes what it is asked for and does not have."""

    missing: ClassVar[set[str]] = set()

    @override
    def get(self, key: str, default: str | None = None) -> str:  # type: ignore[override]
        if key not in self:
            self.missing.add(key)
        return super().get(key, default or key)


@pytest.fixture(scope="module")
def full_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house in which everything is there that a page can tell."""
    made = build(tmp_path_factory.mktemp("full"))
    made.export(yesterday(made))
    return made


@pytest.mark.parametrize("page", [*PAGES, "home"])
def test_no_page_says_a_sentence_that_a_translator_has_not_seen(
    open_page: Open, full_house: House, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """Also what is put together in code, and what the data brings."""
    Noted.missing.clear()
    sentences = Noted(translate._sentences("de"))
    monkeypatch.setattr(translate, "_sentences", lambda _: sentences)
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    with bridge_at(full_house.folder, StandIn({TOKEN: tenant("flat-2a") if page == "home" else landlord()})):
        assert not open_page(full_house.folder, page, token=TOKEN, unit="flat-2a").exception
    assert sorted(Noted.missing) == []


def test_a_report_on_paper_says_nothing_that_a_translator_has_not_seen(
    full_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    Noted.missing.clear()
    sentences = Noted(translate._sentences("de"))
    monkeypatch.setattr(translate, "_sentences", lambda _: sentences)
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    opened = Warehouse(read_snapshot(full_house.folder, Scope(kind="report", since=NOW_MS - 70 * DAY_MS)))
    assert portfolio_pdf(opened, Viewer(every_site=True), date(2026, 10, 1)).startswith(b"%PDF-")
    assert sorted(Noted.missing) == []


@pytest.mark.parametrize(
    "numbers, shown",
    [("1,234.5", "−1,234.50"), ("1.234,5", "−1.234,50"), ("1 234,5", "−1\N{NARROW NO-BREAK SPACE}234,50")],
)
def test_numbers_are_written_as_the_site_writes_them(
    monkeypatch: pytest.MonkeyPatch, numbers: str, shown: str
) -> None:
    monkeypatch.setenv(NUMBERS_VARIABLE, numbers)
    assert formatting.money(-1_234_500_000, "ZAR") == f"ZAR\N{NO-BREAK SPACE}{shown}"


def test_no_two_choices_are_called_the_same() -> None:
    labels = told_apart(("a", "b", "c"), lambda each: "Home" if each != "c" else "Shop")
    assert list(labels.values()) == ["Home", "Home (2)", "Shop"]
