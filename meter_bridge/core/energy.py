"""Energy as integer watt-hours, parsed and shown in kilowatt-hours."""

from decimal import Decimal
from typing import Final

from meter_bridge.core.money import MoneyError, parse_decimal

WH_PER_KWH: Final = 1000
MS_PER_HOUR: Final = 3_600_000
MAX_KWH: Final = 10**9
"""A terawatt-hour: largest quantity that is accepted from outside."""


class EnergyError(ValueError):
    """A quantity of energy that cannot be accepted."""


def parse_kwh(text: str) -> int:
    """Return watt-hours of a decimal number of kWh; at most three decimal places, not negative."""
    try:
        value = parse_decimal(text)
    except MoneyError as error:
        raise EnergyError(f"{text!r} is not a number of kWh such as '350' or '0.5'") from error
    if value < 0 or value != round(value, 3):
        raise EnergyError(f"{text!r} kWh is negative or finer than 1 Wh")
    if value > MAX_KWH:
        raise EnergyError(f"{text!r} kWh is more than any that is accepted")
    return int(value * WH_PER_KWH)


def parse_register(text: str) -> tuple[int, int]:
    """Return a register read by a person in kWh as watt-hours, with what its last digit is worth."""
    wh = parse_kwh(text)
    decimals = len(text.partition(".")[2])
    return wh, int(10 ** max(3 - decimals, 0))


def format_kwh(wh: int) -> str:
    """Return watt-hours as kWh for people, such as ``"12.345 kWh"``."""
    return f"{Decimal(wh) / WH_PER_KWH:,.3f} kWh"


def max_energy_wh(rating_w: int, elapsed_ms: int) -> int:
    """Return the most energy that a supply of this rating can deliver in the time, in Wh, rounded up."""
    return -(-rating_w * max(elapsed_ms, 0) // MS_PER_HOUR)
