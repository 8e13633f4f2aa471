"""Readers of numbers: money, energy, power, voltage, time spans and rates, exactly as written."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
import re
from typing import Final, NamedTuple

from meter_bridge.config.problems import invalid
from meter_bridge.config.scalars import Reader, reader, single
from meter_bridge.core.energy import EnergyError, parse_kwh
from meter_bridge.core.money import MAX_AMOUNT, MAX_PRICE, MoneyError, parse_amount, parse_decimal

MAX_RATING_W: Final = 10_000_000
PPM_PER_PERCENT: Final = 10_000
SMALLEST_MODULUS_WH: Final = 1_000_000
"""Four digits of kWh with one behind the point, the shortest counter in the trade, hold ten times as much."""

_QUANTITY: Final = re.compile(r"(-?[0-9][0-9.]*) ?([A-Za-z%]*)")
_RATING: Final = re.compile(r"(?:([1-3]) ?[x×] ?)?([0-9][0-9.]*) ?(kW|W|A)")


class Rating(NamedTuple):
    """Largest load of a supply, as current or as power."""

    amperes: Decimal | None
    watts: int

    def at_voltage(self, millivolts: int) -> int:
        """Return the rating in W, rounded up."""
        if self.amperes is None:
            return self.watts
        return int((self.amperes * millivolts / 1000).to_integral_value(ROUND_CEILING))


def amount_text(value: object, currency: str | None = None, /) -> int:
    """Read an amount of money of zero or more, exactly as written; 0 where the currency is not known."""
    return _amount(value, currency, MAX_AMOUNT)


def price_text(value: object, currency: str | None = None, /) -> int:
    """Read a price or another amount of a tariff, which is due again and again."""
    return _amount(value, currency, MAX_PRICE)


def _amount(value: object, currency: str | None, most: int) -> int:
    text = single(value)
    not_negative(text)
    try:
        return 0 if currency is None else parse_amount(text, currency, most=most)
    except MoneyError as error:
        raise invalid(str(error), "write it shorter, like 4.50") from None


def not_negative(value: str) -> Decimal:
    """Return a plain decimal number of zero or more."""
    number = _decimal(value)
    if number < 0:
        raise invalid(f"{value!r} is negative", "write zero or more")
    return number


def _decimal(value: str) -> Decimal:
    try:
        return parse_decimal(value)
    except MoneyError:
        raise invalid(
            f"{value!r} is not a plain decimal number", "write it like 4.50, without a currency"
        ) from None


@reader
def kwh(value: str) -> int:
    """Read energy in kWh; returns Wh."""
    number, unit = _quantity(value, "350 kWh")
    if unit not in {"", "kWh"}:
        raise invalid(f"{value!r} is not in kWh", "write it like 350 kWh")
    try:
        return parse_kwh(number)
    except EnergyError as error:
        raise invalid(str(error), "write it like 350 kWh") from None


@reader
def modulus(value: str) -> int:
    """Read where a register starts again at zero, in kWh; returns Wh."""
    wh = kwh(value)
    if wh < SMALLEST_MODULUS_WH:
        raise invalid(f"{value!r} is less than any meter's register holds", "write it like 100000 kWh")
    return wh


def _quantity(value: str, example: str) -> tuple[str, str]:
    match = _QUANTITY.fullmatch(value.strip())
    if not match:
        raise invalid(f"{value!r} is not a number with its unit", f"write it like {example}")
    return match[1], match[2]


def _scaled(value: str, factors: Mapping[str, int], example: str) -> int:
    """Return a positive quantity in its smallest step; units are the keys of ``factors``."""
    number, unit = _quantity(value, example)
    if unit not in factors:
        raise invalid(f"{value!r} needs a unit: {' or '.join(factors)}", f"write it like {example}")
    steps = _decimal(number) * factors[unit]
    if steps <= 0 or steps != steps.to_integral_value():
        raise invalid(
            f"{value!r} is not above zero, or has too many decimal places", f"write it like {example}"
        )
    return int(steps)


@reader
def volts(value: str) -> int:
    """Read a voltage; returns mV."""
    millivolts = _scaled(value, {"V": 1000}, "230 V")
    if millivolts > 1_000_000:  # noqa: PLR2004 - low voltage ends at 1000 V (IEC 60038)
        raise invalid(f"{value!r} is not a low voltage", "write at most 1000 V")
    return millivolts


@reader
def load(value: str) -> int:
    """Read a power; returns mW."""
    return _power(value, 1000, "12 kW")


@reader
def watts(value: str) -> int:
    """Read a power; returns whole W."""
    return _power(value, 1, "2 kW")


def _power(value: str, steps_per_watt: int, example: str) -> int:
    power = _scaled(value, {"W": steps_per_watt, "kW": 1000 * steps_per_watt}, example)
    if power > MAX_RATING_W * steps_per_watt:
        raise invalid(f"{value!r} is more than any unit can be supplied with", "write at most 10000 kW")
    return power


@reader
def rating(value: str) -> Rating:
    """Read a rating: ``60 A``, ``3x63 A``, ``14.5 kW`` or ``14500 W``."""
    match = _RATING.fullmatch(value.strip())
    if not match:
        remedy = "write it like 60 A, 3x63 A or 14.5 kW"
        raise invalid(f"{value!r} is not a rating with its unit", remedy)
    number = _decimal(match[2]) * int(match[1] or 1)
    amperes = number if match[3] == "A" else None
    watts = Decimal(0) if amperes else number * (1000 if match[3] == "kW" else 1)
    if number <= 0 or number > MAX_RATING_W or watts > MAX_RATING_W:
        raise invalid(f"{value!r} is not the rating of a supply", "write it like 60 A, 3x63 A or 14.5 kW")
    return Rating(amperes, int(watts.to_integral_value(ROUND_CEILING)))


@reader
def duration(value: str) -> int:
    """Read a time span; returns seconds."""
    seconds = _scaled(value, {"s": 1, "min": 60, "h": 3600}, "15 min")
    if seconds > 7 * 86_400:
        raise invalid(f"{value!r} is longer than a week", "write it like 15 min")
    return seconds


duration_ms: Final = reader(lambda value: duration(value) * 1000)


@reader
def percent_ppm(value: str) -> int:
    """Read a rate in per cent; returns parts per million."""
    number, unit = _quantity(value, "15")
    ppm = _decimal(number) * PPM_PER_PERCENT
    if unit not in {"", "%"} or not 0 <= ppm <= 100 * PPM_PER_PERCENT or ppm != ppm.to_integral_value():
        remedy = "write between 0 and 100, with at most four decimal places"
        raise invalid(f"{value!r} is not a rate in per cent", remedy)
    return int(ppm)


def whole(least: int, most: int) -> Reader[int]:
    """Return a reader of a whole number."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not least <= int(value[:9]) <= most:
            raise invalid(f"{value!r} is not a whole number from {least} to {most}", "write it like 3")
        return int(value)

    return reader(parse)


@reader
def whole_percent(value: str) -> int:
    """Read whole per cent, from 0 to 50."""
    number, unit = _quantity(value, "5 %")
    if unit not in {"", "%"} or not number.isdigit() or not 0 <= int(number[:9]) <= 50:  # noqa: PLR2004 - as said
        raise invalid(f"{value!r} is not whole per cent from 0 to 50", "write it like 5 %")
    return int(number)
