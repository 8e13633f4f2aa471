"""Figures are written as the readers of each language write them."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from meter_bridge.text.catalogue import LANGUAGES
from meter_bridge.text.formats import CONVENTIONS, formats

AT = datetime(2026, 11, 5, 18, 40)  # noqa: DTZ001 - as it is written, whatever the zone
NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    "language, money, moment",
    [
        ("en", "ZAR −1,234.50", "5 Nov 2026, 18:40"),
        ("de", "−1.234,50 ZAR", "05.11.2026, 18:40"),
        ("es", "−1.234,50 ZAR", "5 nov 2026, 18:40"),
        ("fr", "−1\N{NARROW NO-BREAK SPACE}234,50 ZAR", "5 nov. 2026, 18:40"),
        ("id", "ZAR −1.234,50", "5 Nov 2026 18.40"),
        ("sw", "ZAR −1,234.50", "5 Nov 2026 18:40"),
        ("zh", "ZAR −1,234.50", "2026年11月5日 18:40"),
    ],
)
def test_amounts_and_instants_are_written_as_the_language_does(
    language: str, money: str, moment: str
) -> None:
    written = formats(language)
    assert written.money(-1_234_500_000, "ZAR").replace(NBSP, " ") == money
    assert written.moment(AT) == moment


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_message_has_no_character_that_would_halve_it(language: str) -> None:
    written = formats(language, plain=True)
    texts = (written.money(-1_234_500_000, "ZAR"), written.energy(-1_234_500), written.number(-1234.5))
    assert all(text.isascii() for text in texts)


@pytest.mark.parametrize("numbers", CONVENTIONS)
def test_the_marks_can_be_chosen_apart_from_the_language(numbers: str) -> None:
    shown = formats("en", numbers).number(1234.5).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert shown.replace("’", "'") == numbers


def test_a_yen_has_no_decimals_and_a_dinar_three() -> None:
    written = formats("en", plain=True)
    assert written.money(1_234_0000, "JPY") == "JPY 1,234"
    assert written.money(1_234_0000, "KWD") == "KWD 1.234"


def test_energy_has_no_more_decimals_than_it_needs_or_those_wanted() -> None:
    written = formats("en", plain=True)
    assert written.energy(1_234_500) == "1,234.5 kWh"
    assert written.energy(1_234_500, 3) == "1,234.500 kWh"
    assert written.number(Decimal("2.50"), 1) == "2.5"


def test_dates_have_the_names_of_the_language() -> None:
    day = date(2026, 3, 1)
    assert formats("en").long_day(day) == "1 March 2026"
    assert formats("fr").long_day(day) == "1 mars 2026"
    assert formats("de").weekdays()[0] == "Mo"
