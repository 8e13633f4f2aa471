"""Say in the logbook what happened to an account, in the words of the user's language."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .const import DOMAIN, EVENT_HAPPENED
from .happenings import ATTR_ACCOUNT, ATTR_TYPE

type Describe = Callable[[Event[dict[str, Any]]], dict[str, str]]


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Describe], None]
) -> None:
    """Describe the events of the integration."""

    @callback
    def described(event: Event[dict[str, Any]]) -> dict[str, str]:
        said = _message(hass, event.data)
        return {LOGBOOK_ENTRY_NAME: event.data[ATTR_ACCOUNT], LOGBOOK_ENTRY_MESSAGE: said}

    async_describe_event(DOMAIN, EVENT_HAPPENED, described)


def _message(hass: HomeAssistant, data: dict[str, Any]) -> str:
    """Return the sentence for an event; a word that has no translation stands for itself."""
    language = hass.config.language
    sentences = async_get_cached_translations(hass, language, "common", DOMAIN)
    states = async_get_cached_translations(hass, language, "entity", DOMAIN)
    told = {name: "" if value is None else str(value) for name, value in data.items()}
    # The line begins with the account's name already.
    told["message"] = told.get("message", "").removeprefix(f"{data[ATTR_ACCOUNT]}: ")
    for name, sensor in (("state", "supply_state"), ("reason", "supply_reason")):
        key = f"component.{DOMAIN}.entity.sensor.{sensor}.state.{told.get(name)}"
        told[name] = states.get(key, told.get(name, ""))
    what = str(data[ATTR_TYPE])
    sentence = sentences.get(f"component.{DOMAIN}.common.logbook_{what}", what)
    return sentence.format_map(defaultdict(str, told))
