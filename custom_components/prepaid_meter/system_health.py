"""Information about the bridges on Home Assistant's system information page."""

from collections.abc import Iterable
from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.core import HomeAssistant, callback

from .client import PrepaidMeterError
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:  # noqa: ARG001
    """Register the callback."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return the health of the bridges, without their names, as people paste this into reports."""
    entries: list[PrepaidMeterConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    loaded = [entry.runtime_data for entry in hass.config_entries.async_loaded_entries(DOMAIN)]
    connected = [coordinator for coordinator in loaded if coordinator.available]
    return {
        "bridges": len(entries),
        "bridges_connected": len(connected),
        "bridge_versions": _join_unique(coordinator.server.version for coordinator in loaded),
        "accounts": sum(len(coordinator.accounts) for coordinator in loaded),
        "open_alerts": sum(
            len(coordinator.alerts) + sum(len(account.alerts) for account in coordinator.accounts.values())
            for coordinator in loaded
        ),
        **{
            # Only the label of the first bridge is translated; more than one is rare.
            "can_reach_bridge" if number == 1 else f"can_reach_bridge_{number}": _check_reachable(coordinator)
            for number, coordinator in enumerate(loaded, 1)
        },
    }


async def _check_reachable(coordinator: PrepaidMeterCoordinator) -> str | dict[str, str]:
    try:
        await coordinator.connection.info()
    except PrepaidMeterError:
        return {"type": "failed", "error": "unreachable"}
    return "ok"


def _join_unique(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))
