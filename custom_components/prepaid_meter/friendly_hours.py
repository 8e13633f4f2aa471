"""The friendly hours that the bridge reports for an account: the current ones, or else the next."""

from datetime import datetime

from homeassistant.util.dt import parse_datetime, utcnow

from .client.protocol import AccountView


def friendly_hours(account: AccountView) -> tuple[datetime, datetime] | None:
    """Return start and end of the current or next friendly hours, or None if there are none."""
    if account.friendly_hours is None:
        return None
    start, end = (parse_datetime(text) for text in (account.friendly_hours.start, account.friendly_hours.end))
    return None if start is None or end is None else (start, end)


def in_friendly_hours(account: AccountView) -> bool:
    """Return whether friendly hours apply now, by Home Assistant's clock."""
    hours = friendly_hours(account)
    return hours is not None and hours[0] <= utcnow() < hours[1]
