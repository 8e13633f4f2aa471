"""The texts of the logbook, and the events on the event bus."""

from typing import Any
from unittest.mock import Mock

from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.translation import async_get_translations
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.const import EVENT_ACCOUNT
from custom_components.prepaid_meter.logbook import async_describe_events
from tests.component.conftest import Eventually
from tests.component.fake_bridge import FakeBridge

CUT = {"state": "disconnected", "was": "connected", "reason": "credit_exhausted", "note": None}


@pytest.mark.parametrize(
    "kind, data, sentence",
    [
        (EventKind.TOP_UP, {"amount": 100_000_000, "method": "cash"}, "was topped up with ZAR 100.00"),
        (EventKind.SUPPLY_CHANGED, CUT, "supply is off: credit exhausted"),
        (EventKind.SUPPLY_CHANGED, CUT | {"state": "half"}, "supply changed: credit exhausted"),
        (EventKind.ALERT_OPENED, {"kind": "low_credit", "message": "Flat 1: Low."}, "alert: Low."),
        (EventKind.ALERT_CLOSED, {"kind": "low_credit", "message": "Low."}, "alert closed: Low."),
        (
            EventKind.ALERT_ACKNOWLEDGED,
            {"message": "Low.", "by": "Anna"},
            "alert acknowledged by Anna: Low.",
        ),
        (EventKind.HOLD_PLACED, {"reason": "Rewiring", "by": "Anna"}, "hold placed by Anna: Rewiring"),
        (EventKind.HOLD_LIFTED, {"reason": None, "by": "Anna"}, "hold lifted by Anna"),
    ],
)
async def test_an_event_is_described_in_a_sentence(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    kind: EventKind,
    data: dict[str, Any],
    sentence: str,
) -> None:
    describe = Mock()
    async_describe_events(hass, describe)
    domain, event_type, describe_event = describe.call_args.args
    assert (domain, event_type) == ("prepaid_meter", EVENT_ACCOUNT)
    await eventually(lambda: bridge.open_sockets)
    fired = async_capture_events(hass, EVENT_ACCOUNT)

    await bridge.happen(kind, data)
    await eventually(lambda: fired)

    assert fired[0].data["type"] == kind.value
    assert fired[0].data["device_id"]
    assert describe_event(fired[0]) == {"name": "Flat 1", "message": sentence}


@pytest.mark.parametrize(
    "language, sentence",
    [
        ("de", "Versorgung ist ausgeschaltet: Guthaben aufgebraucht"),
        ("pt", "o fornecimento está desligado: saldo esgotado"),
        ("tlh", "supply is off: credit exhausted"),
    ],
)
async def test_a_state_within_a_sentence_is_written_as_the_language_does(
    hass: HomeAssistant, loaded: MockConfigEntry, language: str, sentence: str
) -> None:
    for category in ("common", "entity"):
        await async_get_translations(hass, language, category, integrations=["prepaid_meter"])
    hass.config.language = language
    describe = Mock()
    async_describe_events(hass, describe)
    fired = Event(EVENT_ACCOUNT, CUT | {"type": EventKind.SUPPLY_CHANGED.value, "account": "Flat 1"})
    assert describe.call_args.args[2](fired)["message"] == sentence


async def test_internal_events_are_not_in_the_logbook(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    fired = async_capture_events(hass, EVENT_ACCOUNT)
    await bridge.happen(EventKind.DEBT_CHANGED, {})
    await bridge.happen(EventKind.TOP_UP, {"amount": "of a newer bridge"})
    await eventually(lambda: fired)
    assert [event.data["type"] for event in fired] == ["top_up"]
    assert "amount" not in fired[0].data
