"""Which timelines SQL prices, and the named reason where the core has to do it."""

from collections.abc import Sequence

from meter_bridge.core.calendar import day_start
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import DemandOf, TariffVersion, Timeline


def unsupported_reason(timeline: Timeline, last: int) -> str | None:
    """Return why a timeline cannot be priced set-based, or None where it can.

    These are combinations that only a change of the tariff within a billing period makes, and each of them
    changes a value to date; the core prices them, unit by unit.
    """
    versions = timeline.versions
    if len({version.time_zone for version in versions}) > 1:
        return "its versions are in different time zones"
    if len(versions) == 1:
        return None
    if _open_period_changes(timeline, last):
        return "it changes within the billing period that is not over"
    return next((reason for reason, differs in _unsupported_changes(versions) if differs), None)


def _unsupported_changes(versions: Sequence[TariffVersion]) -> Sequence[tuple[str, bool]]:
    demands = {
        each.demand.interval_min
        for each in versions
        if each.demand is not None and each.demand.of is DemandOf.MAXIMUM
    }
    some = any(each.has_period_to_date or each.history_periods or each.free_wh for each in versions)
    return (
        ("its versions bill on different days", len({each.billing_period for each in versions}) > 1 and some),
        ("its versions take the demand of intervals of different length", len(demands) > 1),
        ("its versions give different free units", len({each.free_wh for each in versions}) > 1),
        (
            "its versions know different shares of a first period",
            len({each.prorate for each in versions}) > 1,
        ),
    )


def _open_period_changes(timeline: Timeline, last: int) -> bool:
    stretch = timeline.interval_at(last - 1)
    start, end = (day_start(day, stretch.version.zone) for day in period_bounds(stretch.period))
    changes = any(start < version.valid_from < last for version in timeline.versions)
    return end > last and changes and timeline.has_period_to_date(stretch.period)
