"""Converts statements for templates: integers become decimals, under names that state the unit."""

from typing import Any, Final

from homeassistant.util.json import JsonObjectType, JsonValueType

from .amounts import decimal_text, kilowatt_hours_text
from .client.protocol import AccountView

_AMOUNTS: Final = frozenset(
    {"amount", "balance_after", "charges", "closing", "credits", "opening", "tax", "unit_price"}
)
_CHANGES: Final = "changes"
"""Field with amounts by the name of the balance that they change."""
_ENERGY_SUFFIX: Final = "wh"
_ENERGY_KINDS: Final = frozenset({"consumption", "free", "units", "purchase"})
_QUANTITY: Final = "quantity"


def readable_statement(statement: dict[str, Any], account: AccountView) -> JsonObjectType:
    """Return a statement with amounts as decimals in the account's currency and energy in kWh.

    ``wh`` becomes ``kwh``, ``opening_wh`` becomes ``opening_kwh``, and the ``quantity`` of an energy line
    becomes ``kwh``. Fields that only a newer bridge has are passed through unchanged.
    """
    converted = _object(statement, account)
    converted.pop("amount_digits", None)
    return converted


def _object(data: dict[str, Any], account: AccountView) -> JsonObjectType:
    energy = data.get("kind") in _ENERGY_KINDS
    return dict(_member(name, value, account, energy=energy) for name, value in data.items())


def _member(name: str, value: Any, account: AccountView, *, energy: bool) -> tuple[str, JsonValueType]:  # noqa: ANN401
    if name == _CHANGES and isinstance(value, dict):
        return name, {balance: decimal_text(amount, account) for balance, amount in value.items()}
    if not isinstance(value, int) or isinstance(value, bool):
        return name, _value(value, account)
    if name in _AMOUNTS:
        return name, decimal_text(value, account)
    if name.endswith(_ENERGY_SUFFIX):
        return f"{name.removesuffix(_ENERGY_SUFFIX)}kwh", kilowatt_hours_text(value)
    if name == _QUANTITY and energy:
        return "kwh", kilowatt_hours_text(value)
    return name, value


def _value(data: Any, account: AccountView) -> JsonValueType:  # noqa: ANN401
    if isinstance(data, dict):
        return _object(data, account)
    if isinstance(data, list):
        return [_value(item, account) for item in data]
    scalar: JsonValueType = data
    return scalar
