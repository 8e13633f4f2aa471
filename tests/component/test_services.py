"""Actions: their requests to the bridge, and their responses."""

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

pytestmark = pytest.mark.usefixtures("all_entities_enabled")

BALANCE = "sensor.flat_1_balance"


async def top_up(hass: HomeAssistant, **data: Any) -> Any:  # noqa: ANN401
    return await hass.services.async_call(DOMAIN, "top_up", data, blocking=True, return_response=True)


async def test_a_top_up_returns_how_the_amount_was_allocated(
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


async def test_a_top_up_that_buys_units_names_them(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.sells_units = True
    answer = await top_up(hass, entity_id=BALANCE, amount="50.00")
    assert answer["units_kwh"] == "25.000"
    assert answer["split"] == {"units": "50.00", "balance": "0.00"}


async def test_a_number_from_the_form_is_read_exactly(
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


async def test_an_amount_far_beyond_the_usual_has_to_be_confirmed(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=1_000_000)
    assert error.value.translation_key == "confirmation_needed"
    answer = await top_up(hass, entity_id=BALANCE, amount=1_000_000, confirmed=True)
    assert answer["amount"] == "1000000.00"


async def test_a_request_with_a_lost_response_is_repeated_with_the_same_key(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.drop_answers = 1
    answer = await top_up(hass, entity_id=BALANCE, amount=10)
    assert answer["balance"] == "197.1187"
    assert len(bridge.requests) == 2
    assert len({key for _, key, _ in bridge.requests}) == 1


async def test_an_unreachable_bridge_is_reported(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    await bridge.stop()
    with pytest.raises(HomeAssistantError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == "cannot_connect"


async def test_a_tenant_gets_an_error_that_names_who_may_top_up(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    bridge.role = Role.TENANT
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()

    with pytest.raises(
        ServiceValidationError, match="Topping up Flat 1 by an amount requires a landlord's token"
    ) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)

    assert error.value.translation_key == "top_up_not_allowed"
    assert not bridge.requests
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    "status, code, key",
    [
        (403, "not_allowed", "not_allowed"),
        (401, "not_authenticated", "invalid_auth"),
        (409, "conflict", "conflict"),
        (409, "already_reversed", "refused"),
        (422, "amount_out_of_range", "amount_out_of_range"),
        (429, "too_many_requests", "too_many_requests"),
        (503, "storage_unavailable", "storage_unavailable"),
    ],
)
async def test_a_refusal_is_translated_and_the_log_has_the_bridges_words(
    hass: HomeAssistant,
    bridge: FakeBridge,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    key: str,
) -> None:
    bridge.refuse_with = (status, {"code": code, "message": "Too much.", "remedy": "Ask for less."})
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == key
    assert "The bridge refused: Too much. Ask for less." in caplog.text


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "ten"])
async def test_an_amount_is_a_decimal_above_zero(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, amount: str
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=amount)
    assert error.value.translation_key == "wrong_amount"
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


async def test_a_bridge_that_is_not_loaded_is_reported(
    hass: HomeAssistant, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    await hass.config_entries.async_unload(loaded.entry_id)
    with pytest.raises(ServiceValidationError) as error:
        await top_up(hass, entity_id=BALANCE, amount=10)
    assert error.value.translation_key == "not_loaded"


async def act(hass: HomeAssistant, name: str, **data: Any) -> Any:  # noqa: ANN401
    service_data = {"entity_id": BALANCE, **data}
    return await hass.services.async_call(DOMAIN, name, service_data, blocking=True, return_response=True)


async def test_a_voucher_is_redeemed_once_even_if_the_response_is_lost(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.drop_answers = 1
    answer = await act(hass, "redeem_voucher", code=" 1234 5678 9012 3456 7890 ")
    assert (answer["amount"], answer["balance"], answer["supply"]) == ("50.00", "237.1187", "connected")
    assert [body for _, _, body in bridge.requests] == [{"code": "1234 5678 9012 3456 7890"}] * 2
    assert len({key for _, key, _ in bridge.requests}) == 1


async def test_a_tenant_redeems_vouchers_and_a_caretaker_does_not(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    for role in (Role.TENANT, Role.CARETAKER):
        bridge.role = role
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        if role is Role.TENANT:
            assert (await act(hass, "redeem_voucher", code="1"))["amount"] == "50.00"
        else:
            with pytest.raises(ServiceValidationError) as error:
                await act(hass, "redeem_voucher", code="1")
            assert error.value.translation_key == "not_allowed"
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert len(bridge.requests) == 1


async def test_a_bridge_without_vouchers_is_reported_as_too_old(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.takes_vouchers = False
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "redeem_voucher", code="1234")
    assert error.value.translation_key == "not_supported"


@pytest.mark.parametrize(
    "code, sentence",
    [
        ("voucher_not_valid", "This voucher is not valid. Check each digit of the code."),
        ("voucher_used", "This voucher has already been redeemed."),
        ("voucher_blocked", "This voucher is blocked. Contact the seller."),
        ("voucher_expired", "This voucher has expired. Contact the seller."),
        (
            "too_many_requests",
            "Too many attempts. Wait before you try again. The log of Home Assistant states how long.",
        ),
    ],
)
async def test_a_refused_voucher_has_a_reason(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, code: str, sentence: str
) -> None:
    bridge.refuse_with = (409, {"code": code, "message": "No more.", "remedy": "Wait an hour."})
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "redeem_voucher", code="1234")
    assert str(error.value).rstrip(".") == sentence.rstrip(".")


STATEMENT = {
    "account_id": "flat-1",
    "currency": "ZAR",
    "amount_digits": 6,
    "opening": 100_000_000,
    "closing": -2_500_000,
    "open": True,
    "units": [{"supply_id": "flat-1", "opening_wh": 1_000, "used_wh": 250}],
    "lines": [
        {
            "kind": "consumption",
            "block": 1,
            "quantity": 12_345,
            "unit_price": 2_685_400,
            "amount": 33_151_263,
        },
        {"kind": "standing", "block": None, "quantity": 3, "unit_price": 1_000_000, "amount": 3_000_000},
    ],
    "entries": [{"kind": "top_up", "amount": 50_000_000, "changes": {"arrears": 5_000_000}, "seq": 7}],
    "not_yet_posted": {"at": "2026-11-10T10:00:00.000Z", "wh": 12, "amount": 32_225},
}


async def test_a_statement_has_decimal_amounts(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    bridge.statement = STATEMENT
    response = await act(hass, "statement", first_day="2026-11-01", last_day="2026-11-10", detail="day")
    assert bridge.requests[0][2] == {"from": "2026-11-01", "to": "2026-11-10", "detail": "day"}
    assert response == {
        "account_id": "flat-1",
        "currency": "ZAR",
        "opening": "100.00",
        "closing": "-2.50",
        "open": True,
        "units": [{"supply_id": "flat-1", "opening_kwh": "1.000", "used_kwh": "0.250"}],
        "lines": [
            {
                "kind": "consumption",
                "block": 1,
                "kwh": "12.345",
                "unit_price": "2.6854",
                "amount": "33.151263",
            },
            {"kind": "standing", "block": None, "quantity": 3, "unit_price": "1.00", "amount": "3.00"},
        ],
        "entries": [{"kind": "top_up", "amount": "50.00", "changes": {"arrears": "5.00"}, "seq": 7}],
        "not_yet_posted": {"at": "2026-11-10T10:00:00.000Z", "kwh": "0.012", "amount": "0.032225"},
    }


async def test_a_statement_covers_the_current_month_by_default(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    assert await act(hass, "statement") == {}
    assert bridge.requests[0][2] == {"detail": "line"}
    bridge.statement = []
    with pytest.raises(HomeAssistantError) as error:
        await act(hass, "statement")
    assert error.value.translation_key == "unknown"


async def test_the_status_is_returned_without_a_request(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    response = await act(hass, "account_status")
    assert (response["account"], response["balance"], response["seconds_left"]) == (
        "Flat 1",
        "187.12",
        345_600,
    )
    assert bridge.requests == []
    await bridge.stop()
    await eventually(lambda: hass.states.is_state("sensor.flat_1_balance", "unavailable"))
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "account_status")
    assert error.value.translation_key == "not_loaded"


async def test_the_current_tariff_is_returned_without_a_request(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, eventually: Eventually
) -> None:
    assert await act(hass, "tariff_now") == {
        "account": "Flat 1",
        "currency": "ZAR",
        "tariff": "homepower",
        "version": "2026-07",
        "price_per_kwh": "2.6854",
        "band": "peak",
        "block": 2,
        "blocks": 4,
        "block_remaining_kwh": "112.000",
        "next_change": "2026-11-10T18:00:00.000Z",
    }
    await bridge.stop()
    await eventually(lambda: hass.states.is_state(BALANCE, "unavailable"))
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "tariff_now")
    assert error.value.translation_key == "no_tariff"


async def test_thresholds_and_load_limit_are_set_together(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry
) -> None:
    answer = await act(hass, "set_thresholds", thresholds=["5", 20.5], load_limit=750)
    assert bridge.requests[0][2] == {"low_credit": ["5", "20.5"], "load_limit_w": 750}
    assert answer == {
        "account": "Flat 1",
        "currency": "ZAR",
        "thresholds": ["20.50", "5.00"],
        "load_limit_w": 750,
    }
    assert hass.states.is_state("number.flat_1_low_credit_threshold", "20.5")
    assert (await act(hass, "set_thresholds", thresholds=[]))["thresholds"] == []


@pytest.mark.parametrize("threshold", ["-1", "many", "Infinity"])
async def test_a_wrong_threshold_is_refused_in_the_users_language(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, threshold: str
) -> None:
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "set_thresholds", thresholds=[threshold])
    assert error.value.translation_key == "wrong_threshold"
    assert not bridge.requests


@pytest.mark.parametrize("data", [{}, {"load_limit": -5}])
async def test_thresholds_must_be_amounts_and_at_least_one_value_is_required(
    hass: HomeAssistant, bridge: FakeBridge, loaded: MockConfigEntry, data: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        await act(hass, "set_thresholds", **data)
    assert not bridge.requests


async def test_a_tenant_sets_no_thresholds(
    hass: HomeAssistant, bridge: FakeBridge, entry: MockConfigEntry
) -> None:
    bridge.role = Role.TENANT
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    with pytest.raises(ServiceValidationError) as error:
        await act(hass, "set_thresholds", thresholds=["5"])
    assert error.value.translation_key == "not_allowed"
    assert not bridge.requests
    assert await hass.config_entries.async_unload(entry.entry_id)
