"""Triggers fire once for an event, and never for mere changes of states."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.trigger import async_get_all_descriptions
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter import coordinator, trigger
from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.client.vocabulary import SupplyState
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.automating import BALANCE, automate, trigger_data
from tests.component.conftest import Eventually
from tests.component.fake_bridge import (
    CONNECTED,
    INSTALLATION_ID,
    ZAR,
    FakeBridge,
    account_view,
    top_up_view,
)

LOW: dict[str, Any] = {"id": "a", "kind": "low_credit", "message": "Low", "detail": "20000000"}
CUT: dict[str, Any] = {
    "state": "disconnected",
    "was": "connected",
    "reason": "credit_exhausted",
    "note": None,
}
RESTORED: dict[str, Any] = {"state": "connected", "was": "disconnected", "reason": "in_credit", "note": None}
TOP_UP: dict[str, Any] = {name: value for name, value in asdict(top_up_view()).items() if name != "at"}
HAPPENINGS = {
    "credit_became_low": (EventKind.ALERT_OPENED, LOW),
    "supply_cut": (EventKind.SUPPLY_CHANGED, CUT),
    "supply_restored": (EventKind.SUPPLY_CHANGED, RESTORED),
    "top_up_received": (EventKind.TOP_UP, TOP_UP),
}
NO_SUPPLY = replace(CONNECTED, state=SupplyState.DISCONNECTED)
STILL_SO = {
    "credit_became_low": account_view(low_credit=True),
    "supply_cut": account_view(supply=NO_SUPPLY),
    "supply_restored": account_view(),
    "top_up_received": account_view(),
}
OVER = {
    "credit_became_low": account_view(low_credit=False),
    "supply_cut": account_view(),
    "supply_restored": account_view(supply=NO_SUPPLY),
}


@pytest.fixture
async def following(bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually) -> FakeBridge:
    """Run a bridge to which Home Assistant is connected."""
    await eventually(lambda: bridge.open_sockets)
    return bridge


async def marked(hass: HomeAssistant, bridge: FakeBridge, eventually: Eventually) -> None:
    """Wait until all earlier messages of the bridge have been processed: they are processed in order."""
    bridge.accounts["flat-1"] = replace(
        bridge.accounts["flat-1"], balance=bridge.seq, available=bridge.seq * ZAR
    )
    await bridge.update(bridge.accounts["flat-1"])
    await eventually(lambda: hass.states.is_state(BALANCE, f"{bridge.seq}.00"))


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_an_event_of_the_account_fires_once(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    kind, data = HAPPENINGS[name]
    await following.happen(kind, data)
    await eventually(lambda: runs)
    await following.happen(kind, data, account_id="flat-2")
    await marked(hass, following, eventually)
    assert len(runs) == 1
    assert (runs[0].data["account"], runs[0].data["late"]) == ("Flat 1", False)
    device = dr.async_get(hass).async_get(runs[0].data["device_id"])
    assert device is not None
    assert device.name == "Flat 1"


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_an_event_of_another_kind_does_not_fire(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    for other, (kind, data) in HAPPENINGS.items():
        if other != name:
            await following.happen(kind, data)
    await following.happen(EventKind.ALERT_OPENED, LOW | {"kind": "tamper"})
    await following.happen(EventKind.ALERT_CLOSED, LOW)
    await following.happen(
        EventKind.SUPPLY_CHANGED, RESTORED | {"was": "connected", "reason": "friendly_hours"}
    )
    await following.happen(EventKind.SUPPLY_CHANGED, CUT | {"was": "disconnected", "reason": "landlord_off"})
    await following.happen(EventKind.SUPPLY_CHANGED, {"state": "connected", "reason": "in_credit"})
    await following.happen(EventKind.TOP_UP, {"of": "a newer shape"})
    await marked(hass, following, eventually)
    assert runs == []


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_an_account_outside_the_target_does_not_fire(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    await following.update(account_view("flat-2"))
    await eventually(lambda: hass.states.get("sensor.flat_2_balance"))
    runs = await automate(hass, name, target={"entity_id": "sensor.flat_2_balance"})
    await following.happen(*HAPPENINGS[name])
    await marked(hass, following, eventually)
    assert runs == []
    await following.happen(*HAPPENINGS[name], account_id="flat-2")
    await eventually(lambda: runs)


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_losing_and_restoring_the_connection_fires_nothing(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    following.accounts["flat-1"] = STILL_SO[name]
    await following.stop()
    await eventually(lambda: hass.states.is_state(BALANCE, "unavailable"))
    await following.start()
    await eventually(lambda: following.open_sockets)
    await marked(hass, following, eventually)
    assert runs == []


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_an_event_during_an_interruption_fires_once_after_reconnecting(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    await following.stop()
    following.accounts["flat-1"] = STILL_SO[name]
    await following.happen(*HAPPENINGS[name])
    await following.start()
    await eventually(lambda: runs)
    assert [run.data["late"] for run in runs] == [True]
    await following.drop()
    await eventually(lambda: len(following.subscriptions) == 3)
    await marked(hass, following, eventually)
    assert len(runs) == 1


@pytest.mark.parametrize("name", OVER)
async def test_an_event_that_no_longer_applies_after_reconnecting_does_not_fire(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    await following.stop()
    following.accounts["flat-1"] = OVER[name]
    await following.happen(*HAPPENINGS[name])
    await following.start()
    await eventually(lambda: following.open_sockets)
    await marked(hass, following, eventually)
    assert runs == []


@pytest.mark.parametrize("name", HAPPENINGS)
async def test_a_reload_fires_nothing_and_the_trigger_keeps_working(
    hass: HomeAssistant, following: FakeBridge, loaded: MockConfigEntry, eventually: Eventually, name: str
) -> None:
    runs = await automate(hass, name)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    following.accounts["flat-1"] = STILL_SO[name]
    await following.happen(*HAPPENINGS[name])
    await hass.config_entries.async_setup(loaded.entry_id)
    await eventually(lambda: following.open_sockets)
    await marked(hass, following, eventually)
    assert runs == []
    await following.happen(*HAPPENINGS[name])
    await eventually(lambda: runs)


async def test_low_credit_has_its_threshold(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_became_low")
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await following.happen(EventKind.ALERT_OPENED, LOW | {"detail": "new"})
    await eventually(lambda: len(runs) == 2)
    assert [str(run.get("threshold")) for run in trigger_data(runs)] == ["20.0", "None"]


@pytest.mark.parametrize("reason, times", [("credit_exhausted", 1), ("landlord_off", 0)])
async def test_cuts_can_be_filtered_by_reason(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually, reason: str, times: int
) -> None:
    runs = await automate(hass, "supply_cut", options={"reason": [reason]})
    await following.happen(EventKind.SUPPLY_CHANGED, CUT)
    await following.happen(EventKind.SUPPLY_CHANGED, CUT | {"reason": "protection"})
    await marked(hass, following, eventually)
    assert [run.data["reason"] for run in runs] == ["credit_exhausted"] * times


async def test_small_top_ups_can_be_ignored(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "top_up_received", options={"minimum_amount": 50})
    await following.happen(EventKind.TOP_UP, TOP_UP | {"amount": 49_990_000})
    await following.happen(EventKind.TOP_UP, TOP_UP | {"amount": 50_000_000})
    await marked(hass, following, eventually)
    assert [run.data["amount"] for run in runs] == [50.0]


DAY = 86_400


async def forecast(bridge: FakeBridge, *seconds: int | None) -> None:
    for left in seconds:
        await bridge.update(account_view(seconds_left=left))


async def test_a_forecast_that_falls_below_the_limit_fires_once(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "runs_out_within", options={"within": {"days": 1}})
    await forecast(following, 3 * DAY, None, DAY + 60, DAY - 1, DAY + 60, DAY - 100, None, DAY - 200)
    await marked(hass, following, eventually)
    assert [run.data["seconds_left"] for run in runs] == [DAY - 1]
    await forecast(following, 2 * DAY, DAY // 2)
    await eventually(lambda: len(runs) == 2)


async def test_a_forecast_below_the_limit_from_the_start_fires_nothing(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> None:
    bridge.accounts["flat-1"] = account_view(seconds_left=DAY // 2)
    runs = await automate(hass, "runs_out_within", options={"within": "24:00:00"})
    await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    await forecast(bridge, DAY // 3)
    await bridge.stop()
    await bridge.start()
    await eventually(lambda: bridge.open_sockets)
    await marked(hass, bridge, eventually)
    assert runs == []
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("attached", ["before the restart", "after the bridge was connected"])
async def test_a_forecast_that_fell_while_home_assistant_was_not_running_fires_once(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually, attached: str
) -> None:
    await ran_before(hass, bridge, entry, eventually, 3 * DAY)
    runs = []
    if attached == "before the restart":
        runs = await automate(hass, "runs_out_within", options={"within": {"days": 1}})
    for left in (DAY // 2, DAY // 3):
        bridge.accounts["flat-1"] = account_view(seconds_left=left)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await eventually(lambda: bridge.open_sockets)
        if attached != "before the restart" and not runs:
            runs = await automate(hass, "runs_out_within", options={"within": {"days": 1}})
        await marked(hass, bridge, eventually)
        assert [run.data["seconds_left"] for run in runs] == [DAY // 2]
        assert await hass.config_entries.async_unload(entry.entry_id)


async def ran_before(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually, left: int
) -> None:
    """Run the integration with a forecast, and stop it."""
    bridge.accounts["flat-1"] = account_view(seconds_left=left)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_automation_that_is_saved_long_after_the_restart_looks_at_no_old_forecast(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await ran_before(hass, bridge, entry, eventually, 3 * DAY)
    bridge.accounts["flat-1"] = account_view(seconds_left=DAY // 2)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    monkeypatch.setattr(coordinator, "RESTART_SECONDS", 0)
    runs = await automate(hass, "runs_out_within", options={"within": {"days": 1}})
    await marked(hass, bridge, eventually)
    assert runs == []
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_forecast_is_stored_when_home_assistant_stops(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    stored = hass_storage[f"{DOMAIN}.{loaded.entry_id}"]["data"]
    assert stored["forecasts"] == {"flat-1": 345_600}


async def test_a_forecast_of_another_account_fires_nothing(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(
        hass, "runs_out_within", options={"within": {"days": 1}}, target={"entity_id": "sun.sun"}
    )
    await forecast(following, 3 * DAY, DAY // 2)
    await marked(hass, following, eventually)
    assert runs == []


async def credit(bridge: FakeBridge, *levels: str) -> None:
    for level in levels:
        await bridge.update(account_view(low_credit=level == "low"))


async def test_credit_that_is_no_longer_low_fires_once(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_recovered")
    await credit(following, "enough", "low", "low", "enough", "enough")
    await marked(hass, following, eventually)
    assert len(runs) == 1
    await credit(following, "low", "enough")
    await eventually(lambda: len(runs) == 2)


async def test_credit_that_recovers_during_an_interruption_fires_after_reconnecting(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_recovered")
    await credit(following, "low")
    await eventually(lambda: hass.states.is_state("binary_sensor.flat_1_low_credit", "on"))
    await following.drop()
    await eventually(lambda: len(following.subscriptions) == 2)
    await marked(hass, following, eventually)
    assert runs == []
    await following.stop()
    following.accounts["flat-1"] = account_view(low_credit=False)
    await following.start()
    await eventually(lambda: runs)


async def test_credit_that_recovers_while_the_entry_is_unloaded_fires_nothing(
    hass: HomeAssistant, following: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_recovered")
    await credit(following, "low")
    await eventually(lambda: hass.states.is_state("binary_sensor.flat_1_low_credit", "on"))
    assert await hass.config_entries.async_unload(loaded.entry_id)
    following.accounts["flat-1"] = account_view(low_credit=False)
    await hass.config_entries.async_setup(loaded.entry_id)
    await eventually(lambda: following.open_sockets)
    await marked(hass, following, eventually)
    assert runs == []


async def test_credit_of_another_account_that_recovers_fires_nothing(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_recovered", target={"entity_id": "sun.sun"})
    await credit(following, "low", "enough")
    await marked(hass, following, eventually)
    assert runs == []


async def test_every_trigger_includes_the_remaining_credit(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    runs = await automate(hass, "credit_became_low")
    await following.happen(EventKind.ALERT_OPENED, LOW)
    await eventually(lambda: runs)
    (run,) = trigger_data(runs)
    assert (run["balance"], run["seconds_left"]) == (187.12, 4 * DAY)
    assert run["last_top_up_at"] == "2026-11-09T18:30:00.000Z"
    assert run["runs_out"].endswith("+00:00")


@pytest.mark.parametrize("chosen", ["device", "area", "label", "any entity"])
async def test_a_target_may_be_anything_that_contains_the_account(
    hass: HomeAssistant, following: FakeBridge, loaded: MockConfigEntry, eventually: Eventually, chosen: str
) -> None:
    registry = dr.async_get(hass)
    flat = registry.async_get_device_by_identifier((DOMAIN, f"{INSTALLATION_ID}/flat-1"), loaded.entry_id)
    assert flat is not None
    registry.async_update_device(flat.id, area_id="attic", labels={"tenants"})
    target = {
        "device": {"device_id": flat.id},
        "area": {"area_id": "attic"},
        "label": {"label_id": "tenants"},
        "any entity": {"entity_id": "event.flat_1_alert"},
    }[chosen]
    runs = await automate(hass, "top_up_received", target=target)
    await following.happen(EventKind.TOP_UP, TOP_UP)
    await eventually(lambda: runs)


async def test_a_bridge_is_not_an_account(
    hass: HomeAssistant, following: FakeBridge, eventually: Eventually
) -> None:
    target = {"entity_id": "binary_sensor.long_street_connection"}
    runs = await automate(hass, "top_up_received", target=target)
    await following.happen(EventKind.TOP_UP, TOP_UP)
    await marked(hass, following, eventually)
    assert runs == []


async def test_the_editor_lists_every_trigger_with_its_target(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    described = await async_get_all_descriptions(hass)
    ours = {
        name.partition(".")[2]: description
        for name, description in described.items()
        if name.startswith(f"{DOMAIN}.")
    }
    assert (
        set(ours)
        == set(trigger.TRIGGERS)
        == set(load_yaml_dict(Path(trigger.__file__).parent / "triggers.yaml")) - {".account"}
    )
    for description in ours.values():
        assert description is not None
        assert description["target"]["entity"][0]["integration"] == DOMAIN
