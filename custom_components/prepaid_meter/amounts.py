"""Converts the integers of the protocol to decimals for display."""

from decimal import Decimal
from typing import Final

from .client.protocol import AccountView

_DIGITS_BEYOND_MINOR_UNIT: Final = 4


def currency_digits(account: AccountView) -> int:
    """Return how many decimals the account's currency has in everyday use."""
    return max(account.amount_digits - _DIGITS_BEYOND_MINOR_UNIT, 0)


def money(amount: int | None, account: AccountView) -> Decimal | None:
    """Return an amount in whole minor units, rounded half-even like the bridge.

    With the finer digits, every message of a meter would cause a new state and a new row in the recorder.
    """
    if amount is None:
        return None
    minor_unit = Decimal(1).scaleb(-currency_digits(account))
    # Adding zero turns a negative zero into a positive one.
    return price(amount, account).quantize(minor_unit) + 0


def price(amount: int, account: AccountView) -> Decimal:
    """Return an amount exactly, as needed for prices per kWh."""
    return Decimal(amount).scaleb(-account.amount_digits)


def decimal_text(amount: int, account: AccountView) -> str:
    """Return an amount exactly, with at least the currency's usual decimals: ``100.00``, ``0.0125``."""
    exact, rounded = price(amount, account), money(amount, account)
    return str(rounded) if exact == rounded else f"{exact.normalize():f}"


def kilowatt_hours(watt_hours: int | None) -> Decimal | None:
    """Return watt-hours as kWh, exactly."""
    return None if watt_hours is None else Decimal(watt_hours).scaleb(-3)


def kilowatt_hours_text(watt_hours: int | None) -> str | None:
    """Return watt-hours as kWh with exactly three decimals, for JSON responses."""
    return None if watt_hours is None else f"{Decimal(watt_hours).scaleb(-3):.3f}"


def thousandth(value: int | None) -> float | None:
    """Return milliwatts, millivolts, milliamperes or millihertz in the base unit."""
    return None if value is None else value / 1000
