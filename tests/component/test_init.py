"""Setup, loss of the connection, resuming, unloading."""

import asyncio
from dataclasses import asdict, replace
import logging
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.prepaid_meter import async_unload_entry
from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, FakeBridge, account_view, top_up_view

pytestmark = pytest.mark.usefixtures("all_entities_enabled")

BALANCE = "sensor.flat_1_balance"
TOP_UP = "event.flat_1_top_up"


def state_of(hass: HomeAssistant, entity_id: str) -> str:
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state.state


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigEntryState:
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    return entry.state


async def test_unloading_leaves_no_task_and_no_socket(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets == 1)

    assert await hass.config_entries.async_unload(loaded.entry_id)

    assert loaded.state is ConfigEntryState.NOT_LOADED
    await eventually(lambda: bridge.open_sockets == 0)
    assert not [task for task in asyncio.all_tasks() if "stream" in task.get_name()]


async def test_the_bridge_is_asked_to_tell_alerts_in_home_assistants_language(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    hass.config.language = "pt-BR"
    await set_up(hass, entry)
    assert bridge.languages == {"pt-BR"}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_update_changes_only_its_account(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> None:
    bridge.accounts["flat-2"] = account_view("flat-2")
    await set_up(hass, entry)
    await eventually(lambda: bridge.open_sockets)
    changes = async_capture_events(hass, "state_changed")

    await bridge.update(account_view(available=41_000_000))

    await eventually(lambda: state_of(hass, BALANCE) == "41.00")
    assert {change.data["entity_id"] for change in changes} == {BALANCE}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_entities_are_unavailable_while_the_connection_is_lost_and_recover_without_a_reload(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.stop()
    await eventually(lambda: state_of(hass, BALANCE) == "unavailable")
    assert state_of(hass, "binary_sensor.long_street_connection") == "off"
    await asyncio.sleep(0.1)

    bridge.accounts["flat-1"] = account_view(available=55_000_000)
    await bridge.start()

    await eventually(lambda: state_of(hass, BALANCE) == "55.00")
    assert state_of(hass, "binary_sensor.long_street_connection") == "on"
    assert loaded.state is ConfigEntryState.LOADED
    lines = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([line for line in lines if " lost: " in line]) == 1
    assert len([line for line in lines if line.endswith(" restored")]) == 1


async def test_events_of_a_broken_connection_arrive_once_and_in_order(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    seen: list[Any] = []
    loaded.runtime_data.async_on_event("flat-1", lambda event: seen.append(event.seq))
    await bridge.happen(EventKind.DEBT_CHANGED, {})
    await eventually(lambda: seen == [8])
    await bridge.stop()
    await bridge.happen(EventKind.DEBT_CHANGED, {})
    await bridge.happen(EventKind.DEBT_CHANGED, {})

    await bridge.start()

    await eventually(lambda: seen == [8, 9, 10])
    await eventually(lambda: bridge.open_sockets)
    assert [subscription.get("since") for subscription in bridge.subscriptions] == [None, 8]
    repeated = bridge.events[-1]
    await bridge.send(
        {"type": "event", "seq": repeated.seq, "at": repeated.at, "kind": "debt_changed"}
        | {"account_id": "flat-1", "meter_id": None, "data": {}}
    )
    await bridge.happen(EventKind.DEBT_CHANGED, {})
    await eventually(lambda: seen == [8, 9, 10, 11])


async def test_the_stream_of_a_restored_bridge_starts_again(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    seen: list[int] = []
    loaded.runtime_data.async_on_event("flat-1", lambda event: seen.append(event.seq))
    bridge.seq = 2
    await bridge.drop()
    await eventually(lambda: len(bridge.subscriptions) == 2 and bridge.open_sockets)

    await bridge.happen(EventKind.DEBT_CHANGED, {})

    await eventually(lambda: seen == [3])


async def test_a_revoked_token_starts_reauthentication(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    bridge.token = "pmb_other"

    await bridge.drop()

    await eventually(lambda: any(loaded.async_get_active_flows(hass, {SOURCE_REAUTH})))
    assert state_of(hass, BALANCE) == "unavailable"


async def test_an_unknown_token_at_startup_starts_reauthentication(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    bridge.token = "pmb_other"
    assert await set_up(hass, entry) is ConfigEntryState.SETUP_ERROR
    assert any(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


@pytest.mark.parametrize(
    "schema, issue",
    [
        ({"schema_version": 0, "min_schema_version": 0}, "bridge_too_old"),
        ({"schema_version": 9, "min_schema_version": 2}, "bridge_too_new"),
    ],
)
async def test_an_incompatible_bridge_is_reported_and_set_up_once_it_is_compatible(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    issue_registry: ir.IssueRegistry,
    schema: dict[str, int],
    issue: str,
) -> None:
    fitting = bridge.info
    bridge.info = replace(fitting, **schema)  # type: ignore[arg-type]

    assert await set_up(hass, entry) is ConfigEntryState.SETUP_RETRY
    reported = issue_registry.async_get_issue(DOMAIN, f"version_{entry.entry_id}")
    assert reported is not None
    assert reported.translation_key == issue

    bridge.info = fitting
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert not issue_registry.async_get_issue(DOMAIN, f"version_{entry.entry_id}")
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_removing_an_entry_deletes_its_issue(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, issue_registry: ir.IssueRegistry
) -> None:
    bridge.info = replace(bridge.info, schema_version=9, min_schema_version=2)
    await set_up(hass, entry)

    await hass.config_entries.async_remove(entry.entry_id)

    assert not issue_registry.async_get_issue(DOMAIN, f"version_{entry.entry_id}")


async def test_a_different_bridge_at_the_address_is_rejected(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    bridge.info = replace(bridge.info, installation_id="another")
    assert await set_up(hass, entry) is ConfigEntryState.SETUP_RETRY


async def test_setup_is_retried_while_the_bridge_is_unreachable(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    await bridge.stop()
    assert await set_up(hass, entry) is ConfigEntryState.SETUP_RETRY


async def test_alerts_without_an_account_are_shown_on_the_bridge(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    alerts = "binary_sensor.long_street_alerts"
    assert state_of(hass, alerts) == "off"
    lost = {"id": "a", "kind": "broker_lost", "site_id": None, "account_id": None, "meter_id": None}
    lost |= {"message": "No broker", "opened_at": "2026-11-10T10:00:00.000Z"}
    lost |= {"acknowledged_at": None, "closed_at": None}

    await bridge.send({"type": "update", "accounts": [], "removed": [], "alerts": [lost]})

    await eventually(lambda: state_of(hass, alerts) == "on")
    state = hass.states.get(alerts)
    assert state is not None
    assert state.attributes["alerts"][0]["kind"] == "broker_lost"


async def test_a_top_up_event_has_decimal_amounts(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.happen(
        EventKind.TOP_UP, {key: value for key, value in asdict(top_up_view()).items() if key != "at"}
    )

    await eventually(lambda: state_of(hass, TOP_UP) != "unknown")
    state = hass.states.get(TOP_UP)
    assert state is not None
    assert state.attributes["event_type"] == "top_up"
    assert state.attributes["amount"] == "100.00"
    assert state.attributes["balance_after"] == "187.1234"


async def test_an_entry_that_cannot_be_unloaded_keeps_running(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    with patch.object(hass.config_entries, "async_unload_platforms", return_value=False):
        assert not await async_unload_entry(hass, loaded)
    loaded.runtime_data.store.async_set_last_event(99)
    assert loaded.runtime_data.store.last_event == 99


async def test_events_without_an_account_or_of_a_removed_account_are_ignored(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    coordinator = loaded.runtime_data
    coordinator.async_apply_account(account_view("flat-9"))
    coordinator.async_apply_supply("flat-9", CONNECTED)
    assert set(coordinator.accounts) == {"flat-1"}
    await bridge.happen(EventKind.ALERT_OPENED, {"kind": "broker_lost"}, account_id=None)
    await eventually(lambda: coordinator.store.last_event == 8)
    assert state_of(hass, "event.flat_1_alert") == "unknown"
