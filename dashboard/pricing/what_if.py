"""What units would have paid under another tariff: who pays more, who less, by how much.

What was charged comes from the ledger's facts; what would have been charged is priced from the same energy.
Days within a billing period cost what they add to it: a ladder that was climbed before is climbed here too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from dashboard.access import Viewer
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.pricing.pricer import Pricer
from dashboard.queries.sums import ChargedUnit, charged_units
from dashboard.queries.tariffs import supply_tariffs
from meter_bridge.config.codec import decode_policy
from meter_bridge.core.calendar import day_start, local_day, next_month
from meter_bridge.core.rating.load_pricing import energy_needed_from
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.tariff import DemandOf, Timeline

_NUMBERS: Final = pa.schema([("account_id", pa.string()), ("unit", pa.int32())])
# The days are the site's, which may be others than those of the tariff's zone: a day on each side is enough.
# Nobody pays for what was used before moving in, whatever the price list.
_SEGMENTS: Final = """
    SELECT c.unit, s.start_ms, s.end_ms, s.wh
    FROM segment s JOIN chosen c ON c.account_id = s.account_id
    WHERE s.wh > 0 AND s.kind <> 'vacant'
      AND s.local_day >= getvariable('first_day') AND s.local_day < getvariable('end_day')
      AND s.start_ms >= getvariable('start_ms') AND s.start_ms < getvariable('stop_ms')"""


# A part of a day lies in one band without a gap: where it begins says in which run all of it is.
_PARTS: Final = """
    SELECT c.unit, r.start_ms, r.start_ms AS end_ms, r.wh
    FROM rollup r JOIN chosen c ON c.account_id = r.account_id
    WHERE r.wh > 0 AND r.kind <> 'vacant'
      AND r.local_day >= getvariable('first_day') AND r.local_day < getvariable('end_day')
      AND r.start_ms >= getvariable('start_ms') AND r.start_ms < getvariable('stop_ms')"""


class TimeSpan(NamedTuple):
    """The time [start, end), milliseconds UTC."""

    start: int
    end: int


def can_use_daily_sums(wanted: Timeline, charged: Timeline) -> bool:
    """Return whether daily sums by band, as ``charged`` divided days, are enough to price ``wanted``.

    They are where no band of the wanted price lists begins or ends within a band of those that were charged,
    no version begins within a day, and no greatest demand is asked for.
    """
    calendars = {version.calendar for version in charged.versions}
    return all(
        (version.calendar in calendars and len(calendars) == 1)
        or (len(version.bands) == 1 and {each.time_zone for each in calendars} == {version.time_zone})
        for version in wanted.versions
    ) and all(
        (version.demand is None or version.demand.of is not DemandOf.MAXIMUM)
        and version.valid_from in (0, day_start(local_day(version.valid_from, version.zone), version.zone))
        for version in wanted.versions
    )


def add_days(pricer: Pricer, numbers: Mapping[str, int], span: TimeSpan, zone: ZoneInfo) -> None:
    """Add the daily sums of some accounts to a pricer; for those whose ``can_use_daily_sums``."""
    chosen = pa.table({"account_id": list(numbers), "unit": list(numbers.values())}, schema=_NUMBERS)
    pricer.register("chosen", chosen)
    first, end = local_day(span.start, zone), local_day(span.end, zone) + timedelta(days=1)
    pricer.set_variables(first_day=first, end_day=end, start_ms=span.start, stop_ms=span.end)
    pricer.add(_PARTS, in_order=True)


def add_segments(
    pricer: Pricer,
    numbers: Mapping[str, int],
    span: TimeSpan,
    zone: ZoneInfo,
    progress: Callable[[float], None],
) -> None:
    """Add the segments of some accounts to a pricer, a month at a time."""
    chosen = pa.table({"account_id": list(numbers), "unit": list(numbers.values())}, schema=_NUMBERS)
    months = _months(span, zone)
    pricer.register("chosen", chosen)
    for done, (first, end) in enumerate(months, 1):
        begin, stop = span
        pricer.set_variables(first_day=first, end_day=end, start_ms=begin, stop_ms=stop)
        pricer.add(_SEGMENTS)
        progress(done / len(months))


def _months(span: TimeSpan, zone: ZoneInfo) -> list[tuple[date, date]]:
    """Return the parts of a span, each within a calendar month, as first day and first day after it."""
    first = local_day(span.start, zone) - timedelta(days=1)
    end = local_day(span.end, zone) + timedelta(days=2)
    parts: list[tuple[date, date]] = []
    while first < end:
        following = min(next_month(first), end)
        parts.append((first, following))
        first = following
    return parts


type Progress = Callable[[float], None]
"""Told how far a pricing is, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfQuestion:
    """Another tariff over the real load of some units and days."""

    timeline: Timeline
    first: date
    last: date
    """Last local day, included."""
    accounts: tuple[str, ...] | None = None
    """Units to price; None means all that the viewer may see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitChange:
    """What a unit was charged, and what it would have been."""

    account_id: str
    name: str
    wh: int
    old: int
    new: int

    @property
    def difference(self) -> int:
        """Return what the unit would pay besides; negative is less."""
        return self.new - self.old


@dataclass(frozen=True, kw_only=True)
class WhatIfAnswer:
    """The units of one currency, old and new."""

    currency: str
    changes: tuple[UnitChange, ...]
    """In the order of the difference, who pays most besides first."""
    other_currencies: int
    """Units that were left out because their account is kept in another currency."""

    @cached_property
    def old(self) -> int:
        """Return the revenue as it was."""
        return sum(change.old for change in self.changes)

    @cached_property
    def new(self) -> int:
        """Return the revenue as it would have been."""
        return sum(change.new for change in self.changes)

    @cached_property
    def more(self) -> int:
        """Return how many units would pay more."""
        return sum(change.difference > 0 for change in self.changes)

    @cached_property
    def less(self) -> int:
        """Return how many units would pay less."""
        return sum(change.difference < 0 for change in self.changes)


def what_if(
    opened: Warehouse, viewer: Viewer, question: WhatIfQuestion, progress: Progress | None = None
) -> WhatIfAnswer:
    """Return what units were and would have been charged for local days of the tariff's time zone.

    Raises ``PricingError`` for a tariff that cannot be priced in sets.
    """
    currency = question.timeline.versions[0].currency
    found = charged_units(opened, viewer, question.first, question.last, question.accounts)
    mine = [each for each in found if each.currency == currency]
    new = _priced(opened, viewer, question, mine, progress or (lambda _: None)) if mine else {}
    changes = (
        UnitChange(account_id=each.account_id, name=each.name, wh=each.wh, old=each.amount, new=new[number])
        for number, each in enumerate(mine)
    )
    in_order = sorted(changes, key=lambda change: (-change.difference, change.account_id))
    return WhatIfAnswer(currency=currency, changes=tuple(in_order), other_currencies=len(found) - len(mine))


def _priced(
    opened: Warehouse,
    viewer: Viewer,
    question: WhatIfQuestion,
    units: Sequence[ChargedUnit],
    progress: Progress,
) -> Mapping[int, int]:
    zone = question.timeline.versions[0].zone
    start, end = day_start(question.first, zone), day_start(question.last + timedelta(days=1), zone)
    version = question.timeline.at(start)
    since = min(energy_needed_from(version, version.period(start)), start)
    since = max(since, question.timeline.versions[0].valid_from)
    load = _Load(opened, question.timeline, units, _by_day(opened, viewer, question.timeline))
    whole = load.totals(TimeSpan(since, end), progress)
    before: Mapping[int, int] = {}
    if since < start:
        before = load.totals(TimeSpan(since, start), progress)
    return {number: whole.get(number, 0) - before.get(number, 0) for number in range(len(units))}


def _by_day(opened: Warehouse, viewer: Viewer, timeline: Timeline) -> frozenset[str]:
    """Return the accounts that daily sums suffice for, because the time windows stay the same."""
    known: dict[int, bool] = {}
    stays: dict[str, bool] = {}
    for each in opened.cached(supply_tariffs, viewer):
        key = id(each.timeline)
        if key not in known:
            known[key] = can_use_daily_sums(timeline, each.timeline)
        stays[each.account_id] = stays.get(each.account_id, True) and known[key]
    return frozenset(account_id for account_id, stay in stays.items() if stay)


@dataclass(frozen=True, slots=True)
class _Load:
    opened: Warehouse
    timeline: Timeline
    units: Sequence[ChargedUnit]
    by_day: frozenset[str]

    def totals(self, span: TimeSpan, progress: Progress) -> Mapping[int, int]:
        """Return what each unit pays for a span of time."""
        terms = {number: _terms(each, self.timeline) for number, each in enumerate(self.units)}
        daily: dict[str, int] = {}
        others: dict[str, int] = {}
        for number, each in enumerate(self.units):
            (daily if each.account_id in self.by_day else others)[each.account_id] = number
        zone = self.timeline.versions[0].zone
        with self.opened.cursor() as connection:
            pricer = Pricer(connection, self.timeline, terms, span.start, span.end)
            if daily:
                add_days(pricer, daily, span, zone)
            if others:
                add_segments(pricer, others, span, zone, progress)
            found = pricer.unit_totals()
        progress(1)
        return found


def _terms(unit: ChargedUnit, timeline: Timeline) -> SupplyTerms:
    policy = decode_policy(unit.policy)
    started = local_date(unit.since, timeline.versions[0].time_zone)
    return SupplyTerms(started, policy.contracted_w, policy.free_units)
