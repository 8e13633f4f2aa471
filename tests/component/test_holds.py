"""A supply is held off and a hold is lifted only by an action that says so: no switch does it at a tap."""

from typing import Any

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from probatio import Invalid
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter import async_migrate_entry
from custom_components.prepaid_meter.client.protocol import Role
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import INSTALLATION_ID, FakeBridge, account_view, hold_view, rich_account

BALANCE, SUPPLY = "sensor.flat_1_balance", "sensor.flat_1_supply_state"
OPERATED_BY_A_TAP = {"button", "lock", "switch", "valve"}
"""Domains that Home Assistant's tiles operate at a tap, without a question."""


async def act(hass: HomeAssistant, action: str, **data: Any) -> Any:  # noqa: ANN401
    data = {"entity_id": BALANCE, **data}
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


def holds(hass: HomeAssistant) -> list[str]:
    state = hass.states.get(SUPPLY)
    assert state is not None
    return [hold["id"] for hold in state.attributes["holds"]]


@pytest.mark.usefixtures("all_entities_enabled")
async def test_nothing_that_switches_or_costs_money_is_operated_by_a_tap_or_by_voice(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    """Areas and voice assistants take the entities without a category; those of a category are left out."""
    assert await async_setup_component(hass, "homeassistant", {})
    bridge.accounts["flat-1"] = rich_account()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    entities = er.async_entries_for_config_entry(entity_registry, entry.entry_id)
    operated = [entity for entity in entities if entity.domain in OPERATED_BY_A_TAP]
    assert {entity.domain for entity in operated} == {"button"}
    assert {entity.entity_category for entity in operated} == {EntityCategory.CONFIG}
    assert not [
        each.entity_id for each in operated if async_should_expose(hass, "conversation", each.entity_id)
    ]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_switch_of_an_earlier_version_is_removed_with_its_exposure(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    old = entity_registry.async_get_or_create(
        "switch", DOMAIN, f"{INSTALLATION_ID}/flat-1/supply", config_entry=entry
    )
    entity_registry.async_update_entity_options(old.entity_id, "conversation", {"should_expose": True})
    other = entity_registry.async_get_or_create(
        "sensor", DOMAIN, f"{INSTALLATION_ID}/flat-1/balance", config_entry=entry
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entity_registry.async_get(old.entity_id) is None
    assert entity_registry.async_get(other.entity_id)
    assert (entry.version, entry.minor_version) == (1, 2)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_entry_of_a_newer_version_is_left_alone(hass: HomeAssistant) -> None:
    assert not await async_migrate_entry(hass, MockConfigEntry(domain=DOMAIN, version=2))


async def test_a_supply_is_held_off_with_a_reason_and_the_hold_lifted(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    placed = await act(hass, "hold_supply", reason="leak under the sink")
    assert placed == {
        "account": "Flat 1",
        "hold": placed["hold"],
        "reason": "leak under the sink",
        "by": "test",
        "since": "2026-11-10T10:00:00.000Z",
    }
    path, _, body = bridge.requests[0]
    assert path == "/api/v1/accounts/flat-1/holds"
    assert body == {"position": "off", "reason": "leak under the sink", "id": placed["hold"]}
    await eventually(lambda: holds(hass) == [placed["hold"]])
    assert hass.states.is_state(SUPPLY, "disconnected")

    lifted = await act(hass, "lift_hold", hold=placed["hold"], reason="mended")

    assert lifted == {"account": "Flat 1", "supply": "connected", "reason": "in_credit", "holds": []}
    assert bridge.requests[-1] == (
        f"/api/v1/accounts/flat-1/holds/{placed['hold']}",
        "",
        {"reason": "mended"},
    )
    assert hass.states.is_state(SUPPLY, "connected")


async def test_a_repeated_hold_is_another_hold_unless_it_has_a_name(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    for _ in range(2):
        await act(hass, "hold_supply", reason="leak")
        await act(hass, "hold_supply", reason="inspection", hold="inspection")
    assert len(bridge.accounts["flat-1"].supply.holds) == 3


async def test_a_hold_whose_response_was_lost_is_placed_once(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.drop_answers = 1
    await act(hass, "hold_supply", reason="leak")
    assert len(bridge.requests) == 2
    assert len(bridge.accounts["flat-1"].supply.holds) == 1


async def test_a_hold_is_lifted_only_by_its_name_and_others_remain(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    """Somebody may be working on the wires: an automation lifts the hold that it placed and no other."""
    await eventually(lambda: bridge.open_sockets)
    await bridge.hold(hold_view("leak"), hold_view("wires", by="electrician"))
    await eventually(lambda: holds(hass) == ["leak", "wires"])
    with pytest.raises(Invalid):
        await act(hass, "lift_hold")
    with pytest.raises(ServiceValidationError) as unknown:
        await act(hass, "lift_hold", hold="rent")
    assert unknown.value.translation_key == "not_found"
    left = await act(hass, "lift_hold", hold="leak")
    assert (left["supply"], left["reason"], left["holds"]) == ("disconnected", "landlord_off", ["wires"])


@pytest.mark.parametrize("hold", ["", "Leak", "a b", "-a", "x" * 64])
async def test_a_wrong_name_of_a_hold_is_refused_in_the_users_language(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, hold: str
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "lift_hold", hold=hold)
    assert error.value.translation_key == "wrong_hold"
    assert not bridge.requests


@pytest.mark.parametrize("reason", [None, "", "   "])
async def test_a_hold_needs_a_reason(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, reason: str | None
) -> None:
    with pytest.raises((Invalid, ServiceValidationError)) as error:
        await act(hass, "hold_supply", **({} if reason is None else {"reason": reason}))
    assert reason is None or getattr(error.value, "translation_key", None) == "empty"
    assert not bridge.requests


@pytest.mark.parametrize(
    "action, data", [("hold_supply", {"reason": "leak"}), ("lift_hold", {"hold": "leak"})]
)
async def test_a_tenant_may_neither_hold_nor_lift(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, action: str, data: dict[str, str]
) -> None:
    bridge.role = Role.TENANT
    bridge.accounts["flat-1"] = account_view()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    with pytest.raises(ServiceValidationError) as refused:
        await act(hass, action, **data)
    assert refused.value.translation_key == "not_allowed"
    assert not bridge.requests
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("role", [Role.LANDLORD, Role.CARETAKER, Role.TENANT])
async def test_the_cards_know_what_the_token_may_do_by_its_role(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry, role: Role
) -> None:
    bridge.role = role
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    state = hass.states.get(BALANCE)
    assert state is not None
    assert state.attributes["role"] == role.value
    assert await hass.config_entries.async_unload(entry.entry_id)
