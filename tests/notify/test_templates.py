"""Every language has every message, and says what to do."""

from datetime import datetime
from decimal import Decimal

import pytest

from meter_bridge.notify.people import TOPICS
from meter_bridge.notify.rules import CUSTOMER_TOPICS
from meter_bridge.notify.templates import (
    TEXTS,
    TITLES,
    Facts,
    Figures,
    Money,
    channel_test_message,
    digest_message,
    message,
)
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.catalogue import LANGUAGES

FACTS = Facts(
    "Flat 1",
    {"kind": "tamper", "message": "Flat 1: in the bridge's words"},
    Money(4_000_000, "ZAR"),
    Decimal("2.5"),
    datetime(2026, 11, 2, 18, 0),  # noqa: DTZ001 - by the clock of the place, as it is told
    Money(50_000_000, "ZAR"),
    "https://x/",
)


def test_there_is_a_title_for_every_topic_and_a_text_for_every_customers() -> None:
    assert TITLES.keys() >= TOPICS
    assert TEXTS.keys() >= CUSTOMER_TOPICS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_message_can_be_made(language: str, topic: str) -> None:
    told = message(topic, language, FACTS)
    assert told.title.startswith("Flat 1: ")
    assert "{" not in told.title + told.body
    assert told.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_of_low_credit_says_what_is_left_and_where_to_top_up(language: str) -> None:
    body = message(AlertKind.LOW_CREDIT, language, FACTS).body.replace(",", ".")
    assert "ZAR 4.00" in body or "4.00 ZAR" in body
    assert all(part in body for part in ("2.5", "https://x/"))


def test_an_alert_without_a_message_for_customers_says_what_it_is_in_the_language_of_its_reader() -> None:
    facts = {"name": "Flat 1", "meter": "main", "case": "open"}
    alert = Facts("Flat 1", {"kind": "relay_disobeys", "facts": facts})
    english, german = (message("relay_disobeys", language, alert) for language in ("en", "de"))
    assert english.body == "Flat 1: the relay of main is not open although it was commanded to be"
    assert german.body == "Flat 1: Das Relais von main hat auf Befehl nicht geöffnet"


def test_one_day_is_not_several() -> None:
    one = Facts(unit="Flat 1", days=Decimal("1.0"))
    assert "about 1 day at" in message(AlertKind.DAYS_LEFT, "en", one).body
    assert "etwa 1 Tag." in message(AlertKind.DAYS_LEFT, "de", one).body


def test_what_is_not_known_is_left_out() -> None:
    body = message(AlertKind.LOW_CREDIT, "en", Facts(unit="Flat 1")).body
    assert "Left" not in body
    assert "last" not in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_tests_and_digests_can_be_made(language: str) -> None:
    assert "Anna" in channel_test_message(language, "Anna").body
    assert "3" in digest_message(language, "House", Figures((), {"off": 3})).body


def test_a_day_without_anything_to_do_says_so() -> None:
    assert "Nothing needs" in digest_message("en", "House", Figures((), {"low": 1})).body
    assert "Nothing needs" not in digest_message("en", "House", Figures((), {"open": 1})).body
