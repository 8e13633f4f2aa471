"""Device triggers and conditions: available for accounts, and equivalent to the integration's own."""

from dataclasses import replace
from typing import Any

from homeassistant.components.device_automation import DeviceAutomationType
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.trigger import TriggerInfo
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_get_device_automation_capabilities,
    async_get_device_automations,
)

from custom_components.prepaid_meter.client.protocol import EventKind
from custom_components.prepaid_meter.client.vocabulary import AlertKind, SupplyState
from custom_components.prepaid_meter.condition import CONDITIONS
from custom_components.prepaid_meter.const import DOMAIN
from custom_components.prepaid_meter.device_trigger import async_attach_trigger
from custom_components.prepaid_meter.trigger import TRIGGERS
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, INSTALLATION_ID, ZAR, FakeBridge, account_view


@pytest.fixture
def account_device(loaded: MockConfigEntry, device_registry: dr.DeviceRegistry) -> str:
    identifier = (DOMAIN, f"{INSTALLATION_ID}/flat-1")
    device = device_registry.async_get_device_by_identifier(identifier, loaded.entry_id)
    assert device is not None
    return device.id


async def offered(hass: HomeAssistant, kind: DeviceAutomationType, device_id: str) -> list[dict[str, Any]]:
    return [
        automation
        for automation in await async_get_device_automations(hass, kind, device_id)
        if automation["domain"] == DOMAIN
    ]


async def test_an_accounts_device_offers_every_trigger_and_condition(
    hass: HomeAssistant, account_device: str
) -> None:
    triggers = await offered(hass, DeviceAutomationType.TRIGGER, account_device)
    conditions = await offered(hass, DeviceAutomationType.CONDITION, account_device)
    assert [trigger["type"] for trigger in triggers] == list(TRIGGERS)
    assert [condition["type"] for condition in conditions] == list(CONDITIONS)
    for kind, automations in (
        (DeviceAutomationType.TRIGGER, triggers),
        (DeviceAutomationType.CONDITION, conditions),
    ):
        fields = {
            automation["type"]: [
                field["name"]
                for field in (await async_get_device_automation_capabilities(hass, kind, automation))[
                    "extra_fields"
                ]
            ]
            for automation in automations
        }
        assert fields["runs_out_within"] == ["within"]
        assert {name for name, names in fields.items() if names} <= {"runs_out_within", "credit_is_below"}


async def test_the_bridges_device_offers_none(
    hass: HomeAssistant, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    bridge = device_registry.async_get_device_by_identifier((DOMAIN, INSTALLATION_ID), loaded.entry_id)
    assert bridge is not None
    assert await offered(hass, DeviceAutomationType.TRIGGER, bridge.id) == []
    assert await offered(hass, DeviceAutomationType.CONDITION, bridge.id) == []


async def automate(hass: HomeAssistant, trigger: dict[str, Any], *conditions: dict[str, Any]) -> list[Any]:
    event_data = {"what": "{{ trigger.description }}", "platform": "{{ trigger.platform }}"}
    config = {
        "alias": "device",
        "triggers": [trigger],
        "conditions": list(conditions),
        "actions": [{"event": "automation_ran", "event_data": event_data}],
    }
    runs = async_capture_events(hass, "automation_ran")
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    await hass.async_block_till_done()
    state = hass.states.get("automation.device")
    assert state is not None
    assert state.state == "on"
    return runs


def of_device(device_id: str, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"domain": DOMAIN, "device_id": device_id, "type": name, **fields}


async def test_a_device_trigger_fires_once_for_an_event_of_its_account(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    account_device: str,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    trigger = of_device(account_device, "credit_became_low", trigger="device")
    runs = await automate(hass, trigger)
    await bridge.update(account_view("flat-2"))
    alert = {"kind": AlertKind.LOW_CREDIT.value, "message": "Low", "detail": "20000000"}
    await bridge.happen(EventKind.ALERT_OPENED, alert, account_id="flat-2")
    await bridge.happen(EventKind.ALERT_OPENED, alert)
    await eventually(lambda: runs)
    assert [run.data for run in runs] == [{"what": "low credit for Flat 1", "platform": "device"}]


async def test_a_device_trigger_accepts_its_duration(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    account_device: str,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    within = of_device(account_device, "runs_out_within", trigger="device", within={"hours": 12})
    runs = await automate(hass, within)
    await bridge.update(account_view(seconds_left=80_000))
    await bridge.update(account_view(seconds_left=40_000))
    await eventually(lambda: runs)
    assert runs[0].data["what"] == "credit running out for Flat 1"


async def test_device_conditions_match_the_integrations_conditions(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    account_device: str,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    conditions = [
        of_device(account_device, "supply_is_connected", condition="device"),
        of_device(account_device, "credit_is_below", condition="device", amount=10),
    ]
    runs = await automate(hass, {"trigger": "event", "event_type": "go"}, *conditions)
    cut = replace(CONNECTED, state=SupplyState.DISCONNECTED)
    for available, supply, count in ((20, CONNECTED, 0), (9, cut, 0), (9, CONNECTED, 1)):
        await bridge.update(account_view(available=available * ZAR, supply=supply))
        expected = account_view(available=available * ZAR, supply=supply)
        await eventually(lambda: loaded.runtime_data.accounts["flat-1"] == expected)  # noqa: B023
        hass.bus.async_fire("go")
        await hass.async_block_till_done()
        assert len(runs) == count


@pytest.mark.parametrize("name", ["nothing_known", "runs_out_within"])
async def test_a_device_trigger_with_an_unknown_type_or_without_its_duration_is_rejected(
    hass: HomeAssistant, account_device: str, name: str
) -> None:
    trigger = of_device(account_device, name, trigger="device")
    config = {"alias": "device", "triggers": [trigger], "actions": []}
    assert await async_setup_component(hass, "automation", {"automation": [config]})
    state = hass.states.get("automation.device")
    assert state is not None
    assert state.state == "unavailable"


async def test_a_device_trigger_can_run_a_callback(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    account_device: str,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    reasons: list[Any] = []
    config = of_device(account_device, "supply_restored")

    @callback
    def act(run_variables: dict[str, Any], context: Context | None = None) -> None:
        reasons.append(run_variables["trigger"]["reason"])

    info: TriggerInfo = {"domain": "x", "name": "x", "variables": {},
                         "trigger_data": {"id": "0", "idx": "0", "alias": None}}  # fmt: skip
    detach = await async_attach_trigger(hass, config, act, info)
    restored = {"state": "connected", "was": "disconnected", "reason": "in_credit"}
    await bridge.happen(EventKind.SUPPLY_CHANGED, restored)
    await eventually(lambda: reasons == ["in_credit"])
    detach()
