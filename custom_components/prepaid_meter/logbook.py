"""Describes account events in the logbook, in Home Assistant's language."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .bus_events import ATTR_ACCOUNT, ATTR_TYPE
from .const import DOMAIN, EVENT_ACCOUNT

type Describer = Callable[[Event[dict[str, Any]]], dict[str, str]]


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Describer], None]
) -> None:
    """Describe the events of the integration."""

    @callback
    def describe(event: Event[dict[str, Any]]) -> dict[str, str]:
        message = _message(hass, event.data)
        return {LOGBOOK_ENTRY_NAME: event.data[ATTR_ACCOUNT], LOGBOOK_ENTRY_MESSAGE: message}

    async_describe_event(DOMAIN, EVENT_ACCOUNT, describe)


def _message(hass: HomeAssistant, data: dict[str, Any]) -> str:
    """Return the sentence for an event; values without a translation are shown as they are."""
    language = hass.config.language
    sentences = async_get_cached_translations(hass, language, "common", DOMAIN)
    states = async_get_cached_translations(hass, language, "entity", DOMAIN)
    values = {name: "" if value is None else str(value) for name, value in data.items()}
    # The entry already starts with the account's name.
    values["message"] = values.get("message", "").removeprefix(f"{data[ATTR_ACCOUNT]}: ")
    key = f"component.{DOMAIN}.entity.sensor.supply_reason.state.{values.get('reason')}"
    if key in states:
        values["reason"] = _within_a_sentence(states[key], language)
    event_type, prefix = str(data[ATTR_TYPE]), f"component.{DOMAIN}.common.logbook_"
    # A supply has a sentence for each state that this version knows.
    of_state = sentences.get(f"{prefix}supply_{values.get('state')}")
    sentence = of_state or sentences.get(f"{prefix}{event_type}", event_type)
    return sentence.format_map(defaultdict(str, values))


def _within_a_sentence(text: str, language: str) -> str:
    """Return the name of a state as part of a sentence; German begins nouns with a capital there too."""
    return text if language.startswith("de") else text[:1].lower() + text[1:]
