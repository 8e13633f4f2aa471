"""What of an account's terms its supplies are rated by."""

from meter_bridge.core.calendar import day_end, local_day
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import Timeline
from meter_bridge.engine.state.model import (
    Account,
)


def terms_of(account: Account, timeline: Timeline) -> SupplyTerms:
    """Return what the tariff has to know of an account and its customer."""
    started = local_day(account.tenancy.start or account.opened_at, timeline.versions[0].zone)
    return SupplyTerms(started, account.policy.contracted_w, account.policy.free_units)


def first_standing(account: Account, timeline: Timeline) -> int:
    """Return when the first standing charge is due: the midnight after the opening; the first day is free."""
    zone = timeline.versions[0].zone
    return day_end(local_day(account.opened_at, zone), zone)
