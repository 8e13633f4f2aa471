"""Actions of the integration."""

from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import uuid4

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr, entity_registry as er
import probatio

from .amounts import decimal_text
from .client import CannotConnectError
from .client.protocol import AccountView, Role, TopUpResult
from .const import DOMAIN
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import account_identifier
from .helpers import translated_errors

SERVICE_TOP_UP: Final = "top_up"

ATTR_AMOUNT: Final = "amount"
ATTR_METHOD: Final = "method"
ATTR_REFERENCE: Final = "reference"

DEFAULT_METHOD: Final = "cash"
TRIES: Final = 2


def _amount(value: object) -> Decimal:
    """Return a positive decimal; a number from the UI is read as it is written, not as binary stores it."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise probatio.Invalid("expected a decimal number such as 100.00") from error
    if not amount.is_finite() or amount <= 0:
        raise probatio.Invalid("expected an amount above zero")
    return amount


TOP_UP_SCHEMA: Final = probatio.All(
    cv.has_at_least_one_key(ATTR_DEVICE_ID, ATTR_ENTITY_ID),
    probatio.Schema(
        {
            probatio.Exclusive(ATTR_DEVICE_ID, "account"): cv.string,
            probatio.Exclusive(ATTR_ENTITY_ID, "account"): cv.entity_id,
            probatio.Required(ATTR_AMOUNT): _amount,
            probatio.Optional(ATTR_METHOD, default=DEFAULT_METHOD): cv.string,
            probatio.Optional(ATTR_REFERENCE): cv.string,
        }
    ),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    hass.services.async_register(
        DOMAIN,
        SERVICE_TOP_UP,
        _async_top_up,
        schema=TOP_UP_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )


async def _async_top_up(call: ServiceCall) -> ServiceResponse:
    """Top up an account and return where the money went."""
    coordinator, account = _account_of(call)
    if coordinator.role is not Role.LANDLORD:
        raise _refusal("top_up_not_allowed", account=account.name)
    with translated_errors():
        result = await _top_up(coordinator, account, call)
    coordinator.async_apply_supply(account.id, result.supply)
    return _response(result, account)


async def _top_up(
    coordinator: PrepaidMeterCoordinator, account: AccountView, call: ServiceCall
) -> TopUpResult:
    """Ask once more with the same key when the answer was lost: the bridge books it once."""
    key = uuid4().hex
    for remaining in reversed(range(TRIES)):
        try:
            return await coordinator.connection.top_up(
                account.id,
                f"{call.data[ATTR_AMOUNT]:f}",
                method=call.data[ATTR_METHOD],
                reference=call.data.get(ATTR_REFERENCE),
                key=key,
            )
        except CannotConnectError:
            if not remaining:
                raise
    raise AssertionError("unreachable")


def _response(result: TopUpResult, account: AccountView) -> ServiceResponse:
    top_up = result.top_up
    return {
        "id": top_up.id,
        "at": top_up.at,
        "account": account.name,
        "currency": account.currency,
        "amount": decimal_text(top_up.amount, account),
        "split": {name: decimal_text(amount, account) for name, amount in top_up.split.items()},
        "balance": decimal_text(result.available, account),
        "supply": result.supply.state.value,
    }


def _account_of(call: ServiceCall) -> tuple[PrepaidMeterCoordinator, AccountView]:
    """Return the account that the action names by its device or by one of its entities."""
    device = dr.async_get(call.hass).async_get(_device_id(call))
    entries: list[PrepaidMeterConfigEntry] = call.hass.config_entries.async_entries(DOMAIN)
    for entry in entries:
        if device and device.config_entry_id == entry.entry_id:
            return _account_of_device(entry, device)
    raise _refusal("not_an_account")


def _device_id(call: ServiceCall) -> str:
    if device_id := call.data.get(ATTR_DEVICE_ID):
        return str(device_id)
    entity = er.async_get(call.hass).async_get(call.data[ATTR_ENTITY_ID])
    return (entity and entity.device_id) or ""


def _account_of_device(
    entry: PrepaidMeterConfigEntry, device: dr.AnyDeviceEntry
) -> tuple[PrepaidMeterCoordinator, AccountView]:
    if entry.state is not ConfigEntryState.LOADED:
        raise _refusal("not_loaded", name=entry.title)
    coordinator = entry.runtime_data
    for account in coordinator.accounts.values():
        if account_identifier(coordinator, account.id) in device.identifiers:
            return coordinator, account
    raise _refusal("not_an_account")


def _refusal(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )
