"""Devices and entities of accounts and meters that are added and removed."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.prepaid_meter import async_remove_config_entry_device, entity
from custom_components.prepaid_meter.client.protocol import Role
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import INSTALLATION_ID, FakeBridge, account_view, meter_view


def device(registry: dr.DeviceRegistry, entry: MockConfigEntry, account_id: str) -> dr.DeviceEntry | None:
    identifier = (DOMAIN, f"{INSTALLATION_ID}/{account_id}")
    return registry.async_get_device_by_identifier(identifier, entry.entry_id)


async def test_account_devices_are_connected_via_their_bridge(
    hass: HomeAssistant, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    bridge_device = device_registry.async_get_device_by_identifier((DOMAIN, INSTALLATION_ID), loaded.entry_id)
    assert bridge_device is not None
    assert bridge_device.sw_version == "0.1.0"
    flat = device(device_registry, loaded, "flat-1")
    assert flat is not None
    assert flat.via_device_id == bridge_device.id
    assert (flat.name, flat.model, flat.sw_version) == ("Flat 1", "Athom plug", "14.2.0")


@pytest.mark.parametrize("title, shown", [("Zigbee2MQTT", "Zigbee2MQTT"), (None, "zigbee2mqtt")])
async def test_a_meter_without_a_model_shows_its_family(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    eventually: Eventually,
    title: str | None,
    shown: str,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(
        account_view(
            "flat-2", meters=(meter_view("meter-2", model=None, family="zigbee2mqtt", family_title=title),)
        )
    )
    await eventually(lambda: getattr(device(device_registry, loaded, "flat-2"), "model", None) == shown)


async def test_an_account_is_added_renamed_removed_and_added_again(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    eventually: Eventually,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(account_view("flat-2"))
    await eventually(lambda: hass.states.get("sensor.flat_2_balance"))

    await bridge.update(account_view("flat-2", name="Penthouse"))
    await eventually(lambda: getattr(device(device_registry, loaded, "flat-2"), "name", None) == "Penthouse")

    await bridge.update(removed=("flat-2",))
    await eventually(lambda: hass.states.get("sensor.flat_2_balance") is None)
    assert device(device_registry, loaded, "flat-2") is None

    await bridge.update(account_view("flat-2"))
    await eventually(lambda: hass.states.get("sensor.flat_2_balance"))


async def test_an_account_deleted_while_disconnected_is_removed_with_the_next_snapshot(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    bridge.accounts = {"flat-2": account_view("flat-2")}

    await bridge.drop()

    await eventually(lambda: hass.states.get("sensor.flat_2_balance"))
    assert hass.states.get("sensor.flat_1_balance") is None


async def test_devices_deleted_while_home_assistant_was_not_running_are_removed(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    bridge.accounts = {"flat-2": account_view("flat-2")}

    await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done()

    assert device(device_registry, loaded, "flat-1") is None
    assert device(device_registry, loaded, "flat-2")


async def test_a_device_can_be_deleted_only_if_the_bridge_no_longer_has_it(
    hass: HomeAssistant, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    flat = device(device_registry, loaded, "flat-1")
    assert flat is not None
    assert not await async_remove_config_entry_device(hass, loaded, flat)
    stray = device_registry.async_get_or_create(
        config_entry_id=loaded.entry_id, identifiers={(DOMAIN, "stray")}
    )
    assert await async_remove_config_entry_device(hass, loaded, stray)


@pytest.mark.usefixtures("all_entities_enabled")
async def test_an_offline_meter_keeps_its_entities_after_a_restart(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    silent = meter_view("meter-of-flat-1", online=False, voltage_mv=None, power_mw=None)
    bridge.accounts["flat-1"] = account_view(meters=(silent,))

    await hass.config_entries.async_setup(loaded.entry_id)
    await hass.async_block_till_done()

    voltage = hass.states.get("sensor.flat_1_voltage")
    assert voltage is not None
    assert voltage.state == "unavailable"
    assert "restored" not in voltage.attributes


@pytest.mark.usefixtures("all_entities_enabled")
async def test_entities_of_several_meters_have_meter_names_and_power_has_a_total(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await eventually(lambda: bridge.open_sockets)
    first, second = meter_view("meter-of-flat-1", name="Kitchen"), meter_view("geyser", name="Geyser")

    await bridge.update(account_view(meters=(first, second)))

    await eventually(lambda: hass.states.get("sensor.flat_1_geyser_power"))
    total = hass.states.get("sensor.flat_1_power")
    assert total is not None
    assert total.state == "2965.0"
    kitchen = hass.states.get("sensor.flat_1_voltage")
    assert kitchen is not None
    assert kitchen.attributes["friendly_name"] == "Flat 1 Kitchen voltage"

    await eventually(lambda: bridge.open_sockets)
    unsure = meter_view("geyser", name="Geyser", power_mw=None)
    await bridge.update(account_view(meters=(first, unsure)))
    await eventually(lambda: hass.states.is_state("sensor.flat_1_power", "unknown"))


@pytest.mark.usefixtures("all_entities_enabled")
async def test_a_removed_meter_loses_its_entities(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    eventually: Eventually,
) -> None:
    meters = tuple(meter_view(name) for name in ("one", "two", "three"))
    bridge.accounts["flat-1"] = account_view(meters=meters)
    await hass.config_entries.async_setup(entry.entry_id)
    await eventually(lambda: bridge.open_sockets and hass.states.get("sensor.flat_1_three_voltage"))

    await bridge.update(account_view(meters=meters[:2]))

    await eventually(lambda: entity_registry.async_get("sensor.flat_1_three_voltage") is None)
    assert entity_registry.async_get("sensor.flat_1_two_voltage")
    await eventually(lambda: entry.state.value == "loaded")
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_token_that_changes_from_landlord_to_tenant_loses_the_landlords_entities(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    of_landlords = ("number.flat_1_low_credit_threshold", "binary_sensor.flat_1_tamper")
    assert all(entity_registry.async_get(entity_id) for entity_id in of_landlords)
    bridge.role = Role.TENANT
    await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done()
    # A tenant's token hears of no tampering: *off* would say that there is none.
    assert not any(entity_registry.async_get(entity_id) for entity_id in of_landlords)


async def test_a_device_removed_by_the_user_is_tolerated(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    device_registry: dr.DeviceRegistry,
    eventually: Eventually,
    hass_ws_client: WebSocketGenerator,
) -> None:
    await eventually(lambda: bridge.open_sockets)
    await bridge.update(account_view("flat-2"))
    await eventually(lambda: hass.states.get("sensor.flat_2_balance"))
    gone = device(device_registry, loaded, "flat-2")
    assert gone is not None
    device_registry.async_remove_device(gone.id)
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "prepaid_meter/sites"})
    answer = await client.receive_json()
    assert [len(site["devices"]) for site in answer["result"]["sites"]] == [1]

    await bridge.update(removed=("flat-2",))

    await eventually(lambda: "flat-2" not in loaded.runtime_data.accounts)


@pytest.mark.parametrize("accounts", [2, 3])
async def test_many_accounts_start_with_the_essential_entities(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
    accounts: int,
) -> None:
    monkeypatch.setattr(entity, "MANY_ACCOUNTS", 2)
    monkeypatch.setattr(entity, "BACKGROUND_PAUSE_SECONDS", 0)
    bridge.accounts = {f"flat-{n}": account_view(f"flat-{n}") for n in range(accounts)}
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    of_flat = [
        entity_entry
        for entity_entry in er.async_entries_for_config_entry(entity_registry, entry.entry_id)
        if "/flat-1/" in entity_entry.unique_id
    ]
    enabled = {entry.unique_id.split("/", 2)[2] for entry in of_flat if not entry.disabled}
    # A thousand accounts times this many stay below Home Assistant's limit of 10,000.
    assert (enabled == entity.ESSENTIAL_KEYS) is (accounts == 3)
    assert len(entity.ESSENTIAL_KEYS) < 10
    assert len(of_flat) > 30
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_disabled_entity_is_created_when_it_is_enabled(
    hass: HomeAssistant,
    bridge: FakeBridge,
    entry: MockConfigEntry,
    entity_registry: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(entity, "MANY_ACCOUNTS", 0)
    monkeypatch.setattr(entity, "BACKGROUND_PAUSE_SECONDS", 0)
    for shown in (False, True):
        assert await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert bool(hass.states.get("sensor.flat_1_price")) is shown
        assert await hass.config_entries.async_unload(entry.entry_id)
        entity_registry.async_update_entity("sensor.flat_1_price", disabled_by=None)
