"""Tariffs of every kind, supplies and loads, drawn from a seed to hold both pricers against each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
import random
from zoneinfo import ZoneInfo

from meter_bridge.core.calendar import MINUTE_MS, SLOT_MS, day_start
from meter_bridge.core.rating.load_pricing import LoadInterval
from meter_bridge.core.rating.rating import SupplyTerms
from meter_bridge.core.tariff.bands import Band, BandCalendar, Season, Window
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockSchedule,
    DemandCharge,
    DemandOf,
    Lifeline,
    StandingCharge,
    TariffVersion,
    Tax,
    TaxBase,
    TaxKind,
    Timeline,
    check_tariff,
)

ZONES = (
    ("Europe/London", date(2026, 3, 2)),
    ("Europe/London", date(2026, 10, 1)),
    ("America/Havana", date(2026, 10, 10)),
    ("Asia/Beirut", date(2026, 3, 10)),
    ("Australia/Lord_Howe", date(2026, 9, 20)),
    ("Africa/Johannesburg", date(2025, 12, 10)),
    ("Asia/Kathmandu", date(2026, 2, 10)),
)
"""Zones with a first day, after which clocks change, a year ends or nothing of that happens."""
MOST_PRICE = 9_999_999_999
HOURS = tuple(hour * 60 for hour in range(24))
EVERY_DAY = frozenset(range(8))


@dataclass(frozen=True)
class Case:
    """A timeline, the span over which it prices, and supplies with their terms and loads."""

    timeline: Timeline
    first: int
    last: int
    terms: dict[int, SupplyTerms]
    loads: dict[int, list[LoadInterval]]


def case(seed: int) -> Case:
    """Draw a case; the same seed draws the same one."""
    rng = random.Random(seed)
    zone, begin = rng.choice(ZONES)
    begin += timedelta(days=rng.randrange(5))
    days = rng.randrange(35, 70)
    place = ZoneInfo(zone)
    first, last = day_start(begin, place), day_start(begin + timedelta(days=days), place)
    timeline = Timeline(_versions(rng, zone, first, last))
    terms = {unit: _terms(rng, begin) for unit in range(3)}
    loads = {unit: _load(rng, first, last) for unit in terms}
    return Case(timeline, first, last, terms, loads)


def _versions(rng: random.Random, zone: str, first: int, last: int) -> tuple[TariffVersion, ...]:
    """Draw one version, or one that changes at any instant within the span."""
    version = _version(rng, zone)
    if rng.random() < 0.5:
        return (version,)
    at = first + rng.randrange((last - first) // MINUTE_MS) * MINUTE_MS
    other = _version(rng, zone)
    same = {"billing_period": version.billing_period, "prorate": version.prorate, "free_wh": version.free_wh}
    if other.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        same["block_period"] = version.billing_period
    if other.demand is not None and version.demand is not None:
        same["demand"] = replace(other.demand, interval_min=version.demand.interval_min)
    other = replace(other, id="v2", valid_from=at, **same)  # type: ignore[arg-type]
    check_tariff(other)
    return version, other


def _version(rng: random.Random, zone: str) -> TariffVersion:
    """Draw a price list with any kinds of charges."""
    meaning = rng.choice(list(BlockBandMeaning))
    pro_rata = meaning is BlockBandMeaning.POOLED_PRO_RATA
    calendar = _calendar(rng, zone)
    names = tuple(band.name for band in calendar.bands)
    groups = [(name,) for name in names] if meaning is BlockBandMeaning.LADDER_PER_BAND else [names]
    billing = PeriodRule(day=rng.choice((1, 1, 15, 28)))
    unit = rng.choice((PeriodUnit.DAY, PeriodUnit.MONTH, PeriodUnit.QUARTER, PeriodUnit.YEAR))
    version = TariffVersion(
        id="v1",
        tariff_id="t1",
        valid_from=0,
        currency="GBP",
        calendar=calendar,
        ladders=tuple(_ladder(rng, group) for group in groups),
        meaning=meaning,
        block_period=billing if pro_rata else PeriodRule(unit, rng.choice((1, 15)), rng.randrange(1, 13)),
        billing_period=billing,
        history_periods=0 if pro_rata else rng.choice((0, 0, 0, 1, 3)),
        prorate=rng.random() < 0.5,
        standing=_standing(rng),
        demand=_demand(rng),
        minimum=rng.choice((0, 0, 10**6, 10**9)),
        free_wh=rng.choice((0, 0, 20_000)),
        free_climbs=rng.random() < 0.5,
        lifeline=Lifeline(rng.choice((50_000, 400_000)), tuple(_price(rng) for _ in names))
        if rng.random() < 0.25
        else None,
        taxes=_taxes(rng),
    )
    check_tariff(version)
    return version


def _calendar(rng: random.Random, zone: str) -> BandCalendar:
    """Draw one to three bands; windows may cross midnight, begin within a quarter hour and know seasons."""
    bands = [Band("rest", (), rest=True)]
    seasons: tuple[Season, ...] = ()
    if rng.random() < 0.3:
        seasons = (Season("winter", ((1015, 320),)), Season("summer", rest=True))
    for name in ("peak", "night")[: rng.randrange(3)]:
        begin = rng.choice(HOURS[18:]) if name == "night" else rng.choice(HOURS[6:12])
        end = rng.choice(HOURS[:6]) if name == "night" else rng.choice(HOURS[13:18])
        odd = rng.choice((0, 0, 7))
        days = rng.choice((EVERY_DAY, frozenset(range(5))))
        named = frozenset({"winter"}) if seasons and rng.random() < 0.5 else frozenset[str]()
        bands.append(Band(name, (Window(days, begin + odd, end + odd, named),)))
    holidays = (date(2025, 12, 25), date(2026, 1, 1), date(2026, 4, 3), date(2026, 10, 14))
    return BandCalendar(
        zone, tuple(bands), seasons, holidays if rng.random() < 0.5 else (), rng.choice((5, 7))
    )


def _ladder(rng: random.Random, names: tuple[str, ...]) -> BlockSchedule:
    """Draw a ladder of up to four blocks."""
    limits = tuple(sorted(rng.sample(range(1, 300_000), rng.randrange(4))))
    rows = tuple(tuple(_price(rng) for _ in names) for _ in range(len(limits) + 1))
    return BlockSchedule(names, rows, limits)


def _price(rng: random.Random) -> int:
    return rng.choice((0, rng.randrange(MOST_PRICE), rng.randrange(MOST_PRICE)))


def _standing(rng: random.Random) -> tuple[StandingCharge, ...]:
    """Draw fixed charges per day, week and month."""
    units = (PeriodUnit.DAY, PeriodUnit.WEEK, PeriodUnit.MONTH)
    return tuple(
        StandingCharge(f"per {unit}", rng.randrange(10**7), unit) for unit in units if rng.random() < 0.4
    )


def _demand(rng: random.Random) -> DemandCharge | None:
    """Draw a demand charge, or none."""
    if rng.random() < 0.6:
        return None
    return DemandCharge(rng.randrange(10**8), rng.choice(list(DemandOf)), rng.choice((15, 30, 60)))


def _taxes(rng: random.Random) -> tuple[Tax, ...]:
    """Draw up to four taxes: a levy per unit, a rebate on it, one on top, one contained in the prices."""
    bases = [str(base) for base in TaxBase]
    some = [frozenset(rng.sample(bases, rng.randrange(1, 4))) for _ in range(4)]
    found = (
        Tax("levy", rng.randrange(400_000), some[0], TaxKind.LEVY, per_mwh=rng.randrange(MOST_PRICE)),
        Tax("rebate", -rng.randrange(1, 300_000), some[1] | {"levy"}, TaxKind.REBATE),
        Tax("VAT", rng.randrange(1, 300_000), some[2]),
        Tax("contained", rng.randrange(1, 300_000), some[3], inclusive=True),
    )
    return rng.choice(((), found[:1], found[:2], found[2:], found[3:], found))


def _terms(rng: random.Random, begin: date) -> SupplyTerms:
    """Draw what the tariff knows of a supply; it was always there, or began before or within the span."""
    started = rng.choice((None, begin - timedelta(days=3), begin, begin + timedelta(days=-1)))
    return SupplyTerms(started, rng.choice((0, 2_000)), rng.random() < 0.6)


def _load(rng: random.Random, first: int, last: int) -> list[LoadInterval]:
    """Draw quarter hours with gaps, some cut in two, some without duration, some of two meters."""
    found: list[LoadInterval] = []
    gap = first + rng.randrange(last - first)
    gap_end = gap + rng.choice((0, 3, 20, 40)) * 24 * 3_600_000
    most = rng.choice((40, 400, 3_000))
    step = rng.choice((1, 1, 2, 5))
    for start in range(first - first % SLOT_MS, last, SLOT_MS * step):
        if gap <= start < gap_end or start < first or start + SLOT_MS > last:
            continue
        wh = rng.randrange(most)
        found += _cut(rng, start, wh)
        if rng.random() < 0.05:
            found.append(LoadInterval(start, start + SLOT_MS, rng.randrange(most)))
    return found


def _cut(rng: random.Random, start: int, wh: int) -> Sequence[LoadInterval]:
    """Return a quarter hour, now and then in two parts."""
    chance = rng.random()
    if chance < 0.9:
        return [LoadInterval(start, start + SLOT_MS, wh)]
    if chance < 0.95:
        return [LoadInterval(start, start, wh)]
    middle = start + rng.randrange(1, SLOT_MS)
    return [LoadInterval(start, middle, wh // 3), LoadInterval(middle, start + SLOT_MS, wh - wh // 3)]
