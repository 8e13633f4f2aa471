"""Buttons, numbers and the update entity: their requests to the bridge, and which roles get them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.prepaid_meter import friendly_hours
from custom_components.prepaid_meter.client.protocol import FriendlyHoursView, Role
from custom_components.prepaid_meter.client.vocabulary import EmergencyCreditState
from custom_components.prepaid_meter.const import DOMAIN
from custom_components.prepaid_meter.update import newest
from tests.component.conftest import Eventually
from tests.component.fake_bridge import (
    CONNECTED,
    INSTALLATION_ID,
    ZAR,
    FakeBridge,
    account_view,
    rich_account,
)

pytestmark = pytest.mark.usefixtures("all_entities_enabled")


@pytest.fixture
def bridge(bridge: FakeBridge) -> FakeBridge:
    """Run a bridge with an account that has all features."""
    bridge.accounts["flat-1"] = rich_account()
    return bridge


def value(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def press(hass: HomeAssistant, entity_id: str) -> None:
    await hass.services.async_call("button", "press", {"entity_id": entity_id}, blocking=True)


async def set_number(hass: HomeAssistant, entity_id: str, to: float) -> None:
    data = {"entity_id": entity_id, "value": to}
    await hass.services.async_call("number", "set_value", data, blocking=True)


async def test_the_customer_selects_emergency_credit(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await press(hass, "button.flat_1_use_emergency_credit")
    path, key, body = bridge.requests[0]
    assert path == "/api/v1/accounts/flat-1/emergency-credit"
    assert (len(key), body) == (32, {})


@pytest.mark.parametrize("button, action", [("reconnect_supply", "confirm"), ("reset_protection", "reset")])
async def test_an_armed_supply_is_confirmed_and_a_protection_reset(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, button: str, action: str
) -> None:
    await press(hass, f"button.flat_1_{button}")
    assert bridge.requests[0][2] == {"action": action}


async def test_a_refusal_is_translated_and_logged(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    bridge.refuse_with = (409, {"code": "conflict", "message": "Not armed.", "remedy": "Top up first."})
    with pytest.raises(ServiceValidationError, match="current state"):
        await press(hass, "button.flat_1_reconnect_supply")
    assert "Not armed. Top up first." in caplog.text


async def test_a_threshold_is_set_among_the_others_and_shown_at_once(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    assert value(hass, "number.flat_1_low_credit_threshold") == "20.0"
    assert value(hass, "number.flat_1_low_credit_threshold_2") == "5.0"
    await set_number(hass, "number.flat_1_low_credit_threshold_2", 7.5)
    assert bridge.requests[0][2] == {"low_credit": ["20.00", "7.50"]}
    assert value(hass, "number.flat_1_low_credit_threshold_2") == "7.5"


async def test_a_removed_threshold_is_unavailable(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(rich_account(low_credit_thresholds=(20 * ZAR,), load_limit_mw=None))
    await eventually(lambda: value(hass, "number.flat_1_low_credit_threshold_2") == "unavailable")
    assert value(hass, "number.flat_1_load_limit_without_credit") == "unavailable"


async def test_the_load_limit_is_set_in_watts(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await set_number(hass, "number.flat_1_load_limit_without_credit", 750)
    assert bridge.requests[0][2] == {"load_limit_w": 750}
    assert value(hass, "number.flat_1_load_limit_without_credit") == "750.0"


@pytest.mark.parametrize(
    "role, offered",
    [
        (
            Role.LANDLORD,
            {"number", "confirm_supply", "select_emergency_credit", "reset_protection"},
        ),
        (Role.CARETAKER, {"reset_protection"}),
        (Role.TENANT, {"confirm_supply", "select_emergency_credit"}),
    ],
)
async def test_a_token_gets_only_the_entities_it_may_use(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    role: Role,
    offered: set[str],
) -> None:
    bridge.role = role
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    entities = {
        entity.translation_key if entity.domain == "button" else entity.domain
        for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if entity.domain in {"button", "number"}
    }
    assert entities == offered
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_friendly_hours_start_and_end_by_the_clock(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    now = datetime.now(UTC).replace(microsecond=0)
    # Soon, as the clock that is moved on is also that of the connection, which takes silence for a loss.
    start, end = now + timedelta(seconds=20), now + timedelta(seconds=40)
    hours = FriendlyHoursView(start=start.isoformat(), end=end.isoformat())
    await bridge.update(rich_account(friendly_hours=hours))
    entity = "binary_sensor.flat_1_friendly_hours"
    await eventually(lambda: getattr(hass.states.get(entity), "attributes", {}).get("start") == start)
    assert value(hass, entity) == "off"
    for at, shown in ((start, "on"), (end, "off")):
        monkeypatch.setattr(friendly_hours, "utcnow", lambda at=at: at)
        async_fire_time_changed(hass, at + timedelta(seconds=1))
        await hass.async_block_till_done()
        assert value(hass, entity) == shown
    await bridge.update(rich_account(friendly_hours=None))
    await eventually(lambda: "start" not in getattr(hass.states.get(entity), "attributes", {"start": 1}))
    assert value(hass, entity) == "off"


async def test_a_pending_cut_shows_its_time(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    waiting = replace(CONNECTED, cut_at="2026-11-11T06:00:00.000Z")
    await bridge.update(rich_account(supply=waiting, amount_to_restore=4_200_000))
    await eventually(lambda: value(hass, "sensor.flat_1_supply_cut") == "2026-11-11T06:00:00+00:00")
    assert value(hass, "sensor.flat_1_amount_to_restore_supply") == "4.20"


async def test_emergency_credit_in_use_is_shown(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    known = rich_account()
    assert known.emergency_credit is not None
    lent = replace(known.emergency_credit, state=EmergencyCreditState.IN_USE, left=3_500_000)
    await bridge.update(replace(known, emergency_credit=lent))
    await eventually(lambda: value(hass, "binary_sensor.flat_1_emergency_credit_in_use") == "on")
    assert value(hass, "sensor.flat_1_emergency_credit_left") == "3.50"
    new = replace(known.emergency_credit, state=EmergencyCreditState.UNKNOWN)
    await bridge.update(replace(known, emergency_credit=new))
    await eventually(lambda: value(hass, "binary_sensor.flat_1_emergency_credit_in_use") == "unknown")
    assert value(hass, "sensor.flat_1_emergency_credit") == "unknown"


async def test_a_phase_that_is_no_longer_reported_is_unknown(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    assert value(hass, "sensor.flat_1_phase_2_voltage") == "229.8"
    known = rich_account()
    (meter,) = known.meters
    await bridge.update(replace(known, meters=(replace(meter, phases=meter.phases[:1]),)))
    await eventually(lambda: value(hass, "sensor.flat_1_phase_2_voltage") == "unknown")
    await bridge.update(replace(known, meters=(replace(meter, online=False),)))
    await eventually(lambda: value(hass, "sensor.flat_1_phase_1_voltage") == "unavailable")


async def test_the_debt_sensor_appears_with_the_first_debt(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> None:
    bridge.accounts["flat-1"] = account_view()
    await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    assert hass.states.get("sensor.flat_1_debt") is None
    await bridge.update(account_view(arrears=12 * ZAR))
    await eventually(lambda: hass.states.get("sensor.flat_1_debt"))
    assert value(hass, "sensor.flat_1_debt") == "12.00"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_updated_bridge_shows_its_new_version_without_a_reload(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    assert value(hass, "update.long_street_bridge_version") == "off"
    bridge.info = replace(bridge.info, version="0.3.0", latest_version="0.4.0")
    await bridge.drop()
    await eventually(lambda: value(hass, "update.long_street_bridge_version") == "on")
    state = hass.states.get("update.long_street_bridge_version")
    assert state is not None
    assert (state.attributes["installed_version"], state.attributes["latest_version"]) == ("0.3.0", "0.4.0")
    device = device_registry.async_get_device_by_identifier((DOMAIN, INSTALLATION_ID), loaded.entry_id)
    assert device is not None
    assert device.sw_version == "0.3.0"


@pytest.mark.parametrize(
    "known, best",
    [
        (("0.1.0", "0.2.0", ""), "0.2.0"),
        (("0.10.0", "0.9.0", "0.9.5"), "0.10.0"),
        (("0.1.0", "latest", "0.1.1"), "0.1.1"),
        (("dev", "0.1.0"), "dev"),
    ],
)
def test_the_newest_known_version_is_shown(known: tuple[str, ...], best: str) -> None:
    assert newest(*known) == best
