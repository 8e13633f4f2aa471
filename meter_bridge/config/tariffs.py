"""From the written tariff to versions that are checked and ready to price."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.config import charges, holidays
from meter_bridge.config.ladders import bands_of, check_ladders, ladders
from meter_bridge.config.nearest import suggest
from meter_bridge.config.plan import TariffPlan
from meter_bridge.config.problems import ProblemCode
from meter_bridge.config.reading import Reading
from meter_bridge.config.scalars import text
from meter_bridge.config.tariff_shapes import TARIFF, VERSION, VersionDraft
from meter_bridge.config.times import HOLIDAYS, Start
from meter_bridge.config.yaml_text import Data, Path
from meter_bridge.core.calendar import day_start
from meter_bridge.core.tariff.bands import HOLIDAY, BandCalendar
from meter_bridge.core.tariff.periods import PeriodRule, PeriodUnit
from meter_bridge.core.tariff.tariff import (
    BlockBandMeaning,
    BlockBasis,
    TariffError,
    TariffVersion,
    check_tariff,
)
from meter_bridge.core.tariff.version_rules import obstacle

HOLIDAY_YEARS: Final = 10
"""Years after its start for which the holidays of a version are resolved."""
_ABOUT_BLOCKS: Final = ("blocks apply", "blocks reset", "block by")


class StartError(ValueError):
    """A local time that is skipped or repeated where the clocks change."""


@dataclass(frozen=True, slots=True)
class Place:
    """The site whose money and clock a tariff is meant in."""

    time_zone: str
    currency: str


def instant_of(start: Start, zone: ZoneInfo) -> int:
    """Return the instant of a local date or time; a date begins at its first instant."""
    if start.at is None:
        return day_start(start.day, zone)
    local = datetime.combine(start.day, start.at, zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise StartError("does not exist: the clocks are put forward over it")
    if local.utcoffset() != local.replace(fold=1).utcoffset():
        raise StartError("happens twice: the clocks are put back over it")
    return int(local.timestamp()) * 1000


def read_tariff(reading: Reading, path: Path, place: Place | None) -> TariffPlan | None:
    """Return the tariff at a path, or None after reporting what is wrong; without a place only its shape."""
    tariff_id = str(path[-1])
    head = reading.part(TARIFF, path)
    steps = [(*path, "versions", index) for index in range(reading.count((*path, "versions")))]
    versions = [_read_version(reading, step, tariff_id, place) for step in steps]
    _check_order(reading, steps, versions)
    if head is None or place is None or any(version is None for version in versions):
        return None
    name = reading.value(text, (*path, "name")) or tariff_id
    return TariffPlan(tariff_id, name, tuple(version for version in versions if version is not None))


def _read_version(reading: Reading, path: Path, tariff_id: str, place: Place | None) -> TariffVersion | None:
    draft = reading.part(VERSION, path)
    if draft is None:
        return None
    before = len(reading.problems)
    check_ladders(reading, path, draft)
    _check_seasons(reading, path, draft)
    _check_holidays(reading, path, draft)
    _check_meaning(reading, path, draft)
    if place is None or len(reading.problems) != before:
        return None
    currency, names = place.currency, [band.name for band in bands_of(draft)]
    billing = PeriodRule(PeriodUnit.MONTH, draft.get("billing day", 1))
    version = TariffVersion(
        id=f"{tariff_id}@{draft['from']}",
        tariff_id=tariff_id,
        valid_from=_valid_from(reading, path, draft["from"], place),
        currency=currency,
        calendar=_calendar(draft, place),
        ladders=ladders(reading, path, draft, currency),
        meaning=draft.get("blocks apply", BlockBandMeaning.POOLED_CHRONOLOGICAL),
        basis=draft.get("sold as", BlockBasis.CONSUMPTION_TIME),
        block_period=_block_period(draft, billing),
        billing_period=billing,
        history_periods=draft.get("block by", 0),
        prorate=draft.get("pro rata first period", False),
        prorate_last=draft.get("pro rata last period", False),
        standing=charges.standing_charges(reading, path, draft, currency),
        demand=charges.demand_charge(reading, path, draft, currency),
        minimum=charges.minimum_charge(reading, path, draft, currency),
        free_wh=draft.get("free units", 0),
        free_climbs=draft.get("free units count in blocks", True),
        lifeline=charges.lifeline(reading, path, draft, names, currency),
        taxes=charges.taxes(reading, path, draft, currency),
        source=draft.get("source", ""),
        profile=draft.get("load profile"),
    )
    return _checked(reading, path, version) if len(reading.problems) == before else None


def _calendar(draft: VersionDraft, place: Place) -> BandCalendar:
    """Return the bands of a version with its seasons, and its holidays resolved."""
    rule, dates = draft.get("holidays"), frozenset[date]()
    like = rule.like if rule else None
    if rule is not None:
        first = draft["from"].day.year
        dates = frozenset(rule.dates)
        if rule.country is not None:
            dates |= frozenset(holidays.resolve(rule.country, rule.region, first, first + HOLIDAY_YEARS))
    return BandCalendar(
        place.time_zone,
        bands_of(draft),
        draft.get("seasons", ()),
        tuple(sorted(dates)),
        HOLIDAY if like is None else like,
        "" if rule is None else str(rule),
    )


def _block_period(draft: VersionDraft, billing: PeriodRule) -> PeriodRule:
    """Return after which period blocks begin anew; a month without a day is that of the bill."""
    written = draft.get("blocks reset")
    if written is None or (written.rule is None and written.unit is PeriodUnit.MONTH):
        return billing
    return written.rule or PeriodRule(written.unit)


def _valid_from(reading: Reading, path: Path, start: Start, place: Place) -> int:
    try:
        return instant_of(start, ZoneInfo(place.time_zone))
    except StartError as error:
        remedy = "write a time an hour earlier or later"
        reading.add((*path, "from"), f"'{start}' {error} in {place.time_zone}", remedy)
        return 0


def _check_seasons(reading: Reading, path: Path, draft: VersionDraft) -> None:
    """Check that windows name seasons that there are, and that some do."""
    known = {season.name for season in draft.get("seasons", ())}
    named: set[str] = set()
    for band in bands_of(draft):
        for index, window in enumerate(band.windows):
            named |= window.seasons
            for season in sorted(window.seasons - known):
                at = (*path, "bands", band.name, index, "season")
                reading.add(at, f"there is no season {season!r}", suggest(season, known))
    if known and not named:
        at = (*path, "seasons")
        reading.add(
            at, "no band has a season", "name one in a window, as season:, or take this away", key=True
        )


def _check_holidays(reading: Reading, path: Path, draft: VersionDraft) -> None:
    """Check that windows for holidays can ever hold."""
    rule = draft.get("holidays")
    if rule is not None and rule.like is None:
        return
    for band in bands_of(draft):
        for index in range(len(band.windows)):
            at = (*path, "bands", band.name, index, "days")
            if not _names_holidays(reading.document.get(at)):
                continue
            if rule is None:
                reading.add(at, "it is not said which days are holidays", "add holidays: {country: ZA}")
            else:
                remedy = "take like: away from holidays:, or holidays from these days"
                reading.add(at, "holidays are like another day here", remedy)


def _names_holidays(days: Data | None) -> bool:
    """Say whether days as they are written name holidays themselves."""
    written = days if isinstance(days, list) else [days]
    return any(HOLIDAYS in part for part in written if isinstance(part, str))


def _check_meaning(reading: Reading, path: Path, draft: VersionDraft) -> None:
    """Check that what is said of blocks goes together."""
    if not any(group.limits for group in draft.get("blocks", ())):
        for key in (key for key in _ABOUT_BLOCKS if key in draft):
            at = (*path, key)
            reading.add(at, "there are no blocks", f"add blocks:, or take {key}: away", key=True)
    if "free units count in blocks" in draft and "free units" not in draft:
        at = (*path, "free units count in blocks")
        reading.add(at, "there are no free units", "add free units:, or take this key away", key=True)
    billing = PeriodRule(PeriodUnit.MONTH, draft.get("billing day", 1))
    if draft.get("blocks apply") is BlockBandMeaning.POOLED_PRO_RATA:
        if _block_period(draft, billing) != billing:
            message = "blocks in proportion begin with the bill, so that both have the same energy"
            reading.add((*path, "blocks reset"), message, "take it away, or change blocks apply:")
        if draft.get("block by"):
            message = "one block for all units cannot be shared in proportion"
            reading.add((*path, "block by"), message, "take it away, or change blocks apply:")
    if draft.get("sold as") is BlockBasis.PURCHASE_TIME:
        _check_units_bought(reading, path, draft)


def _check_units_bought(reading: Reading, path: Path, draft: VersionDraft) -> None:
    """Check that units can be sold by the tariff: nobody knows yet when and how they will be used."""
    if len(bands_of(draft)) > 1:
        message = "units are bought before anyone knows in which band they will be used"
        reading.add((*path, "sold as"), message, "write sold as: energy used, or leave bands out")
    for key in ("lifeline", "block by"):
        if draft.get(key):
            message = f"units that are bought keep their price, whatever {key!r} says of the period later"
            reading.add((*path, key), message, f"take {key}: away, or write sold as: energy used", key=True)


def _checked(reading: Reading, path: Path, version: TariffVersion) -> TariffVersion | None:
    """Return a version that gives every minute one price, or None after reporting where it does not."""
    try:
        check_tariff(version)
    except TariffError as error:
        message, _, remedy = str(error).partition("; ")
        key, code = _blamed(message)
        at = (*path, key) if reading.document.get((*path, key)) is not None else path
        reading.add(at, message, remedy or "correct the tariff", code=code)
        return None
    return version


def _blamed(message: str) -> tuple[str, ProblemCode]:
    """Return the key that a message of the tariff's check speaks of, and the code of what it says."""
    found = (kind for words, kind in _BLAMED.items() if words in message)
    return next(found, ("bands", ProblemCode.WRONG_VALUE))


