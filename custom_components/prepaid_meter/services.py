"""Actions of the integration."""

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from functools import partial
import re
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr, entity_registry as er
import probatio

from .amounts import decimal_text, kilowatt_hours_text
from .client import CannotConnectError
from .client.protocol import AccountView, Role, TopUpResult
from .const import DOMAIN, STAFF_ROLES
from .coordinator import PrepaidMeterConfigEntry, PrepaidMeterCoordinator
from .devices import account_identifier
from .helpers import translated_errors
from .statements import readable_statement
from .status import readable_status

SERVICE_ACCOUNT_STATUS: Final = "account_status"
SERVICE_HOLD_SUPPLY: Final = "hold_supply"
SERVICE_LIFT_HOLD: Final = "lift_hold"
SERVICE_REDEEM_VOUCHER: Final = "redeem_voucher"
SERVICE_SET_THRESHOLDS: Final = "set_thresholds"
SERVICE_STATEMENT: Final = "statement"
SERVICE_TARIFF_NOW: Final = "tariff_now"
SERVICE_TOP_UP: Final = "top_up"

ATTR_AMOUNT: Final = "amount"
ATTR_CODE: Final = "code"
ATTR_DETAIL: Final = "detail"
ATTR_FIRST_DAY: Final = "first_day"
ATTR_HOLD: Final = "hold"
ATTR_LAST_DAY: Final = "last_day"
ATTR_CONFIRMED: Final = "confirmed"
ATTR_LOAD_LIMIT: Final = "load_limit"
ATTR_METHOD: Final = "method"
ATTR_REASON: Final = "reason"
ATTR_REFERENCE: Final = "reference"
ATTR_THRESHOLDS: Final = "thresholds"

DEFAULT_METHOD: Final = "cash"
DETAILS: Final = ("line", "day")


HOLD_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def _refusal(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders
    )


