"""Statements for people and templates: the bridge's integers as decimals with names that say their unit."""

from typing import Any, Final

from homeassistant.util.json import JsonObjectType, JsonValueType

from .amounts import decimal_text, kilowatt_hours_text
from .client.protocol import AccountView

_AMOUNTS: Final = frozenset(
    {"amount", "balance_after", "charges", "closing", "credits", "opening", "tax", "unit_price"}
)
_BY_HOLDING: Final = "changes"
"""Amounts by the name of what they change."""
_ENERGY_SUFFIX: Final = "wh"
_ENERGY_KINDS: Final = frozenset({"consumption", "free", "units", "purchase"})
_QUANTITY: Final = "quantity"


def readable(statement: dict[str, Any], account: AccountView) -> JsonObjectType:
    """Return a statement with amounts as decimals in the account's currency and energy in kWh.

    ``wh`` becomes ``kwh`` and ``opening_wh`` ``opening_kwh``; the ``quantity`` of a line of energy is
    ``kwh``. What only a newer bridge tells is passed on as it is.
    """
    told = _object(statement, account)
    told.pop("amount_digits", None)
    return told


def _object(given: dict[str, Any], account: AccountView) -> JsonObjectType:
    energy = given.get("kind") in _ENERGY_KINDS
    return dict(_member(name, value, account, energy=energy) for name, value in given.items())


def _member(name: str, value: Any, account: AccountView, *, energy: bool) -> tuple[str, JsonValueType]:  # noqa: ANN401
    if name == _BY_HOLDING and isinstance(value, dict):
        return name, {holding: decimal_text(amount, account) for holding, amount in value.items()}
    if not isinstance(value, int) or isinstance(value, bool):
        return name, _value(value, account)
    if name in _AMOUNTS:
        return name, decimal_text(value, account)
    if name.endswith(_ENERGY_SUFFIX):
        return f"{name.removesuffix(_ENERGY_SUFFIX)}kwh", kilowatt_hours_text(value)
    if name == _QUANTITY and energy:
        return "kwh", kilowatt_hours_text(value)
    return name, value


def _value(given: Any, account: AccountView) -> JsonValueType:  # noqa: ANN401
    if isinstance(given, dict):
        return _object(given, account)
    if isinstance(given, list):
        return [_value(each, account) for each in given]
    told: JsonValueType = given
    return told
