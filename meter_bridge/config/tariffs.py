"""From the written tariff to versions that are checked and ready to price."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from meter_bridge.config.plan import TariffPlan
from meter_bridge.config.reading import Reading
from meter_bridge.config.scalars import text
from meter_bridge.config.shapes import ONE_BAND, TARIFF, VERSION, Prices, VersionDraft
from meter_bridge.config.times import Start
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.bands import Band, BandCalendar
from meter_bridge.core.calendar import day_start
from meter_bridge.core.money import MoneyError, parse_amount
from meter_bridge.core.tariff import Ladder, StandingCharge, TariffError, TariffVersion, check_tariff

KWH_PER_MWH: Final = 1000


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
    if draft is None or not _check_ladders(reading, path, draft) or place is None:
        return None
    before = len(reading.problems)
    version = TariffVersion(
        id=f"{tariff_id}@{draft['from']}",
        tariff_id=tariff_id,
        valid_from=_valid_from(reading, path, draft["from"], place),
        currency=place.currency,
        calendar=BandCalendar(place.time_zone, _bands(draft)),
        ladders=(
            Ladder(
                tuple(band.name for band in _bands(draft)),
                _price_rows(reading, path, draft, place.currency),
                draft.get("blocks", ()),
            ),
        ),
        standing=_standing(reading, path, draft, place.currency),
        taxes=draft.get("taxes", ()),
    )
    return _checked(reading, path, version) if len(reading.problems) == before else None


def _bands(draft: VersionDraft) -> tuple[Band, ...]:
    return draft.get("bands", (Band(ONE_BAND, (), rest=True),))


def _valid_from(reading: Reading, path: Path, start: Start, place: Place) -> int:
    try:
        return instant_of(start, ZoneInfo(place.time_zone))
    except StartError as error:
        remedy = "write a time an hour earlier or later"
        reading.add((*path, "from"), f"'{start}' {error} in {place.time_zone}", remedy)
        return 0


def _check_ladders(reading: Reading, path: Path, draft: VersionDraft) -> bool:
    """Check that prices name every band once and have a price for every block."""
    before = len(reading.problems)
    prices, names = draft["prices"], [band.name for band in _bands(draft)]
    at = (*path, "prices")
    if "bands" in draft and not isinstance(reading.document.get(at), dict):
        reading.add(at, "one price for several bands", f"write a price for each of {', '.join(names)}")
        return False
    _check_bands_priced(reading, at, prices, names)
    _check_rising(reading, (*path, "blocks"), draft.get("blocks", ()))
    blocks = len(draft.get("blocks", ())) + 1
    for band, ladder in prices.items():
        if len(ladder) != blocks:
            keyed = isinstance(reading.document.get(at), dict)
            _report_ladder(reading, (*at, band) if keyed else at, len(ladder), blocks)
    return len(reading.problems) == before


def _check_rising(reading: Reading, path: Path, limits: Sequence[int]) -> None:
    """Check that each block ends above the one before it."""
    for index, (low, high) in enumerate(pairwise((0, *limits))):
        if high <= low:
            message = f"block limit {reading.document.get((*path, index))} is not above the one before it"
            reading.add((*path, index), message, "write the limits rising, from zero on")


def _report_ladder(reading: Reading, path: Path, given: int, blocks: int) -> None:
    message = (
        f"{given} {'price' if given == 1 else 'prices'} for {blocks} {'block' if blocks == 1 else 'blocks'}"
    )
    remedy = f"write {blocks}, one for each block and the last for all above"
    reading.add(path, message, remedy)


def _check_bands_priced(reading: Reading, at: Path, prices: Prices, names: Sequence[str]) -> None:
    for band in prices:
        if band not in names:
            known = ", ".join(names)
            reading.add((*at, band), f"there is no band {band!r}", f"the bands are {known}", key=True)
    for name in names:
        if name not in prices:
            reading.add(at, f"band {name!r} has no price", f"add {name}: and its prices", key=True)


def _price_rows(
    reading: Reading, path: Path, draft: VersionDraft, currency: str
) -> tuple[tuple[int, ...], ...]:
    """Return prices per MWh, per block and band."""
    at = (*path, "prices")
    ladders = [_ladder(reading, at, band.name, draft["prices"], currency) for band in _bands(draft)]
    return tuple(zip(*ladders, strict=True))


def _ladder(reading: Reading, at: Path, band: str, prices: Prices, currency: str) -> list[int]:
    """Return the prices per MWh of one band."""
    at = (*at, band) if isinstance(reading.document.get(at), dict) else at
    listed = isinstance(reading.document.get(at), list)
    return [
        amount(reading, (*at, index) if listed else at, written, currency) * KWH_PER_MWH
        for index, written in enumerate(prices[band])
    ]


def _standing(reading: Reading, path: Path, draft: VersionDraft, currency: str) -> tuple[StandingCharge, ...]:
    if "standing charge" not in draft:
        return ()
    value = amount(reading, (*path, "standing charge"), draft["standing charge"], currency)
    return (StandingCharge("standing charge", value),)


def amount(reading: Reading, path: Path, written: str, currency: str) -> int:
    """Return an amount of money exactly as written, or 0 after reporting what is wrong with it."""
    try:
        return parse_amount(written, currency)
    except MoneyError as error:
        reading.add(path, str(error), "write it shorter, like 4.50")
        return 0


def _checked(reading: Reading, path: Path, version: TariffVersion) -> TariffVersion | None:
    """Return a version that gives every minute one price, or None after reporting where it does not."""
    try:
        check_tariff(version)
    except TariffError as error:
        message, _, remedy = str(error).partition("; ")
        reading.add(_blamed(reading, path, message), message, remedy or "correct the tariff")
        return None
    return version


def _blamed(reading: Reading, path: Path, message: str) -> Path:
    """Return the place of what a message of the tariff's check speaks of."""
    at = (*path, "taxes" if message.startswith(("tax", "two of the tax")) else "bands")
    return at if reading.document.get(at) is not None else path


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
        newest = version
