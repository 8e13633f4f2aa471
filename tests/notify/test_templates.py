"""Every language has every message, with the same places to fill in, and says what to do."""

from string import Formatter

import pytest

from meter_bridge.core.supply.alerts import AlertKind
from meter_bridge.notify.people import TOPICS
from meter_bridge.notify.rules import CUSTOMER_TOPICS
from meter_bridge.notify.templates import (
    LANGUAGES,
    Facts,
    digest_message,
    message,
    templates_for,
    trial_message,
)

FACTS = Facts(
    "Flat 1",
    "Flat 1: in the bridge's words",
    "ZAR 4.00",
    "2.5",
    "2026-11-02 18:00",
    "ZAR 50.00",
    "https://x/",
)


def gaps(text: str) -> set[str | None]:
    """Return the places of a text that are filled in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_a_title_for_every_topic_and_a_text_for_every_customers(language: str) -> None:
    own, english = templates_for(language), templates_for("en")
    assert own.titles.keys() >= TOPICS
    assert own.texts.keys() >= CUSTOMER_TOPICS
    for topic in own.texts:
        assert gaps(own.texts[topic]) == gaps(english.texts[topic])
    assert own.digest.keys() == english.digest.keys()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_every_message_can_be_made(language: str, topic: str) -> None:
    told = message(topic, language, FACTS)
    assert told.title.startswith("Flat 1: ")
    assert "{" not in told.title + told.body
    assert told.body


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_of_low_credit_says_what_is_left_and_where_to_top_up(language: str) -> None:
    body = message(AlertKind.LOW_CREDIT, language, FACTS).body
    assert all(part in body for part in ("ZAR 4.00", "2.5", "https://x/"))


def test_what_is_not_known_is_left_out() -> None:
    body = message(AlertKind.LOW_CREDIT, "en", Facts(unit="Flat 1")).body
    assert "Left" not in body
    assert "lasts" not in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_tests_and_digests_can_be_made(language: str) -> None:
    assert "Anna" in trial_message(language, "Anna").body
    assert "3" in digest_message(language, "House", {"off": "3"}).body
