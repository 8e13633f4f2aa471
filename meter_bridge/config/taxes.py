"""From written taxes, levies and rebates to the tariff's own."""

from collections.abc import Sequence

from meter_bridge.config.ladders import KWH_PER_MWH
from meter_bridge.config.nearest import suggest
from meter_bridge.config.node import Node
from meter_bridge.config.tariff_parts import TaxPart
from meter_bridge.config.tariff_words import TAX_BASES
from meter_bridge.core.tariff.tariff import Tax, TaxBase, TaxKind


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
