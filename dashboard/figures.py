"""Numbers and times as people read them: the edge where integers become text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from dashboard.forecast import MAX_DAYS
from meter_bridge.core.money import format_amount, to_decimal

MINUS = "\N{MINUS SIGN}"
KILO = 1_000
EXACT_DAYS = 10
"""From this many days on a forecast has no decimals."""


def money(amount: int, currency: str) -> str:
    """Return an amount such as ``ZAR 12.35``."""
    return format_amount(amount, currency).replace("-", MINUS).replace(" ", "\N{NO-BREAK SPACE}")


def main_units(amount: int, currency: str) -> float:
    """Return an amount in main units as a chart's coordinate; never to reckon with."""
    return float(to_decimal(amount, currency))


def kwh(watt_hours: int) -> str:
    """Return energy such as ``1,234.5 kWh``."""
    return f"{Decimal(watt_hours) / 1000:,.1f}\N{NO-BREAK SPACE}kWh".replace("-", MINUS)


def power(milliwatts: int | None) -> str:
    """Return power in W or kW, or that it is not known."""
    if milliwatts is None:
        return "not known"
    watts = Decimal(milliwatts) / 1000
    return (
        f"{watts:,.0f}\N{NO-BREAK SPACE}W"
        if abs(watts) < KILO
        else f"{watts / 1000:,.2f}\N{NO-BREAK SPACE}kW"
    )


def days(left: float | None) -> str:
    """Return how long credit lasts, no more exact than it is known."""
    if left is None:
        return "not yet known"
    if left >= MAX_DAYS:
        return "over a year"
    if left <= 0:
        return "0\N{NO-BREAK SPACE}days"
    if left < 1:
        return "under a day"
    shown = f"{left:.1f}" if left < EXACT_DAYS else f"{left:.0f}"
    return f"{shown}\N{NO-BREAK SPACE}days"


def change(now: int, before: int) -> str | None:
    """Return a change in percent, or None where there is nothing to compare with."""
    if before == 0:
        return None
    return f"{(now - before) * 100 / before:+.0f} %"


def at_place(instant: int, time_zone: str) -> datetime:
    """Return an instant in milliseconds as local time."""
    return datetime.fromtimestamp(instant / 1000, UTC).astimezone(ZoneInfo(time_zone))


def moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov 2026, 18:40``."""
    local = at_place(instant, time_zone)
    return f"{local.day} {local:%b %Y, %H:%M}"


def short_moment(instant: int, time_zone: str) -> str:
    """Return an instant such as ``20 Nov, 18:40``."""
    local = at_place(instant, time_zone)
    return f"{local.day} {local:%b, %H:%M}"


def day(local: date) -> str:
    """Return a date such as ``20 Nov 2026``."""
    return f"{local.day} {local:%b %Y}"


def ago(instant: int, now: int) -> str:
    """Return how long ago an instant was."""
    minutes = max(now - instant, 0) // 60_000
    for size, name in ((1440, "d"), (60, "h")):
        if minutes >= 2 * size:
            return f"{minutes // size}\N{NO-BREAK SPACE}{name} ago"
    return f"{minutes}\N{NO-BREAK SPACE}min ago" if minutes else "just now"
