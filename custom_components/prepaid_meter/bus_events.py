"""Fires account events on Home Assistant's event bus, for the logbook and for other listeners."""

from typing import Any, Final

from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .accounts import AccountRef, async_device_id
from .amounts import decimal_text
from .client.protocol import AccountView, Event, EventKind
from .const import EVENT_ACCOUNT, SIGNAL_EVENT
from .coordinator import ReceivedEvent

ATTR_ACCOUNT: Final = "account"
ATTR_TYPE: Final = "type"

_DETAILS: Final[dict[EventKind, tuple[str, ...]]] = {
    EventKind.TOP_UP: ("method", "reference"),
    EventKind.SUPPLY_CHANGED: ("state", "was", "reason", "note"),
    EventKind.ALERT_OPENED: ("kind", "message"),
    EventKind.ALERT_ACKNOWLEDGED: ("kind", "message", "by"),
    EventKind.ALERT_CLOSED: ("kind", "message"),
    EventKind.HOLD_PLACED: ("reason", "by"),
    EventKind.HOLD_LIFTED: ("reason", "by"),
}
"""The kinds of events that are fired, with the fields that each of them carries."""


@callback
def async_fire_bus_events(hass: HomeAssistant) -> None:
    """Fire an event on the bus for every account event, for as long as Home Assistant runs."""

    @callback
    def fire(received: ReceivedEvent) -> None:
        event, account = received.event, received.account
        if event.kind in _DETAILS:
            data = {
                ATTR_DEVICE_ID: async_device_id(AccountRef(received.coordinator, account)),
                ATTR_TYPE: event.kind.value,
                ATTR_ACCOUNT: account.name,
                "account_id": account.id,
                "at": event.at,
                **_details(event, account),
            }
            hass.bus.async_fire(EVENT_ACCOUNT, data)

    async_dispatcher_connect(hass, SIGNAL_EVENT, fire)


def _details(event: Event, account: AccountView) -> dict[str, Any]:
    details: dict[str, Any] = {name: event.data.get(name) for name in _DETAILS[event.kind]}
    amount = event.data.get("amount")
    if event.kind is EventKind.TOP_UP and isinstance(amount, int):
        details |= {"amount": decimal_text(amount, account), "currency": account.currency}
    return details
