"""What the log says of durable events: what a person looking back would want to know, and nothing secret."""

import logging
from typing import Final

from meter_bridge.protocol.messages import Event, EventKind

_LOGGER: Final = logging.getLogger("meter_bridge.events")


def log_event(event: Event) -> None:
    """Log a committed event in one line; charges and acknowledgements are too many and too small."""
    data = event.data
    if event.kind is EventKind.SUPPLY_CHANGED:
        note = f" ({data['note']})" if data.get("note") else ""
        _LOGGER.info("%s: supply is %s, %s%s", event.account_id, data["state"], data["reason"], note)
    elif event.kind is EventKind.TOP_UP:
        _LOGGER.info("%s: top-up %s booked", event.account_id, data["id"])
    elif event.kind is EventKind.ALERT_OPENED:
        _LOGGER.warning("Alert: %s", data["message"])
    elif event.kind is EventKind.ALERT_CLOSED:
        _LOGGER.info("Alert over: %s", data["message"])
    elif event.kind is EventKind.CLOCK_CONFIRMED:
        _LOGGER.info("The clock, at %s, was confirmed by %s", data["wall"], data["by"])
    elif event.kind in (EventKind.ACCOUNT_ADDED, EventKind.ACCOUNT_REMOVED):
        _LOGGER.info("%s: %s", event.account_id, event.kind.value.replace("_", " "))
