"""The top-up action."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from probatio import Invalid
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.prepaid_meter.client.protocol import Role
from custom_components.prepaid_meter.const import DOMAIN
from tests.component.conftest import Eventually
from tests.component.fake_bridge import INSTALLATION_ID, FakeBridge

BALANCE = "sensor.flat_1_balance"


async def top_up(hass: HomeAssistant, **data: Any) -> Any:  # noqa: ANN401
    return await hass.services.async_call(DOMAIN, "top_up", data, blocking=True, return_response=True)


async def test_a_top_up_returns_where_the_money_went(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    answer = await top_up(hass, entity_id=BALANCE, amount="50.10", reference="receipt 8")

    assert answer == {
        "id": "top-up-2",
        "at": "2026-11-09T18:30:00.000Z",
        "account": "Flat 1",
        "currency": "ZAR",
        "amount": "50.10",
        "split": {"balance": "50.10"},
        "balance": "237.2187",
        "supply": "connected",
    }
    _, key, body = bridge.requests[0]
    assert len(key) == 32
    assert body == {"amount": "50.10", "method": "cash", "reference": "receipt 8"}


async def test_a_number_of_the_form_is_read_as_it_is_written(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entity = entity_registry.async_get(BALANCE)
    assert entity is not None
    assert entity.device_id
    await top_up(hass, device_id=entity.device_id, amount=0.1, method="eft")
    assert bridge.requests[0][2] == {"amount": "0.1", "method": "eft"}


async def test_two_calls_have_two_keys(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await top_up(hass, entity_id=BALANCE, amount=1)
    await top_up(hass, entity_id=BALANCE, amount=1)
    assert len({key for _, key, _ in bridge.requests}) == 2


async def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.drop_top_up_answers = 1
    answer = await top_up(hass, entity_id=BALANCE, amount=10)
    assert answer["balance"] == "197.1187"
    assert len(bridge.requests) == 2
    assert len({key for _, key, _ in bridge.requests}) == 1


async def test_a_bridge_that_is_away_is_said_so(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await bridge.stop()
    with pytest.raises(HomeAssistantError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == "cannot_connect"


async def test_a_tenant_is_told_who_may_top_up(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    bridge.role = Role.TENANT
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

    with pytest.raises(ServiceValidationError, match="Only a landlord's token may top up Flat 1") as error:
        await top_up(hass, entity_id=BALANCE, amount=10)

    assert error.value.translation_key == "top_up_not_allowed"
    assert not bridge.requests
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    "status, code, key",
    [
        (403, "not_allowed", "not_allowed"),
        (401, "not_authenticated", "invalid_auth"),
        (422, "amount_out_of_range", "refused"),
    ],
)
async def test_a_refusal_carries_the_bridges_words(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, status: int, code: str, key: str
) -> None:
    bridge.refuse_with = (status, {"code": code, "message": "Too much.", "remedy": "Ask for less."})
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == key
    if key == "refused":
        assert str(error.value) == "The bridge refused: Too much. Ask for less."


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "ten"])
async def test_an_amount_is_a_decimal_above_zero(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, amount: str
) -> None:
    with pytest.raises(Invalid):
        await top_up(hass, entity_id=BALANCE, amount=amount)
    assert not bridge.requests


async def test_only_an_account_can_be_topped_up(
    hass: HomeAssistant, loaded: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    bridge_device = device_registry.async_get_device_by_identifier((DOMAIN, INSTALLATION_ID), loaded.entry_id)
    assert bridge_device is not None
    for target in ({"device_id": bridge_device.id}, {"device_id": "none"}, {"entity_id": "sun.sun"}):
        with pytest.raises(ServiceValidationError) as error:
            await top_up(hass, **target, amount=10)
        assert error.value.translation_key == "not_an_account"


async def test_a_bridge_that_is_not_loaded_is_said_so(
    hass: HomeAssistant, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == "not_loaded"
