"""Hours without network, restarts of either side, revoked tokens: detected once, recovered without reload."""

import asyncio
from collections import Counter
from dataclasses import replace
import logging
from typing import Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.prepaid_meter import history
from custom_components.prepaid_meter.client import stream
from custom_components.prepaid_meter.client.protocol import EventKind, HistoryPage
from custom_components.prepaid_meter.client.vocabulary import AlertKind, SupplyReason, SupplyState
from custom_components.prepaid_meter.const import DOMAIN
from custom_components.prepaid_meter.diagnostics import async_get_config_entry_diagnostics
from tests.component.automating import automate, trigger_data
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, FakeBridge, account_view, alert_view

pytestmark = pytest.mark.usefixtures("all_entities_enabled")

BALANCE = "sensor.flat_1_balance"
ALERT = "event.flat_1_alert"
CUT = {"state": "disconnected", "was": "connected", "reason": "credit_exhausted", "note": None}


def integration_log(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the integration's log messages of level info or higher."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("custom_components.") and record.levelno >= logging.INFO
    ]


def became_unavailable(changes: list[Any]) -> Counter[str]:
    """Return how often each entity became unavailable."""
    return Counter(
        change.data["entity_id"]
        for change in changes
        if change.data["new_state"] is not None
        and change.data["new_state"].state == "unavailable"
        and change.data["old_state"].state != "unavailable"
    )


def event_types(changes: list[Any], entity_id: str) -> list[str]:
    """Return the distinct events of an event entity."""
    told_at = [
        (change.data["new_state"].state, change.data["new_state"].attributes.get("event_type"))
        for change in changes
        if change.data["entity_id"] == entity_id and change.data["new_state"] is not None
    ]
    return [kind for at, kind in dict.fromkeys(told_at) if kind]


def tasks_of_ours() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if DOMAIN in task.get_name()]