# A schema's own messages are English, so what people type is refused in their language instead.
def _decimal(value: object) -> Decimal | None:
    """Return a decimal; a float from the UI is converted by its shortest decimal representation."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _amount(value: object) -> Decimal:
    amount = _decimal(value)
    if amount is None or amount <= 0:
        raise _refusal("wrong_amount")
    return amount


def _threshold(value: object) -> Decimal:
    threshold = _decimal(value)
    if threshold is None or threshold < 0:
        raise _refusal("wrong_threshold")
    return threshold


def _hold_id(value: object) -> str:
    if not HOLD_ID.fullmatch(str(value)):
        raise _refusal("wrong_hold")
    return str(value)


def _text(value: str) -> str:
    if not (text := value.strip()):
        raise _refusal("empty")
    return text


def _schema(fields: dict[probatio.Marker, Any]) -> probatio.All[Any]:
    """Return the schema of an action on an account, which is given as its device or one of its entities."""
    return probatio.All(
        cv.has_at_least_one_key(ATTR_DEVICE_ID, ATTR_ENTITY_ID),
        probatio.Schema(
            {
                probatio.Exclusive(ATTR_DEVICE_ID, "account"): cv.string,
                probatio.Exclusive(ATTR_ENTITY_ID, "account"): cv.entity_id,
                **fields,
            }
        ),
    )


TOP_UP_SCHEMA: Final = _schema(
    {
        probatio.Required(ATTR_AMOUNT): _amount,
        probatio.Optional(ATTR_METHOD, default=DEFAULT_METHOD): cv.string,
        probatio.Optional(ATTR_REFERENCE): cv.string,
        probatio.Optional(ATTR_CONFIRMED, default=False): cv.boolean,
    }
)
TEXT: Final = probatio.All(cv.string, _text)
REDEEM_SCHEMA: Final = _schema({probatio.Required(ATTR_CODE): TEXT})
HOLD_SCHEMA: Final = _schema({probatio.Required(ATTR_REASON): TEXT, probatio.Optional(ATTR_HOLD): _hold_id})
LIFT_SCHEMA: Final = _schema({probatio.Required(ATTR_HOLD): _hold_id, probatio.Optional(ATTR_REASON): TEXT})
STATEMENT_SCHEMA: Final = _schema(
    {
        probatio.Optional(ATTR_FIRST_DAY): cv.date,
        probatio.Optional(ATTR_LAST_DAY): cv.date,
        probatio.Optional(ATTR_DETAIL, default=DETAILS[0]): probatio.In(DETAILS),
    }
)
STATUS_SCHEMA: Final = _schema({})
TARIFF_SCHEMA: Final = _schema({})
THRESHOLDS_SCHEMA: Final = probatio.All(
    cv.has_at_least_one_key(ATTR_THRESHOLDS, ATTR_LOAD_LIMIT),
    _schema(
        {
            probatio.Optional(ATTR_THRESHOLDS): probatio.All(cv.ensure_list, [_threshold]),
            probatio.Optional(ATTR_LOAD_LIMIT): cv.positive_int,
        }
    ),
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action, schema, response in (
        (SERVICE_ACCOUNT_STATUS, _async_account_status, STATUS_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_TOP_UP, _async_top_up, TOP_UP_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_REDEEM_VOUCHER, _async_redeem_voucher, REDEEM_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_HOLD_SUPPLY, _async_hold_supply, HOLD_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_LIFT_HOLD, _async_lift_hold, LIFT_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_STATEMENT, _async_statement, STATEMENT_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_TARIFF_NOW, _async_tariff_now, TARIFF_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_SET_THRESHOLDS, _async_set_thresholds, THRESHOLDS_SCHEMA, SupportsResponse.OPTIONAL),
    ):
        hass.services.async_register(DOMAIN, name, action, schema=schema, supports_response=response)


async def _async_top_up(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    if coordinator.role is not Role.LANDLORD:
        raise _refusal("top_up_not_allowed", account=account.name)
    with translated_errors():
        result = await _retry_once(
            partial(
                coordinator.connection.top_up,
                account.id,
                f"{call.data[ATTR_AMOUNT]:f}",
                method=call.data[ATTR_METHOD],
                reference=call.data.get(ATTR_REFERENCE),
                key=uuid4().hex,
                confirmed=call.data[ATTR_CONFIRMED],
            )
        )
    coordinator.async_apply_supply(account.id, result.supply)
    return _top_up_response(result, account)


async def _async_redeem_voucher(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    _check_role(coordinator, Role.LANDLORD, Role.TENANT)
    with translated_errors():
        result = await _retry_once(
            partial(coordinator.connection.redeem_voucher, account.id, call.data[ATTR_CODE], key=uuid4().hex)
        )
    coordinator.async_apply_supply(account.id, result.supply)
    return _top_up_response(result, account)


async def _async_hold_supply(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    _check_role(coordinator, *STAFF_ROLES)
    hold_id = call.data.get(ATTR_HOLD) or f"home-assistant-{uuid4().hex[:8]}"
    with translated_errors():
        hold = await _retry_once(
            partial(coordinator.connection.place_hold, account.id, hold_id, call.data[ATTR_REASON])
        )
    return {
        "account": account.name,
        "hold": hold.id,
        "reason": hold.reason,
        "by": hold.by,
        "since": hold.since,
    }


async def _async_lift_hold(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    _check_role(coordinator, *STAFF_ROLES)
    with translated_errors():
        supply = await coordinator.connection.lift_hold(
            account.id, call.data[ATTR_HOLD], call.data.get(ATTR_REASON)
        )
    coordinator.async_apply_supply(account.id, supply)
    return {
        "account": account.name,
        "supply": supply.state.value,
        "reason": supply.reason.value,
        "holds": [hold.id for hold in supply.holds],
    }


async def _async_account_status(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    if not coordinator.available:
        raise _refusal("not_loaded", name=coordinator.config_entry.title)
    return readable_status(account)


async def _async_statement(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    first, last = call.data.get(ATTR_FIRST_DAY), call.data.get(ATTR_LAST_DAY)
    with translated_errors():
        statement = await coordinator.connection.statement(
            account.id,
            begin=first and first.isoformat(),
            end=last and last.isoformat(),
            detail=call.data[ATTR_DETAIL],
        )
    return readable_statement(statement, account)


async def _async_tariff_now(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    if not coordinator.available or account.tariff is None:
        raise _refusal("no_tariff", account=account.name)
    tariff = account.tariff
    return {
        "account": account.name,
        "currency": account.currency,
        "tariff": tariff.tariff_id,
        "version": tariff.version_id,
        "price_per_kwh": decimal_text(tariff.price_per_kwh, account),
        "band": tariff.band,
        "block": tariff.block,
        "blocks": tariff.blocks,
        "block_remaining_kwh": kilowatt_hours_text(tariff.block_remaining_wh),
        "next_change": tariff.next_change,
    }


async def _async_set_thresholds(call: ServiceCall) -> ServiceResponse:
    coordinator, account = _account_of(call)
    _check_role(coordinator, Role.LANDLORD)
    thresholds: list[Decimal] | None = call.data.get(ATTR_THRESHOLDS)
    with translated_errors():
        changed = await coordinator.connection.set_policy(
            account.id,
            low_credit=None if thresholds is None else [f"{threshold:f}" for threshold in thresholds],
            load_limit_w=call.data.get(ATTR_LOAD_LIMIT),
        )
    coordinator.async_apply_account(changed)
    limit = changed.load_limit_mw
    return {
        "account": changed.name,
        "currency": changed.currency,
        "thresholds": [decimal_text(threshold, changed) for threshold in changed.low_credit_thresholds],
        "load_limit_w": None if limit is None else limit // 1000,
    }


async def _retry_once[T](request: Callable[[], Awaitable[T]]) -> T:
    """Repeat a request whose response was lost; the request has a key by which the bridge knows it."""
    try:
        return await request()
    except CannotConnectError:
        return await request()


def _check_role(coordinator: PrepaidMeterCoordinator, *roles: Role) -> None:
    """Raise an error if the token does not have the role for an action."""
    if coordinator.role not in roles:
        raise _refusal("not_allowed")


def _top_up_response(result: TopUpResult, account: AccountView) -> ServiceResponse:
    top_up = result.top_up
    return {
        "id": top_up.id,
        "at": top_up.at,
        "account": account.name,
        "currency": account.currency,
        "amount": decimal_text(top_up.amount, account),
        "split": {name: decimal_text(amount, account) for name, amount in top_up.split.items()},
        **({"units_kwh": kilowatt_hours_text(top_up.units_wh)} if top_up.units_wh else {}),
        "balance": decimal_text(result.available, account),
        "supply": result.supply.state.value,
    }


def _account_of(call: ServiceCall) -> tuple[PrepaidMeterCoordinator, AccountView]:
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
