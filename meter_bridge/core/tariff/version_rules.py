"""Which price list may follow which: changes that would leave a month half priced are refused."""

from dataclasses import dataclass

from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.tariff.periods import PeriodUnit
from meter_bridge.core.tariff.tariff import BlockBandMeaning, BlockBasis, TariffVersion


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a version cannot follow another, and what to do instead."""

    key: str
    """Key of the site file that it is about."""
    message: str
    remedy: str


def find_obstacle(before: TariffVersion, after: TariffVersion, at: int) -> Obstacle | None:
    """Return why a version cannot take over from another at an instant, or None where it can."""
    if before.billing_period != after.billing_period and (
        _charges_per_bill(before) or _charges_per_bill(after)
    ):
        return Obstacle(
            "billing day",
            f"bills begin on day {after.billing_period.day} here, on day {before.billing_period.day} before:"
            " the month between would be cut short, with no bill of its own for its minimum, its monthly"
            " charges and its history",
            f"keep billing day: {before.billing_period.day}",
        )
    sells = [version.basis is BlockBasis.PURCHASE_TIME for version in (before, after)]
    looks_back = any(_depends_on_bill(version) for version in (before, after))
    if any(sells) and not all(sells) and looks_back and not _starts_bill(before, after, at):
        return Obstacle(
            "from",
            "units that were bought and blocks in proportion, or a lifeline, would share a bill: what was"
            " bought in it would count as used",
            "let the version begin with a bill, on the first day of its month",
        )
    return None


def _charges_per_bill(version: TariffVersion) -> bool:
    monthly = any(charge.per is PeriodUnit.MONTH for charge in version.standing)
    counted = version.minimum or version.history_periods or version.free_wh or version.demand is not None
    return bool(monthly or counted or _depends_on_bill(version))


def _depends_on_bill(version: TariffVersion) -> bool:
    return version.meaning is BlockBandMeaning.POOLED_PRO_RATA or version.lifeline is not None


def _starts_bill(before: TariffVersion, after: TariffVersion, at: int) -> bool:
    day = local_day(at, after.zone)
    return day_start(day, after.zone) == at and all(
        version.billing_period.start_of(day) == day for version in (before, after)
    )
