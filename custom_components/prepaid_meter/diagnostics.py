"""Diagnostics that are safe to share: numbers, states and times, and no text that a person has written."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED
from homeassistant.core import HomeAssistant

from .coordinator import PrepaidMeterConfigEntry

SHAREABLE_TEXTS: Final = frozenset(
    {
        *("acknowledged_at", "at", "closed_at", "cut_at", "end", "last_seen", "latest", "next_change"),
        *("next_recovery", "opened_at", "period_start", "reported_at", "requested_at", "since", "soonest"),
        *("start", "time_zone"),
        *("cap_every", "cause", "currency", "every", "payment_mode"),
        *("family", "firmware", "model", "latest_version", "version"),
    }
)
"""Fields whose text is shared. Any other text is redacted, so that a new field cannot leak by oversight."""


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,  # noqa: ARG001
    entry: PrepaidMeterConfigEntry,
) -> dict[str, Any]:
    """Return diagnostics for a config entry."""
    coordinator = entry.runtime_data
    return {
        "entry": _shareable(dict(entry.data)),
        "connected": coordinator.available,
        "lost_because": coordinator.lost_because,
        "server": _shareable(coordinator.server),
        "role": coordinator.role,
        "accounts": _shareable(list(coordinator.accounts.values())),
        "alerts": _shareable(coordinator.alerts),
    }


def _shareable(value: Any, name: str = "") -> Any:  # noqa: ANN401
    """Return a copy of a value, at every depth without the texts that are not listed."""
    if is_dataclass(value):
        return {field.name: _shareable(getattr(value, field.name), field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _shareable(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shareable(item, name) for item in value]
    if isinstance(value, Enum):
        return value.value
    return REDACTED if isinstance(value, str) and name not in SHAREABLE_TEXTS else value
