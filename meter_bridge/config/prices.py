"""From written blocks, prices and taxes to the ladders, the lifeline and the taxes of a tariff."""

from collections.abc import Sequence
from itertools import pairwise

from meter_bridge.config.node import Node
from meter_bridge.config.problems import suggest
from meter_bridge.config.tariff_parts import Prices, TaxPart, VersionPart
from meter_bridge.config.tariff_words import KWH_PER_MWH, TAX_BASES
from meter_bridge.core.tariff.tariff import BlockBandMeaning, BlockSchedule, Lifeline, Tax, TaxBase, TaxKind


def check_ladders(node: Node, part: VersionPart) -> None:
    """Check that block limits rise, that prices name every band once, with a price for every block."""
    problems = len(node.problems)
    names = [band.name for band in part.bands]
    _check_sets(node, part, names)
    prices = node.at("prices")
    if len(node.problems) != problems or not _check_bands_priced(prices, part, part.prices, names):
        return
    keyed = isinstance(prices.data, dict)
    for band, written in part.prices.items():
        blocks = len(_limits(part, band)) + 1
        if len(written) != blocks:
            _report_ladder(prices.at(band) if keyed else prices, len(written), blocks)


def _check_sets(node: Node, part: VersionPart, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for index, group in enumerate(part.blocks):
        place = node.at("blocks", index) if group.bands else node.at("blocks")
        _check_rising(place.at("up to") if group.bands else place, group.up_to)
        for position, band in enumerate(group.bands):
            at = place.at("bands", position)
            if band not in names:
                at.report(f"there is no band {band!r}", suggest(band, names))
            elif band in seen:
                at.report(f"band {band!r} has blocks twice", "name it in one of them only")
            seen.add(band)


def _check_rising(node: Node, limits: Sequence[int]) -> None:
    for index, (low, high) in enumerate(pairwise((0, *limits))):
        if high <= low:
            at = node.at(index) if isinstance(node.data, list) else node
            message = f"block limit {at.data} is not above the one before it"
            at.report(message, "write the limits in rising order, above zero")


def _report_ladder(node: Node, prices: int, blocks: int) -> None:
    message = (
        f"{prices} {'price' if prices == 1 else 'prices'} for {blocks} {'block' if blocks == 1 else 'blocks'}"
    )
    remedy = f"write {blocks}, one for each block and the last for all above" if blocks > 1 else "write one"
    node.report(message, remedy)


def _check_bands_priced(node: Node, part: VersionPart, prices: Prices, names: Sequence[str]) -> bool:
    if "bands" in part.written and not isinstance(node.data, dict):
        node.report("one price for several bands", f"write a price for each of {', '.join(names)}")
        return False
    for band in prices:
        if band not in names:
            node.at(band).report(f"there is no band {band!r}", f"the bands are {', '.join(names)}", key=True)
    for name in names:
        if name not in prices:
            node.report(f"band {name!r} has no price", f"add {name}: and its prices", key=True)
    return True


def ladders(part: VersionPart) -> tuple[BlockSchedule, ...]:
    """Return the ladders of a version whose blocks and prices were checked; prices are per MWh."""
    return tuple(
        BlockSchedule(
            group,
            tuple(zip(*(_price_list(part.prices, band) for band in group), strict=True)),
            _limits(part, group[0]),
        )
        for group in _groups(part)
    )


def _groups(part: VersionPart) -> tuple[tuple[str, ...], ...]:
    """Return which bands climb a ladder together, in the order of the bands."""
    names = tuple(band.name for band in part.bands)
    if part.meaning is BlockBandMeaning.LADDER_PER_BAND:
        return tuple((name,) for name in names)
    sets = [group.bands or names for group in part.blocks] or [names]
    grouped = {name: tuple(band for band in names if band in group) for group in sets for name in group}
    return tuple(dict.fromkeys(grouped.get(name, (name,)) for name in names))


def _limits(part: VersionPart, band: str) -> tuple[int, ...]:
    return next((group.up_to for group in part.blocks if not group.bands or band in group.bands), ())


def _price_list(prices: Prices, band: str) -> tuple[int, ...]:
    return tuple(price * KWH_PER_MWH for price in prices[band])


def lifeline(node: Node, part: VersionPart) -> Lifeline | None:
    """Return the lifeline of a version, or None where there is none or after reporting what is wrong."""
    written = part.lifeline
    if written is None:
        return None
    problems, names = len(node.problems), [band.name for band in part.bands]
    if not written.up_to:
        node.at("up to").report("a lifeline of up to 0 kWh helps nobody", "write it like 50 kWh")
    _check_bands_priced(node.at("prices"), part, written.prices, names)
    if len(node.problems) != problems:
        return None
    return Lifeline(written.up_to, tuple(_price_list(written.prices, name)[0] for name in names))


def taxes(node: Node, parts: Sequence[TaxPart]) -> tuple[Tax, ...]:
    """Return the taxes, levies and rebates of a version, in the order in which they are raised."""
    taxes: list[Tax] = []
    for index, written in enumerate(parts):
        place, earlier = node.at(index), [tax.name for tax in taxes]
        if written.name in TAX_BASES or written.name in set(TaxBase):
            place.at("name").report(f"{written.name!r} is the name of a charge", "give the tax another name")
        sign = -1 if written.kind is TaxKind.REBATE else 1
        taxes.append(
            Tax(
                name=written.name,
                rate_ppm=sign * written.percent,
                on=_raised_on(place, written, earlier),
                kind=written.kind,
                inclusive=written.included_in_prices,
                per_mwh=sign * written.per_kwh * KWH_PER_MWH,
            )
        )
    return tuple(taxes)


def _raised_on(node: Node, tax: TaxPart, earlier: Sequence[str]) -> frozenset[str]:
    if not {"percent", "per kWh"} & tax.written:
        node.report("'percent' is missing", "add percent: 15, or per kWh: and an amount")
    if "per kWh" in tax.written:
        for key in ("percent", "applies to", "included in prices"):
            if key in tax.written:
                message = f"{key!r} does not go with 'per kWh'"
                node.at(key).report(message, "write two entries, or remove one key", key=True)
        return frozenset()
    if tax.included_in_prices and tax.kind is TaxKind.REBATE:
        node.at("included in prices").report("a rebate cannot be included in prices", "remove this key")
    if tax.applies_to is None:
        return frozenset(TaxBase)
    named = enumerate(tax.applies_to)
    return frozenset(_base(node.at("applies to", index), name, earlier, tax) for index, name in named)


def _base(node: Node, name: str, earlier: Sequence[str], tax: TaxPart) -> str:
    known = [*TAX_BASES, *earlier]
    if name not in known:
        message = f"{name!r} is not one of {', '.join(known)}"
        node.report(message, "put that tax first" if name == tax.name else suggest(name, known))
    elif name in earlier and tax.included_in_prices:
        node.report(f"a tax that is included in prices cannot apply to {name!r}", "name charges only")
    return TAX_BASES.get(name, name)
