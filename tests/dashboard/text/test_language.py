"""Everything that a page says can be translated, and numbers are written as the site's people write them."""

from collections.abc import Callable, Iterator
from datetime import date
from gettext import NullTranslations
import re
from typing import override

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse
from dashboard.reports.portfolio import portfolio_pdf
from dashboard.settings import LANGUAGE_VARIABLE, NUMBERS_VARIABLE
from dashboard.text import formatting, translate
from dashboard.text.labels import alert_message, unique_labels
from meter_bridge.text import catalogue
from meter_bridge.text.catalogue import DASHBOARD, LANGUAGES, PSEUDO, translator
from tests.dashboard.fake_bridge import StandIn, bridge_at, landlord, tenant
from tests.dashboard.sample_house import DAY_MS, NOW_MS, House, build, yesterday
from tests.dashboard.views.test_pages import PAGES

type Open = Callable[..., AppTest]
NBSP = "\N{NO-BREAK SPACE}"
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
    monkeypatch.setenv(LANGUAGE_VARIABLE, PSEUDO)
    app = open_page(house.folder, page, unit="one")
    assert not app.exception
    bare = [word for word in words(app) if "⟦" not in word and not NAMES.fullmatch(word)]
    assert bare == []


def test_what_a_language_does_not_have_stays_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert translate._("Balance") == "Guthaben"
    assert translate._("No such sentence {x}", x=1) == "No such sentence 1"


def test_an_alert_is_said_in_the_language_unless_it_was_stored_as_a_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = '{"name":"Flat 1","meter":"main","voltage_mv":262000}'
    assert alert_message("over_voltage", facts) == "Flat 1: voltage at main is above its limit, 262 V"
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    german = "Flat 1: Die Spannung an main liegt über ihrer Grenze, 262 V"
    assert alert_message("over_voltage", facts) == german
    assert alert_message("over_voltage", '{"message":"Flat 1: too high"}') == "Flat 1: too high"
    assert alert_message("newer_than_this", facts) == ""


def test_what_is_counted_is_singular_or_plural(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("{number} unit", "{number} units")
    assert [translate.ngettext(*texts, n) for n in (0, 1, 1234)] == ["0 units", "1 unit", "1,234 units"]
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert [translate.ngettext(*texts, n) for n in (0, 1, 1234)] == [
        "0 Einheiten",
        "1 Einheit",
        "1.234 Einheiten",
    ]


class Noted(NullTranslations):
    """Notes what a language is asked for and does not have."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: set[str] = set()

    @override
    def gettext(self, message: str) -> str:
        self.missing.add(message)
        return message

    @override
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.missing.add(msgid2)
        return msgid2


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noted]:
    """Let the pages speak German, and note what it does not have."""
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    found, words = Noted(), translator(DASHBOARD, "de")
    words._catalogue.add_fallback(found)
    yield found
    translator.cache_clear()


@pytest.fixture(scope="module")
def full_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house in which everything is there that a page can tell."""
    made = build(tmp_path_factory.mktemp("full"))
    made.export(yesterday(made))
    return made


@pytest.mark.parametrize("page", [*PAGES, "home"])
def test_no_page_says_a_sentence_that_a_translator_has_not_seen(
    open_page: Open, full_house: House, noted: Noted, page: str
) -> None:
    """Also what is put together in code, and what the data brings."""
    with bridge_at(full_house.folder, StandIn({TOKEN: tenant("flat-2a") if page == "home" else landlord()})):
        assert not open_page(full_house.folder, page, token=TOKEN, unit="flat-2a").exception
    assert sorted(noted.missing) == []


def test_a_report_on_paper_says_nothing_that_a_translator_has_not_seen(
    full_house: House, noted: Noted
) -> None:
    opened = Warehouse(read_snapshot(full_house.folder, Scope(kind="report", since=NOW_MS - 70 * DAY_MS)))
    assert portfolio_pdf(opened, Viewer(every_site=True), date(2026, 10, 1)).startswith(b"%PDF-")
    assert sorted(noted.missing) == []


def test_paper_is_in_english_where_the_machine_has_no_letters_of_the_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, "zh")
    monkeypatch.setattr(catalogue, "_has_chinese", lambda: False)
    with translate.on_paper():
        assert translate._("Balance") == "Balance"
    assert translate._("Balance") == "余额"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_can_be_shown_in_every_language(
    open_page: Open, full_house: House, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, language)
    for page in ("today", "unit", "tariffs"):
        assert not open_page(full_house.folder, page, unit="flat-2a").exception


def test_numbers_are_written_as_the_language_does_unless_it_is_said_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert formatting.money(-1_234_500_000, "ZAR") == f"−1.234,50{NBSP}ZAR"
    monkeypatch.setenv(NUMBERS_VARIABLE, "1,234.5")
    assert formatting.money(-1_234_500_000, "ZAR") == f"−1,234.50{NBSP}ZAR"


def test_a_chart_writes_days_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert formatting.axis_day(weekday=True, year=True) == "%a %-d %b %Y"
    monkeypatch.setenv(LANGUAGE_VARIABLE, "de")
    assert formatting.axis_day(time=True) == "%-d.%-m. %H:%M"
    assert formatting.axis_day(year=True) == "%-d.%-m.%Y"


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
    labels = unique_labels(("a", "b", "c"), lambda each: "Home" if each != "c" else "Shop")
    assert list(labels.values()) == ["Home", "Home (2)", "Shop"]