async def test_an_hour_without_network_is_logged_once_changes_states_once_and_is_caught_up(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    runs = await automate(hass, "supply_cut")
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    gone = 0.0
    monkeypatch.setattr(stream, "FIRST_RETRY_SECONDS", 1.0)
    loaded.runtime_data._stream._first_retry_seconds = 1.0
    measured = stream.BridgeStream._delay

    def hurried(self: stream.BridgeStream, failures: int) -> float:
        nonlocal gone
        gone += measured(self, failures)
        return 0.001

    monkeypatch.setattr(stream.BridgeStream, "_delay", hurried)
    await bridge.stop()
    bridge.accounts["flat-1"] = account_view(
        available=-5, supply=replace(CONNECTED, state=SupplyState.DISCONNECTED)
    )
    for _ in range(3):
        await bridge.happen(EventKind.ALERT_OPENED, {"kind": "low_credit", "message": "Low"})
    await bridge.happen(EventKind.SUPPLY_CHANGED, CUT)
    await eventually(lambda: gone > 3_600)
    entities = len(hass.states.async_all()) - len(hass.states.async_all("automation"))

    await bridge.start()
    await eventually(lambda: hass.states.is_state(BALANCE, "0.00"))
    await eventually(lambda: runs)

    once = became_unavailable(changes)
    # All but the connection sensor, which is off instead.
    assert len(once) == entities - 1
    assert set(once.values()) == {1}
    (lost, back) = integration_log(caplog)
    assert lost.startswith("Connection to Long Street lost: ")
    assert back == "Connection to Long Street restored"
    assert [run["late"] for run in trigger_data(runs)] == [True]
    assert event_types(changes, ALERT) == ["opened"] * 3
    assert loaded.state is ConfigEntryState.LOADED


async def test_repeated_restarts_of_the_bridge_repeat_no_event(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    runs = await automate(hass, "top_up_received")
    for n in range(1, 5):
        await eventually(lambda: bridge.open_sockets)
        await bridge.happen(EventKind.TOP_UP, {"amount": n * 1_000_000, "balance_after": 0})
        await eventually(lambda: len(runs) == n)  # noqa: B023 - awaited here
        await bridge.stop()
        await bridge.start()
    await eventually(lambda: bridge.open_sockets)
    assert [run["amount"] for run in trigger_data(runs)] == [1.0, 2.0, 3.0, 4.0]


async def test_missed_events_reach_event_entities_once_and_fire_no_trigger(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    eventually: Eventually,
    hass_storage: dict[str, Any],
) -> None:
    runs = await automate(hass, "supply_cut")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    await bridge.happen(EventKind.ALERT_OPENED, {"kind": "low_credit", "message": "Low"})
    await eventually(lambda: entry.runtime_data.store.last_event == 8)
    # Home Assistant stops without unloading entries, but writes pending data.
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["last_event"] == 8
    assert await hass.config_entries.async_unload(entry.entry_id)
    await eventually(lambda: not bridge.open_sockets)

    for _ in range(2):
        await bridge.happen(EventKind.ALERT_CLOSED, {"kind": "low_credit", "message": "Low"})
    await bridge.happen(EventKind.SUPPLY_CHANGED, CUT)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for since in (8, 11):
        assert await hass.config_entries.async_setup(entry.entry_id)
        await eventually(lambda: bridge.open_sockets and entry.runtime_data.store.last_event == 11)
        assert bridge.subscriptions[-1]["since"] == since
        assert event_types(changes, ALERT).count("closed") == 2
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert not runs


async def test_a_revoked_token_starts_one_reauthentication_which_restores_the_connection(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    bridge.token = "pmb_other"
    await bridge.drop()
    await eventually(lambda: any(loaded.async_get_active_flows(hass, {SOURCE_REAUTH})))
    await asyncio.sleep(0.05)
    (flow,) = loaded.async_get_active_flows(hass, {SOURCE_REAUTH})
    assert set(became_unavailable(changes).values()) == {1}

    done = await hass.config_entries.flow.async_configure(flow["flow_id"], {"token": "pmb_other"})

    assert (done["type"], done["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await eventually(lambda: hass.states.is_state(BALANCE, "187.12"))


async def test_a_token_that_loses_its_permission_starts_reauthentication(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    bridge.refuse_with = (403, {"code": "not_allowed", "message": "No more."})
    await bridge.drop()
    await eventually(lambda: any(loaded.async_get_active_flows(hass, {SOURCE_REAUTH})))


async def test_an_event_entity_keeps_its_time_when_the_entry_is_reloaded_while_the_bridge_is_away(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    """That is what a new token does: the entities are unavailable, and then the entry is reloaded."""
    await eventually(lambda: bridge.open_sockets)
    await bridge.happen(EventKind.ALERT_OPENED, {"kind": "low_credit", "message": "Low"})
    await eventually(lambda: not hass.states.is_state(ALERT, "unknown"))
    before = hass.states.get(ALERT)
    assert before is not None
    for _ in range(2):
        await bridge.stop()
        await eventually(lambda: hass.states.is_state(ALERT, "unavailable"))
        await bridge.start()
        assert await hass.config_entries.async_reload(loaded.entry_id)
        await eventually(lambda: bridge.open_sockets)
        after = hass.states.get(ALERT)
        assert after is not None
        assert (after.state, after.attributes) == (before.state, before.attributes)


@pytest.mark.parametrize(
    "refusal, reason",
    [((401, "not_authenticated"), "invalid_auth"), ((403, "not_allowed"), "not_allowed")],
)
async def test_a_refused_token_is_not_a_bridge_out_of_reach(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
    refusal: tuple[int, str],
    reason: str,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    connection = "binary_sensor.long_street_connection"
    assert lost_because(hass, connection) == ("on", None)
    await bridge.stop()
    await eventually(lambda: lost_because(hass, connection) == ("off", "cannot_connect"))
    status, code = refusal
    bridge.refuse_with = (status, {"code": code, "message": "No more."})
    await bridge.start()
    await eventually(lambda: lost_because(hass, connection) == ("off", reason))
    await eventually(lambda: any(loaded.async_get_active_flows(hass, {SOURCE_REAUTH})))
    (flow,) = loaded.async_get_active_flows(hass, {SOURCE_REAUTH})
    form = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["errors"] == {"base": reason}
    assert issue_registry.async_get_issue("homeassistant", f"config_entry_reauth_{DOMAIN}_{loaded.entry_id}")
    assert (await async_get_config_entry_diagnostics(hass, loaded))["lost_because"] == reason
    bridge.refuse_with = None
    await eventually(lambda: lost_because(hass, connection) == ("on", None))
    form = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert form["errors"] == {}


def lost_because(hass: HomeAssistant, entity_id: str) -> tuple[str, object]:
    state = hass.states.get(entity_id)
    assert state is not None
    return state.state, state.attributes.get("reason")


async def test_a_bridge_that_becomes_too_new_while_running_is_reported_and_reconnected_without_a_reload(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    coordinator, fitting = loaded.runtime_data, bridge.info
    bridge.info = replace(fitting, schema_version=9, min_schema_version=2, version="9.0.0")
    await bridge.drop()
    issue_id = f"version_{loaded.entry_id}"
    await eventually(lambda: issue_registry.async_get_issue(DOMAIN, issue_id))
    assert hass.states.is_state(BALANCE, "unavailable")
    await asyncio.sleep(0.05)
    bridge.info = fitting
    await eventually(lambda: hass.states.is_state(BALANCE, "187.12"))
    assert not issue_registry.async_get_issue(DOMAIN, issue_id)
    assert loaded.runtime_data is coordinator
    assert len([line for line in integration_log(caplog) if " lost: " in line]) == 1


async def test_a_bridge_with_a_wrong_clock_stays_connected_and_raises_an_issue(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    issue_registry: ir.IssueRegistry,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    runs = await automate(hass, "supply_cut")
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    unsure = replace(CONNECTED, reason=SupplyReason.CLOCK_UNSURE)
    await bridge.update_alerts(alert_view(AlertKind.CLOCK_WRONG, account_id=None))
    await bridge.update(account_view(supply=unsure, seconds_left=None))
    await eventually(lambda: hass.states.is_state("sensor.flat_1_supply_reason", "clock_unsure"))
    assert issue_registry.async_get_issue(DOMAIN, f"clock_wrong_{loaded.entry_id}")
    assert hass.states.is_state("sensor.flat_1_runs_out", "unknown")
    await bridge.update_alerts()
    await bridge.update(account_view())
    await eventually(lambda: not issue_registry.issues)
    assert not became_unavailable(changes)
    assert not runs


@pytest.mark.parametrize("away", [False, True])
async def test_nothing_lingers_after_unloading_whether_the_bridge_is_reachable_or_not(
    recorder_mock: object,
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    eventually: Eventually,
    *,
    away: bool,
) -> None:
    bridge.history = lambda _query: HistoryPage(seq=0, accounts=(), next_account=None)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    assert len(tasks_of_ours()) == 2
    if away:
        await bridge.stop()
        await eventually(lambda: not entry.runtime_data.available)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await eventually(lambda: not bridge.open_sockets)
    assert not tasks_of_ours()


async def test_unloading_during_a_history_import_leaves_nothing(
    recorder_mock: object,
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "PAUSE_SECONDS", 0.0)
    asked = asyncio.Event()

    async def never(*_args: object, **_changes: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("custom_components.prepaid_meter.client.BridgeConnection.history", never)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await asked.wait()
    assert await hass.config_entries.async_unload(entry.entry_id)
    await eventually(lambda: not bridge.open_sockets)
    assert not tasks_of_ours()


async def test_starting_while_the_bridge_is_unreachable_keeps_devices_and_entities(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)
    entities = set(entity_registry.entities)
    await bridge.stop()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert set(entity_registry.entities) == entities
    assert hass.states.is_state(BALANCE, "unavailable")
    await bridge.start()
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert hass.states.is_state(BALANCE, "187.12")
    assert await hass.config_entries.async_unload(entry.entry_id)
