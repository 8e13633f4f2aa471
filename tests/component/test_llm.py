"""A language model can read the accounts that the user exposes, and nothing else."""

from dataclasses import replace
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.components.llm import async_get_tools
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import device_registry as dr, llm
from homeassistant.setup import async_setup_component
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.client.vocabulary import SupplyReason, SupplyState
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import CONNECTED, INSTALLATION_ID, FakeBridge, account_view, rich_account

ASSISTANT = "conversation"
TOOL = "prepaid_meter__get_account"


@pytest.fixture
async def llm_bridge(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, eventually: Eventually
) -> FakeBridge:
    """Run a bridge with three accounts, two of them with the same name, none of them exposed."""
    for component in ("homeassistant", "llm"):
        assert await async_setup_component(hass, component, {})
    bridge.accounts = {
        "flat-1": account_view(),
        "flat-2": account_view("flat-2"),
        "shop": account_view("shop", name="Flat 1", site_name="Arcade"),
    }
    assert await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets)
    for state in hass.states.async_all():
        async_expose_entity(hass, ASSISTANT, state.entity_id, should_expose=False)
    return bridge


async def assist(hass: HomeAssistant, api: str = llm.LLM_API_ASSIST) -> llm.APIInstance:
    context = llm.LLMContext(
        platform="test", context=Context(), language="en", assistant=ASSISTANT, device_id=None
    )
    return await llm.async_get_api(hass, api, context)


def expose(hass: HomeAssistant, *entities: str) -> None:
    for entity in entities:
        async_expose_entity(hass, ASSISTANT, entity, should_expose=True)


async def ask(hass: HomeAssistant, api: llm.APIInstance, **arguments: Any) -> Any:  # noqa: ANN401
    (tool,) = ours(api)
    return await tool.async_call(hass, llm.ToolInput(tool_name=TOOL, tool_args=arguments), api.llm_context)


def ours(api: llm.APIInstance) -> list[llm.Tool]:
    return [tool for tool in api.tools if tool.integration == DOMAIN]


async def test_accounts_that_are_not_exposed_are_not_disclosed(
    hass: HomeAssistant, llm_bridge: FakeBridge
) -> None:
    api = await assist(hass)
    assert ours(api) == []
    assert "prepaid" not in api.api_prompt


async def test_the_whole_state_of_an_exposed_account_is_returned(
    hass: HomeAssistant, llm_bridge: FakeBridge
) -> None:
    expose(hass, "sensor.flat_1_balance")
    api = await assist(hass)
    assert TOOL in api.api_prompt
    (tool,) = ours(api)
    assert (tool.name, tool.annotations.read_only, tool.annotations.destructive) == (TOOL, True, False)

    answer = (await ask(hass, api)).data
    assert (answer["account"], answer["currency"], answer["balance"]) == ("Flat 1", "ZAR", "187.12")
    assert (answer["units_left_kwh"], answer["seconds_left"]) == ("69.680", 345_600)
    assert answer["supply"] == {"state": "connected", "reason": "in_credit", "note": None}
    assert answer["price"]["per_kwh"] == "2.6854"
    assert answer["last_top_up"] == {"at": "2026-11-09T18:30:00.000Z", "amount": "100.00", "method": "cash"}
    assert (answer["emergency_credit"], answer["debt"], answer["alerts"]) == (None, "0.00", [])


async def test_with_several_accounts_a_unique_name_is_required(
    hass: HomeAssistant, llm_bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    registry = dr.async_get(hass)
    flat = registry.async_get_device_by_identifier((DOMAIN, f"{INSTALLATION_ID}/flat-2"), entry.entry_id)
    assert flat is not None
    registry.async_update_device(flat.id, name_by_user="Granny's")
    expose(hass, "sensor.flat_1_balance", "sensor.flat_2_balance", "sensor.flat_1_balance_2")
    api = await assist(hass)
    for name, site in (
        ("Flat 1", "Long Street 5"),
        ("Flat 1, Arcade", "Arcade"),
        ("Granny's", "Long Street 5"),
    ):
        assert (await ask(hass, api, account=name)).data["site"] == site
    with pytest.raises(probatio.Invalid, match="account"):
        await ask(hass, api)


async def test_accounts_with_the_same_name_at_one_site_have_unique_names(
    hass: HomeAssistant, llm_bridge: FakeBridge, eventually: Eventually
) -> None:
    await llm_bridge.update(
        account_view("flat-2", name="Flat 1"), account_view("shop", name="Flat 1", site_name="Long Street 5")
    )
    await eventually(lambda: llm_bridge.open_sockets)
    expose(hass, "sensor.flat_1_balance", "sensor.flat_2_balance", "sensor.flat_1_balance_2")
    api = await assist(hass)
    for name in ("Flat 1", "Flat 1, Long Street 5", "Flat 1, Long Street 5, shop"):
        assert not (await ask(hass, api, account=name)).error


async def test_what_is_not_known_is_null(
    hass: HomeAssistant, llm_bridge: FakeBridge, eventually: Eventually
) -> None:
    expose(hass, "sensor.flat_1_balance")
    cut = replace(CONNECTED, state=SupplyState.DISCONNECTED, reason=SupplyReason.CREDIT_EXHAUSTED)
    await llm_bridge.update(
        account_view(seconds_left=None, units_left_wh=None, tariff=None, last_top_up=None, supply=cut)
    )
    await eventually(lambda: hass.states.is_state("sensor.flat_1_supply_state", "disconnected"))
    answer = (await ask(hass, await assist(hass))).data
    for name in ("seconds_left", "runs_out", "units_left_kwh", "price", "last_top_up"):
        assert answer[name] is None
    assert answer["supply"]["reason"] == "credit_exhausted"


async def test_debt_and_emergency_credit_are_returned(
    hass: HomeAssistant, llm_bridge: FakeBridge, eventually: Eventually
) -> None:
    expose(hass, "sensor.flat_1_balance")
    await llm_bridge.update(rich_account())
    await eventually(lambda: hass.states.is_state("sensor.flat_1_debt", "362.00"))
    answer = (await ask(hass, await assist(hass))).data
    assert answer["debt"] == "362.00"
    assert answer["emergency_credit"] == {"state": "available", "left": "10.00"}


async def test_an_unreachable_bridge_is_an_error(
    hass: HomeAssistant, llm_bridge: FakeBridge, eventually: Eventually
) -> None:
    expose(hass, "sensor.flat_1_balance")
    api = await assist(hass)
    await llm_bridge.stop()
    await eventually(lambda: hass.states.is_state("sensor.flat_1_balance", "unavailable"))
    answer = await ask(hass, api)
    assert answer.error
    assert "cannot be reached" in answer.data["error"]


async def test_a_removed_account_is_an_error(
    hass: HomeAssistant, llm_bridge: FakeBridge, eventually: Eventually
) -> None:
    expose(hass, "sensor.flat_1_balance")
    api = await assist(hass)
    await llm_bridge.update(removed=("flat-1",))
    await eventually(lambda: hass.states.get("sensor.flat_1_balance") is None)
    answer = await ask(hass, api)
    assert answer.error
    assert "Flat 1" in answer.data["error"]


async def test_other_apis_get_no_tools(hass: HomeAssistant, llm_bridge: FakeBridge) -> None:
    expose(hass, "sensor.flat_1_balance")

    context = llm.LLMContext(
        platform="test", context=None, language=None, assistant=ASSISTANT, device_id=None
    )
    assert not [
        tool for tool in (await async_get_tools(hass, context, "other")).tools if tool.integration == DOMAIN
    ]