_BLAMED: Final = {
    "is in no band": ("bands", ProblemCode.MINUTE_UNPRICED),
    "is in two bands": ("bands", ProblemCode.MINUTE_PRICED_TWICE),
    "is in no season": ("seasons", ProblemCode.DAY_IN_NO_SEASON),
    "is in two seasons": ("seasons", ProblemCode.DAY_IN_TWO_SEASONS),
    "tax ": ("taxes", ProblemCode.WRONG_VALUE),
    "levy ": ("taxes", ProblemCode.WRONG_VALUE),
    "rebate ": ("taxes", ProblemCode.WRONG_VALUE),
}
"""Key and code by what a message of the tariff's check says; all others are about bands."""


def _check_order(reading: Reading, paths: Sequence[Path], versions: Sequence[TariffVersion | None]) -> None:
    """Check that each version begins after the one before it."""
    newest: TariffVersion | None = None
    for path, version in zip(paths, versions, strict=True):
        if version is None:
            continue
        if newest is not None and version.valid_from <= newest.valid_from:
            start = version.id.partition("@")[2]
            message = f"{start} does not begin after the version before it, {newest.id}"
            reading.add(
                (*path, "from"), message, "put versions in the order of their start, each with its own"
            )
        elif newest is not None:
            _check_follows(reading, path, newest, version)
        newest = version


def _check_follows(reading: Reading, path: Path, before: TariffVersion, version: TariffVersion) -> None:
    """Check that a version can take over from the one before it."""
    found = obstacle(before, version, version.valid_from)
    if found is not None:
        at = (*path, found.key) if reading.document.get((*path, found.key)) is not None else path
        reading.add(at, found.message, found.remedy, code=ProblemCode.VERSION_CANNOT_FOLLOW)
