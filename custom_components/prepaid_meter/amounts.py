"""Turn the wire's integers into the decimals that people read."""

from decimal import Decimal
from typing import Final

from .client.protocol import AccountView

_DIGITS_BEYOND_MINOR_UNIT: Final = 4


def currency_digits(account: AccountView) -> int:
    """Return how many decimals the account's currency has in daily life."""
    return max(account.amount_digits - _DIGITS_BEYOND_MINOR_UNIT, 0)


def money(amount: int | None, account: AccountView) -> Decimal | None:
    """Return an amount in whole minor units, rounded half-even as the bridge rounds.

    The finer digits would only make a new state, and a new row in the recorder, of every message of a meter.
    """
    if amount is None:
        return None
    minor_unit = Decimal(1).scaleb(-currency_digits(account))
    # Adding zero turns a negative zero into a plain one.
    return price(amount, account).quantize(minor_unit) + 0


def price(amount: int, account: AccountView) -> Decimal:
    """Return an amount exactly, as prices per kWh need it."""
    return Decimal(amount).scaleb(-account.amount_digits)


def decimal_text(amount: int, account: AccountView) -> str:
    """Return an amount exactly, with at least the decimals of daily life: ``100.00``, ``0.0125``."""
    exact, rounded = price(amount, account), money(amount, account)
    return str(rounded) if exact == rounded else f"{exact.normalize():f}"


def kilowatt_hours(watt_hours: int | None) -> Decimal | None:
    """Return watt-hours as kWh, exactly."""
    return None if watt_hours is None else Decimal(watt_hours).scaleb(-3)


def kilowatt_hours_text(watt_hours: int | None) -> str | None:
    """Return watt-hours as kWh with three decimals, exactly, for answers that are JSON."""
    return None if watt_hours is None else f"{Decimal(watt_hours).scaleb(-3):.3f}"


def thousandth(value: int | None) -> float | None:
    """Return milliwatts, millivolts, milliamperes or millihertz in the plain unit."""
    return None if value is None else value / 1000
