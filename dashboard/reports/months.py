"""Calendar months, as reports are made for them."""

from datetime import date, timedelta


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


def last_day(first: date) -> date:
    """Return the last day of a month."""
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
