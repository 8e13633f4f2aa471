"""Calendar months, as reports are made for them."""

from datetime import date, timedelta
from typing import Final

MOST_MONTHS: Final = 24


class MonthError(ValueError):
    """A text that names no month."""


def parse_month(text: str, today: date) -> date:
    """Return the first day of a month such as ``2026-10``, ``last`` or ``this``; raise ``MonthError``."""
    if text == "last":
        return previous_month(today.replace(day=1))
    if text == "this":
        return today.replace(day=1)
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise MonthError(f"{text!r} is no month; write it like 2026-10, or last or this") from error


def previous_month(first: date) -> date:
    """Return the first day of the month before."""
    return (first - timedelta(days=1)).replace(day=1)


def recent_months(today: date, since: date) -> list[date]:
    """Return the first days of the months back to that of ``since``, newest first; at most two years."""
    months = [today.replace(day=1)]
    while months[-1] > since and len(months) < MOST_MONTHS:
        months.append(previous_month(months[-1]))
    return months


def last_day(first: date) -> date:
    """Return the last day of a month."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
