"""From the written tariff to versions that are checked and ready to price."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.config import holidays
from meter_bridge.config.node import Node
from meter_bridge.config.parts import into
from meter_bridge.config.plan import TariffPlan
from meter_bridge.config.prices import check_ladders, ladders, lifeline, taxes
from meter_bridge.config.problems import ProblemCode, suggest
from meter_bridge.config.tariff_parts import TariffPart, VersionPart
from meter_bridge.config.times import HOLIDAYS, Start
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
from meter_bridge.core.tariff.version_rules import find_obstacle

HOLIDAY_YEARS: Final = 10
"""Years after its start for which the holidays of a version are resolved."""
_ABOUT_BLOCKS: Final = ("blocks apply", "blocks reset", "block by")


@dataclass(frozen=True, slots=True)
class Place:
    """The currency and time zone of the site that a tariff belongs to."""

    time_zone: str
    currency: str


def read_tariff(node: Node, place: Place | None) -> TariffPlan | None:
    """Return the tariff at a place, or None after reporting what is wrong; without its site only its keys."""
    head = node.part(TariffPart)
    items = node.at("versions").items()
    versions = [_read_version(item, node.name, place) for item in items]
    _check_order(items, versions)
    if head is None or place is None or any(version is None for version in versions):
        return None
    return TariffPlan(
        node.name, head.name or node.name, tuple(version for version in versions if version is not None)
    )


def _read_version(node: Node, tariff_id: str, place: Place | None) -> TariffVersion | None:
    part = node.part(VersionPart, place.currency if place else None)
    if part is None:
        return None
    problems = len(node.problems)
    check_ladders(node, part)
    _check_seasons(node, part)
    _check_holidays(node, part)
    _check_blocks(node, part)
    if place is None or len(node.problems) != problems:
        return None
    billing = PeriodRule(PeriodUnit.MONTH, part.billing_day)
    version = into(
        TariffVersion,
        part,
        id=f"{tariff_id}@{part.start}",
        tariff_id=tariff_id,
        valid_from=_valid_from(node.at("from"), part.start, place),
        currency=place.currency,
        calendar=_calendar(part, place),
        ladders=ladders(part),
        block_period=_block_period(part, billing),
        billing_period=billing,
        lifeline=lifeline(node.at("lifeline"), part),
        taxes=taxes(node.at("taxes"), part.taxes),
    )
    return _checked(node, version) if len(node.problems) == problems else None


def _calendar(part: VersionPart, place: Place) -> BandCalendar:
    rule, dates = part.holidays, frozenset[date]()
    like = rule.like if rule else None
    if rule is not None:
        first = part.start.day.year
        dates = frozenset(rule.dates)
        if rule.country is not None:
            dates |= frozenset(holidays.resolve(rule.country, rule.region, first, first + HOLIDAY_YEARS))
    return BandCalendar(
        place.time_zone,
        part.bands,
        part.seasons,
        tuple(sorted(dates)),
        HOLIDAY if like is None else like,
        "" if rule is None else str(rule),
    )


def _block_period(part: VersionPart, billing: PeriodRule) -> PeriodRule:
    """Return after which period blocks start again; a month without a day is that of the bill."""
    written = part.blocks_reset
    if written is None or (written.rule is None and written.unit is PeriodUnit.MONTH):
        return billing
    return written.rule or PeriodRule(written.unit)


def _valid_from(node: Node, start: Start, place: Place) -> int:
    """Return the instant of a local start, after reporting one that the clocks skip or repeat."""
    zone = ZoneInfo(place.time_zone)
    if start.at is None:
        return day_start(start.day, zone)
    local, problem = datetime.combine(start.day, start.at, zone), ""
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        problem = "does not exist: the clocks are put forward over it"
    elif local.utcoffset() != local.replace(fold=1).utcoffset():
        problem = "happens twice: the clocks are put back over it"
    if problem:
        message = f"'{start}' {problem} in {place.time_zone}"
        node.report(message, "write a time an hour earlier or later")
    return int(local.timestamp()) * 1000


def _check_seasons(node: Node, part: VersionPart) -> None:
    known = {season.name for season in part.seasons}
    named: set[str] = set()
    for band in part.bands:
        for index, window in enumerate(band.windows):
            named |= window.seasons
            for season in sorted(window.seasons - known):
                at = node.at("bands", band.name, index, "season")
                at.report(f"there is no season {season!r}", suggest(season, known))
    if known and not named:
        remedy = "name one in a window, as season:, or remove this"
        node.at("seasons").report("no band has a season", remedy, key=True)


def _check_holidays(node: Node, part: VersionPart) -> None:
    rule = part.holidays
    if rule is not None and rule.like is None:
        return
    for band in part.bands:
        for index in range(len(band.windows)):
            days = node.at("bands", band.name, index, "days")
            written = days.data if isinstance(days.data, list) else [days.data]
            if not any(HOLIDAYS in part for part in written if isinstance(part, str)):
                continue
            if rule is None:
                days.report("nothing says which days are holidays", "add holidays: {country: ZA}")
            else:
                remedy = "remove like: from holidays:, or holidays from these days"
                days.report("holidays are treated like another day here", remedy)


def _check_blocks(node: Node, part: VersionPart) -> None:
    if not any(group.up_to for group in part.blocks):
        for key in (key for key in _ABOUT_BLOCKS if key in part.written):
            node.at(key).report("there are no blocks", f"add blocks:, or remove {key}:", key=True)
    if "free units count in blocks" in part.written and "free units" not in part.written:
        remedy = "add free units:, or remove this key"
        node.at("free units count in blocks").report("there are no free units", remedy, key=True)
    if part.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        billing = PeriodRule(PeriodUnit.MONTH, part.billing_day)
        if _block_period(part, billing) != billing:
            message = "blocks in proportion start with the bill, so that both have the same energy"
            node.at("blocks reset").report(message, "remove it, or change blocks apply:")
        if part.history_periods:
            message = "one block for all units cannot be shared in proportion"
            node.at("block by").report(message, "remove it, or change blocks apply:")
    if part.basis is BlockBasis.PURCHASE_TIME:
        _check_units_bought(node, part)


def _check_units_bought(node: Node, part: VersionPart) -> None:
    """Check that units can be sold by the tariff: nobody knows yet when and how they will be used."""
    if len(part.bands) > 1:
        message = "units are bought before anyone knows in which band they will be used"
        node.at("sold as").report(message, "write sold as: energy used, or leave bands out")
    for key, value in {"lifeline": part.lifeline, "block by": part.history_periods}.items():
        if value:
            message = f"units that are bought keep their price, so {key!r} cannot change it later"
            node.at(key).report(message, f"remove {key}:, or write sold as: energy used", key=True)


def _checked(node: Node, version: TariffVersion) -> TariffVersion | None:
    try:
        check_tariff(version)
    except TariffError as error:
        message, _, remedy = str(error).partition("; ")
        matches = (about for words, about in _KEYS_OF_MESSAGES.items() if words in message)
        key, code = next(matches, ("bands", ProblemCode.WRONG_VALUE))
        _nearest(node, key).report(message, remedy or "correct the tariff", code=code)
        return None
    return version


def _nearest(node: Node, key: str) -> Node:
    return node if node.at(key).data is None else node.at(key)


_KEYS_OF_MESSAGES: Final = {
    "is in no band": ("bands", ProblemCode.MINUTE_UNPRICED),
    "is in two bands": ("bands", ProblemCode.MINUTE_PRICED_TWICE),
    "is in no season": ("seasons", ProblemCode.DAY_IN_NO_SEASON),
    "is in two seasons": ("seasons", ProblemCode.DAY_IN_TWO_SEASONS),
    "tax ": ("taxes", ProblemCode.WRONG_VALUE),
    "levy ": ("taxes", ProblemCode.WRONG_VALUE),
    "rebate ": ("taxes", ProblemCode.WRONG_VALUE),
}
"""Key and code by words of a message of the tariff's check; all others are about bands."""


def _check_order(nodes: Sequence[Node], versions: Sequence[TariffVersion | None]) -> None:
    newest: TariffVersion | None = None
    for node, version in zip(nodes, versions, strict=True):
        if version is None:
            continue
        if newest is not None and version.valid_from <= newest.valid_from:
            start = version.id.partition("@")[2]
            message = f"{start} does not begin after the version before it, {newest.id}"
            node.at("from").report(message, "put versions in the order of their start, each with its own")
        elif newest is not None:
            reason = find_obstacle(newest, version, version.valid_from)
            if reason is not None:
                code = ProblemCode.VERSION_CANNOT_FOLLOW
                _nearest(node, reason.key).report(reason.message, reason.remedy, code=code)
        newest = version
