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
    for name, sensor in (("state", "supply_state"), ("reason", "supply_reason")):
        key = f"component.{DOMAIN}.entity.sensor.{sensor}.state.{values.get(name)}"
        values[name] = states.get(key, values.get(name, ""))
    event_type = str(data[ATTR_TYPE])
    sentence = sentences.get(f"component.{DOMAIN}.common.logbook_{event_type}", event_type)
    return sentence.format_map(defaultdict(str, values))
