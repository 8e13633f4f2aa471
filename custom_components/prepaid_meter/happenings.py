"""Tell Home Assistant's event bus what happened to accounts, for the logbook and for whoever listens."""

from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .accounts import Place, async_device_id
from .amounts import decimal_text
from .client.protocol import AccountView, Event, EventKind
from .const import EVENT_HAPPENED, SIGNAL_EVENT
from .coordinator import Happening

ATTR_ACCOUNT: Final = "account"
ATTR_TYPE: Final = "type"

_TEXTS: Final[dict[EventKind, tuple[str, ...]]] = {
    EventKind.TOP_UP: ("method", "reference"),
    EventKind.SUPPLY_CHANGED: ("state", "was", "reason", "note"),
    EventKind.ALERT_OPENED: ("kind", "message"),
    EventKind.ALERT_ACKNOWLEDGED: ("kind", "message", "by"),
    EventKind.ALERT_CLOSED: ("kind", "message"),
    EventKind.HOLD_PLACED: ("reason", "by"),
    EventKind.HOLD_LIFTED: ("reason", "by"),
}
"""What happens to people's supply and money, with the parts of it that are told."""


@callback
def async_tell_happenings(hass: HomeAssistant) -> None:
    """Fire an event for everything that happens to an account, for as long as Home Assistant runs."""

    @callback
    def happened(what: Happening) -> None:
        if what.event.kind in _TEXTS:
            place = Place(what.coordinator, what.account)
            data = {
                ATTR_DEVICE_ID: async_device_id(place),
                ATTR_TYPE: what.event.kind.value,
                ATTR_ACCOUNT: what.account.name,
                "account_id": what.account.id,
                "at": what.event.at,
                **_details(what.event, what.account),
            }
            hass.bus.async_fire(EVENT_HAPPENED, data)

    async_dispatcher_connect(hass, SIGNAL_EVENT, happened)


def _details(event: Event, account: AccountView) -> dict[str, Any]:
    details: dict[str, Any] = {name: event.data.get(name) for name in _TEXTS[event.kind]}
    amount = event.data.get("amount")
    if event.kind is EventKind.TOP_UP and isinstance(amount, int):
        details |= {"amount": decimal_text(amount, account), "currency": account.currency}
    return details
