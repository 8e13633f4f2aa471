"""Numbers and times as people read them: the edge where integers become text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from dashboard.settings import settings
from dashboard.text.translate import say
from meter_bridge.core.forecast.prediction_interval import MOST_DAYS
from meter_bridge.core.money import format_amount, minor_digits, to_decimal

MINUS: Final = "\N{MINUS SIGN}"
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"
SPACE: Final = "\N{NO-BREAK SPACE}"
KILO: Final = 1_000
EXACT_DAYS: Final = 10
"""From this many days on a forecast has no decimals."""
CONVENTIONS: Final = {
    "1,234.5": (",", "."),
    "1.234,5": (".", ","),
    "1 234,5": (NARROW, ","),
    "1'234.5": ("’", "."),
}
"""How thousands and decimals are marked."""


def separators() -> str:
    """Return the marks of decimals and thousands, in this order, as charts want them."""
    thousands, decimals = CONVENTIONS.get(settings().numbers, (",", "."))
    return decimals + thousands


def written(number: str) -> str:
    """Return a number that Python wrote as the site's people write it, with a typographic minus."""
    told = number.replace("-", MINUS)
    thousands, decimals = CONVENTIONS.get(settings().numbers, (",", "."))
    return told if thousands == "," else told.translate({ord(","): thousands, ord("."): decimals})


def money(amount: int, currency: str) -> str:
    """Return an amount such as ``ZAR 12.35``."""
    code, _, number = format_amount(amount, currency).partition(" ")
    return f"{code}{SPACE}{written(number)}"


def signed_money(amount: int, currency: str) -> str:
    """Return an amount with its sign, for differences."""
    code, _, number = format_amount(amount, currency).partition(" ")
    return f"{code}{SPACE}{'+' if amount > 0 else ''}{written(number)}"


def price(amount: int, currency: str) -> str:
    """Return a price with the currency's decimals, and up to two more where it has them."""
    least = minor_digits(currency)
    exact = to_decimal(amount, currency).quantize(Decimal(1).scaleb(-least - 2))
    places = max(least, -int(exact.normalize().as_tuple().exponent))
    return f"{currency}{SPACE}{written(f'{exact:,.{places}f}')}"


def number(value: float, places: int = 4) -> str:
    """Return a number with no more decimals than it needs."""
    told = f"{value:,.{places}f}"
    return written(told.rstrip("0").rstrip(".") if "." in told else told)


def main_units(amount: int, currency: str) -> float:
    """Return an amount in main units as a chart's coordinate; never to reckon with."""
    return float(to_decimal(amount, currency))


def count(number: int) -> str:
    """Return a whole number."""
    return written(f"{number:,}")


def kwh(watt_hours: int) -> str:
    """Return energy such as ``1,234.5 kWh``."""
    return f"{written(f'{Decimal(watt_hours) / 1000:,.1f}')}{SPACE}kWh"


def power(milliwatts: int | None) -> str:
    """Return power in W or kW, or that it is not known."""
    if milliwatts is None:
        return say("not known")
    watts = Decimal(milliwatts) / 1000
    if abs(watts) < KILO:
        return f"{written(f'{watts:,.0f}')}{SPACE}W"
    return f"{written(f'{watts / 1000:,.2f}')}{SPACE}kW"


def days(left: float | None) -> str:
    """Return how long credit lasts, no more exact than it is known."""
    if left is None:
        return say("not yet known")
    if left > MOST_DAYS:
        return say("over {number} days", number=MOST_DAYS).replace(" ", SPACE)
    if left <= 0:
        return say("{number} days", number=0).replace(" ", SPACE)
    if left < 1:
        return say("under a day")
    return say("{number} days", number=number_of_days(left)).replace(" ", SPACE)


def number_of_days(left: float) -> str:
    """Return a number of days with one decimal below ten."""
    return written(f"{left:.1f}" if left < EXACT_DAYS else f"{left:.0f}")


def change(now: int, before: int) -> str | None:
    """Return a change in percent, or None where it rounds to none or there is nothing to compare with."""
    if before == 0:
        return None
    rounded = f"{(now - before) * 100 / abs(before):+,.0f}"
    return None if int(rounded.replace(",", "")) == 0 else f"{written(rounded)}{SPACE}%"


def percent(share: float) -> str:
    """Return a share of one in percent, with one decimal below ten."""
    value = share * 100
    if not value:
        return f"0{SPACE}%"
    return f"{written(f'{value:.1f}' if abs(value) < EXACT_DAYS else f'{value:.0f}')}{SPACE}%"


def at_place(instant: int, time_zone: str) -> datetime:
    """Return an instant in milliseconds as local time."""
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(time_zone))


def moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov 2026, 18:40``."""
    local = at_place(instant, time_zone)
    return f"{local.day} {_month(local)} {local.year}, {local:%H:%M}"


def short_moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov, 18:40``."""
    local = at_place(instant, time_zone)
    return f"{local.day} {_month(local)}, {local:%H:%M}"


def day(local: date) -> str:
    """Return a date such as ``20 Nov 2026``."""
    return f"{local.day} {_month(local)} {local.year}"


def month(local: date) -> str:
    """Return a month such as ``Nov 2026``."""
    return f"{_month(local)} {local.year}"


def _month(local: date) -> str:
    """Return the short name of a month in the reader's language."""
    return say(f"{local:%b}")


def ago(instant: int, now: int) -> str:
    """Return how long ago an instant was."""
    minutes = max(now - instant, 0) // 60_000
    for size, text in ((1440, "{number} d ago"), (60, "{number} h ago")):
        if minutes >= 2 * size:
            return say(text, number=count(minutes // size)).replace(" ", SPACE)
    return say("{number} min ago", number=minutes).replace(" ", SPACE) if minutes else say("just now")
