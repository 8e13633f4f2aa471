"""Conditions test current values, and are never met while a value is unknown."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition as condition_helper
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter import condition, friendly_hours
from custom_components.prepaid_meter.client.protocol import AccountView
from custom_components.prepaid_meter.client.vocabulary import SupplyState
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, ZAR, FakeBridge, account_view, rich_account

pytestmark = pytest.mark.usefixtures("all_entities_enabled")

BOTH = {"entity_id": ["sensor.flat_1_balance", "sensor.flat_2_balance"]}
CUT = replace(CONNECTED, state=SupplyState.DISCONNECTED)


async def holds(hass: HomeAssistant, name: str, target: dict[str, Any], **options: Any) -> bool | None:  # noqa: ANN401
    config = {"condition": f"prepaid_meter.{name}", "target": target, "options": options}
    validated = await condition_helper.async_validate_condition_config(hass, config)
    checker = await condition_helper.async_from_config(hass, validated)
    try:
        return checker.async_check()
    finally:
        checker.async_unload()


@pytest.fixture
async def two(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> FakeBridge:
    """Run a bridge with two accounts, the second with more credit."""
    bridge.accounts = {
        "flat-1": account_view(available=9 * ZAR, supply=CUT),
        "flat-2": account_view("flat-2", available=90 * ZAR, seconds_left=None),
    }
    await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    return bridge


@pytest.mark.parametrize(
    "name, options, any_of, all_of",
    [
        ("credit_is_below", {"amount": 9}, False, False),
        ("credit_is_below", {"amount": 9.01}, True, False),
        ("credit_is_below", {"amount": 100}, True, True),
        ("runs_out_within", {"within": {"days": 1}}, False, False),
        ("runs_out_within", {"within": {"days": 4}}, True, False),
        ("supply_is_connected", {}, True, False),
        ("in_friendly_hours", {}, False, False),
    ],
)
async def test_a_condition_is_met_by_any_or_by_all(
    hass: HomeAssistant,
    two: FakeBridge,
    name: str,
    options: dict[str, Any],
    any_of: bool,  # noqa: FBT001
    all_of: bool,  # noqa: FBT001
) -> None:
    assert await holds(hass, name, BOTH, **options) is any_of
    assert await holds(hass, name, BOTH, **options, behavior="all") is all_of


@pytest.mark.parametrize(
    "at, on",
    [("15:59", False), ("16:00", True), ("23:00", True)],
)
async def test_friendly_hours_follow_the_clock(
    hass: HomeAssistant,
    two: FakeBridge,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    on: bool,  # noqa: FBT001
) -> None:
    flat: AccountView = rich_account()
    await two.update(flat)
    await eventually(lambda: hass.states.get("binary_sensor.flat_1_friendly_hours"))
    now = datetime.fromisoformat(f"2026-11-10T{at}").replace(tzinfo=UTC)
    monkeypatch.setattr(friendly_hours, "utcnow", lambda: now)
    assert await holds(hass, "in_friendly_hours", {"entity_id": "sensor.flat_1_balance"}) is on


async def test_a_condition_on_an_unknown_value_is_never_met(
    hass: HomeAssistant, two: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> None:
    second = {"entity_id": "sensor.flat_2_balance"}
    assert await holds(hass, "supply_is_connected", second)
    assert not await holds(hass, "supply_is_connected", {"entity_id": "sun.sun"}, behavior="all")
    await two.stop()
    await eventually(lambda: hass.states.is_state("sensor.flat_2_balance", "unavailable"))
    assert not await holds(hass, "supply_is_connected", second)
    assert not await holds(hass, "credit_is_below", second, amount=1000)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not await holds(hass, "supply_is_connected", second)


async def test_the_editor_lists_every_condition(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    described = await condition_helper.async_get_all_descriptions(hass)
    ours = {name.partition(".")[2] for name in described if name.startswith("prepaid_meter.")}
    file = set(load_yaml_dict(Path(condition.__file__).parent / "conditions.yaml"))
    assert ours == set(condition.CONDITIONS) == {name for name in file if not name.startswith(".")}
