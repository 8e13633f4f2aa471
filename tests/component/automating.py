"""Set up automations in tests and read the data of their runs."""

from typing import Any

from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_capture_events

BALANCE = "sensor.flat_1_balance"
OF_FLAT_1 = {"entity_id": BALANCE}


async def automate(
    hass: HomeAssistant,
    trigger: str,
    *,
    target: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    condition: dict[str, Any] | None = None,
) -> list[Event[Any]]:
    """Set up an automation; return a list to which each run adds its trigger data."""
    names = (
        "account", "account_id", "device_id", "amount", "balance", "threshold", "reason", "seconds_left",
        "runs_out", "last_top_up_at", "late",
    )  # fmt: skip
    payload = {name: f"{{{{ trigger.{name} | default('') }}}}" for name in names}
    config: dict[str, Any] = {
        "alias": trigger,
        "triggers": [{"trigger": f"prepaid_meter.{trigger}", "target": target or OF_FLAT_1}],
        "conditions": [condition] if condition else [],
        "actions": [{"event": "automation_ran", "event_data": payload}],
    }
    if options:
        config["triggers"][0]["options"] = options
    runs = async_capture_events(hass, "automation_ran")
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get(f"automation.{trigger}")
    assert state is not None, "the automation is not valid"
    assert state.state == "on", state
    return runs


def trigger_data(runs: list[Event[Any]]) -> list[dict[str, Any]]:
    """Return the trigger data of each run, without empty values."""
    return [{name: value for name, value in run.data.items() if value != ""} for run in runs]
