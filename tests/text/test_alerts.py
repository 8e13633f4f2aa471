"""Every alert can be told in every language, from its kind and its facts alone."""

from typing import Final

import pytest

from meter_bridge.core.supply.alerts import Fact
from meter_bridge.protocol.members import known_members
from meter_bridge.protocol.vocabulary import AlertKind
from meter_bridge.text.alerts import TEXTS, alert_event_text, alert_text
from meter_bridge.text.catalogue import LANGUAGES

FACTS: Final[dict[str, Fact]] = {
    "name": "Flat 1",
    "meter": "meter-1",
    "slot": 2,
    "reason": "disk full",
    "problems": "payments.yaml, line 3",
    "channels": "ntfy 1 (anna)",
    "file": "/etc/prepaid-meter/ca.pem",
    "topics": "tele/#, stat/#",
    "topic": "tele/meter/SENSOR",
    "path": "SML.Total_in",
    "payload": "a payload",
    "user": "prepaid-meter",
    "address": "tasmota:kitchen/1",
    "advice_text": "look at the device's settings",
    "currency": "ZAR",
    "time_zone": "Africa/Johannesburg",
    **dict.fromkeys(("left_amount", "threshold_amount", "limit_amount"), 4_000_000),
    **dict.fromkeys(("charged_amount", "priced_amount"), 5_000_000),
    **dict.fromkeys(("before_wh", "after_wh", "held_wh", "returned_wh", "now_wh", "usual_wh"), 12_500),
    **dict.fromkeys(("missing_wh", "total_wh", "counted_wh", "flowed_wh"), 1_000),
    **dict.fromkeys(("limit_mw", "power_mw"), 3_500_000),
    **dict.fromkeys(("cut_ms", "since_ms", "until_ms"), 1_793_548_800_000),
    "voltage_mv": 260_000,
    "payments": 3,
    "sums": "ZAR 47.00",
    "job": "flush",
    "days": "2.5",
    "threshold_days": 3,
    "percent": 250,
    "units": 12,
    "meters": 4,
    "minutes": 187,
    "first_day": "2026-10-01",
    "end_day": "2026-11-01",
}
EVERY: Final = [
    (kind, case) for kind, texts in TEXTS.items() for case in (texts if isinstance(texts, dict) else ("",))
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind, case", EVERY)
def test_an_alert_can_be_told(kind: AlertKind, case: str, language: str) -> None:
    text = alert_text(kind, FACTS | {"case": case}, language)
    assert text
    assert "{" not in text
    assert (text == alert_text(kind, FACTS | {"case": case})) == (language == "en")


def test_facts_are_written_by_what_their_names_say() -> None:
    assert alert_text("low_credit", FACTS) == "Flat 1: credit is low, ZAR 4.00 left (warning at ZAR 4.00)"
    assert alert_text("low_credit", FACTS, "de") == (
        "Flat 1: Das Guthaben ist niedrig, noch 4,00 ZAR (Warnung bei 4,00 ZAR)"
    )
    assert alert_text("cut_soon", FACTS) == (
        "Flat 1: the credit is used up; supply is cut at 2026-11-01 18:00 unless somebody tops up"
    )
    assert alert_text("cut_soon", FACTS, "de") == (
        "Flat 1: Das Guthaben ist aufgebraucht; am 01.11.2026, 18:00 wird abgeschaltet, wenn niemand auflädt"
    )
    assert alert_text("overload", FACTS) == "Flat 1: load of meter-1 is above its limit, 3500 W"
    assert alert_text("over_voltage", FACTS) == "Flat 1: voltage at meter-1 is above its limit, 260 V"


def test_one_day_is_one_day() -> None:
    assert "about 1 day more (" in alert_text("days_left", FACTS | {"days": "1.0"})
    assert "about 1.5 days more (" in alert_text("days_left", FACTS | {"days": "1.5"})
    assert "environ 1,5 jour (" in alert_text("days_left", FACTS | {"days": "1.5"}, "fr")


def test_several_cases_are_several_sentences() -> None:
    text = alert_text("protection_tripped", FACTS | {"case": "over_voltage locked"})
    assert text == (
        "Flat 1: supply is off, the voltage at meter-1 was above its limit, 260 V."
        " It stays off until the landlord or caretaker resets it."
    )


def test_an_instant_that_belongs_to_no_site_is_in_utc() -> None:
    facts: dict[str, Fact] = {"since_ms": 1_793_548_800_000, "reason": "disk full"}
    assert "since 2026-11-01T16:00:00.000Z: disk full" in alert_text("storage_failing", facts)
    assert "01.11.2026, 16:00 UTC" in alert_text("storage_failing", facts, "de")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_of_an_older_version_has_the_text_that_was_stored(language: str) -> None:
    stored: dict[str, object] = {
        "id": "alert-1",
        "kind": "low_credit",
        "message": "Flat 1: low",
        "detail": "",
    }
    assert alert_text("low_credit", {"message": "Flat 1: low"}, language) == "Flat 1: low"
    assert alert_event_text(stored, language) == "Flat 1: low"


def test_every_kind_of_alert_has_a_text() -> None:
    assert TEXTS.keys() == set(known_members(AlertKind))


@pytest.mark.parametrize("kind", ["low_credit", "of_tomorrow"])
def test_an_alert_without_a_text_is_shown_as_it_is_with_a_warning(kind: str) -> None:
    with pytest.warns(UserWarning, match="no text for an alert"):
        assert alert_text(kind, {"name": "Flat 1"}) == f"{kind}: name=Flat 1"
