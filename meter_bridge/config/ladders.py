"""From written blocks and prices to the ladders that energy climbs."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from meter_bridge.config.amounts import amount
from meter_bridge.config.nearest import suggest
from meter_bridge.config.reading import Reading
from meter_bridge.config.tariff_shapes import ONE_BAND, BlockSet, Prices, VersionDraft
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.tariff.bands import Band
from meter_bridge.core.tariff.tariff import BlockBandMeaning, Ladder

KWH_PER_MWH = 1000


def bands_of(draft: VersionDraft) -> tuple[Band, ...]:
    """Return the bands of a version; one at all times where none are written."""
    return draft.get("bands", (Band(ONE_BAND, (), rest=True),))


def check_ladders(reading: Reading, path: Path, draft: VersionDraft) -> None:
    """Check that block limits rise, that prices name every band once, with a price for every block."""
    before = len(reading.problems)
    prices, names = draft["prices"], [band.name for band in bands_of(draft)]
    at = (*path, "prices")
    _check_sets(reading, path, draft, names)
    if len(reading.problems) != before:
        return
    if "bands" in draft and not isinstance(reading.document.get(at), dict):
        reading.add(at, "one price for several bands", f"write a price for each of {', '.join(names)}")
        return
    check_bands_priced(reading, at, prices, names)
    keyed = isinstance(reading.document.get(at), dict)
    for band, written in prices.items():
        blocks = len(_limits(draft, band)) + 1
        if len(written) != blocks:
            _report_ladder(reading, (*at, band) if keyed else at, len(written), blocks)


def _check_sets(reading: Reading, path: Path, draft: VersionDraft, names: Sequence[str]) -> None:
    """Check the groups of bands that have blocks, and that the limits of each rise."""
    seen: set[str] = set()
    for at, group in _placed(path, draft):
        _check_rising(reading, (*at, "up to") if group.bands else at, group.limits)
        for index, band in enumerate(group.bands):
            place = (*at, "bands", index)
            if band not in names:
                reading.add(place, f"there is no band {band!r}", suggest(band, names))
            elif band in seen:
                reading.add(place, f"band {band!r} has blocks twice", "name it in one of them only")
            seen.add(band)


def _placed(path: Path, draft: VersionDraft) -> Iterator[tuple[Path, BlockSet]]:
    """Yield each group of blocks with the place where it is written."""
    for index, group in enumerate(draft.get("blocks", ())):
        yield (*path, "blocks", *((index,) if group.bands else ())), group


def _check_rising(reading: Reading, path: Path, limits: Sequence[int]) -> None:
    """Check that each block ends above the one before it."""
    for index, (low, high) in enumerate(pairwise((0, *limits))):
        if high <= low:
            at = (*path, index) if isinstance(reading.document.get(path), list) else path
            message = f"block limit {reading.document.get(at)} is not above the one before it"
            reading.add(at, message, "write the limits rising, from zero on")


def _report_ladder(reading: Reading, path: Path, given: int, blocks: int) -> None:
    message = (
        f"{given} {'price' if given == 1 else 'prices'} for {blocks} {'block' if blocks == 1 else 'blocks'}"
    )
    remedy = f"write {blocks}, one for each block and the last for all above" if blocks > 1 else "write one"
    reading.add(path, message, remedy)


def check_bands_priced(reading: Reading, at: Path, prices: Prices, names: Sequence[str]) -> None:
    """Check that prices name every band and nothing else."""
    for band in prices:
        if band not in names:
            known = ", ".join(names)
            reading.add((*at, band), f"there is no band {band!r}", f"the bands are {known}", key=True)
    for name in names:
        if name not in prices:
            reading.add(at, f"band {name!r} has no price", f"add {name}: and its prices", key=True)


def ladders(reading: Reading, path: Path, draft: VersionDraft, currency: str) -> tuple[Ladder, ...]:
    """Return the ladders of a version whose blocks and prices were checked."""
    at = (*path, "prices")
    return tuple(
        Ladder(
            group,
            tuple(
                zip(
                    *(price_list(reading, at, band, draft["prices"], currency) for band in group), strict=True
                )
            ),
            _limits(draft, group[0]),
        )
        for group in _groups(draft)
    )


def _groups(draft: VersionDraft) -> tuple[tuple[str, ...], ...]:
    """Return which bands climb a ladder together, in the order of the bands."""
    names = tuple(band.name for band in bands_of(draft))
    if draft.get("blocks apply") is BlockBandMeaning.LADDER_PER_BAND:
        return tuple((name,) for name in names)
    sets = [group.bands or names for group in draft.get("blocks", (BlockSet((), ()),))]
    grouped = {name: tuple(each for each in names if each in group) for group in sets for name in group}
    return tuple(dict.fromkeys(grouped.get(name, (name,)) for name in names))


def _limits(draft: VersionDraft, band: str) -> tuple[int, ...]:
    """Return the block limits of a band; none where no group names it."""
    groups = draft.get("blocks", ())
    return next((group.limits for group in groups if not group.bands or band in group.bands), ())


def price_list(reading: Reading, at: Path, band: str, prices: Prices, currency: str) -> tuple[int, ...]:
    """Return the prices per MWh of one band, one for each block."""
    at = (*at, band) if isinstance(reading.document.get(at), dict) else at
    listed = isinstance(reading.document.get(at), list)
    return tuple(
        amount(reading, (*at, index) if listed else at, written, currency) * KWH_PER_MWH
        for index, written in enumerate(prices[band])
    )
