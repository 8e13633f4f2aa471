"""From written charges besides energy, and taxes, to the tariff's own."""

from collections.abc import Sequence

from meter_bridge.config.amounts import amount
from meter_bridge.config.ladders import KWH_PER_MWH, check_bands_priced, price_list
from meter_bridge.config.nearest import suggest
from meter_bridge.config.reading import Reading
from meter_bridge.config.tariff_shapes import ONE_CHARGE, TaxDraft, VersionDraft
from meter_bridge.config.tariff_words import TAX_BASES
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.tariff.tariff import DemandCharge, Lifeline, StandingCharge, Tax, TaxBase, TaxKind


def standing_charges(
    reading: Reading, path: Path, draft: VersionDraft, currency: str
) -> tuple[StandingCharge, ...]:
    """Return the standing charges of a version."""
    at = (*path, ONE_CHARGE)
    named = isinstance(reading.document.get(at), dict)
    return tuple(
        StandingCharge(
            name, amount(reading, (*at, name) if named else at, written.amount, currency), written.per
        )
        for name, written in draft.get("standing charge", {}).items()
    )


def demand_charge(reading: Reading, path: Path, draft: VersionDraft, currency: str) -> DemandCharge | None:
    """Return the demand charge of a version, or None."""
    written = draft.get("demand charge")
    if written is None:
        return None
    per_kw = amount(reading, (*path, "demand charge"), written.amount, currency)
    return DemandCharge(per_kw, written.of, written.interval_min)


def minimum_charge(reading: Reading, path: Path, draft: VersionDraft, currency: str) -> int:
    """Return the minimum charge of a version, or 0."""
    return amount(reading, (*path, "minimum charge"), draft.get("minimum charge", "0"), currency)


def lifeline(
    reading: Reading, path: Path, draft: VersionDraft, names: Sequence[str], currency: str
) -> Lifeline | None:
    """Return the lifeline of a version, or None where there is none or after reporting what is wrong."""
    written = draft.get("lifeline")
    if written is None:
        return None
    before, at = len(reading.problems), (*path, "lifeline")
    if not written["up to"]:
        reading.add((*at, "up to"), "a lifeline up to 0 kWh helps nobody", "write it like 50 kWh")
    prices, where = written["prices"], (*at, "prices")
    if "bands" in draft and not isinstance(reading.document.get(where), dict):
        reading.add(where, "one price for several bands", f"write a price for each of {', '.join(names)}")
    else:
        check_bands_priced(reading, where, prices, names)
    if len(reading.problems) != before:
        return None
    found = [price_list(reading, where, name, prices, currency)[0] for name in names]
    return Lifeline(written["up to"], tuple(found))


def taxes(reading: Reading, path: Path, draft: VersionDraft, currency: str) -> tuple[Tax, ...]:
    """Return the taxes, levies and rebates of a version, in the order in which they are raised."""
    found: list[Tax] = []
    for index, written in enumerate(draft.get("taxes", ())):
        at, earlier = (*path, "taxes", index), [tax.name for tax in found]
        if written["name"] in TAX_BASES or written["name"] in set(TaxBase):
            reading.add(
                (*at, "name"), f"{written['name']!r} is the name of a charge", "name the tax otherwise"
            )
        on = _raised_on(reading, at, written, earlier)
        sign = -1 if written.get("kind") is TaxKind.REBATE else 1
        per_kwh = amount(reading, (*at, "per kWh"), written.get("per kWh", "0"), currency)
        found.append(
            Tax(
                name=written["name"],
                rate_ppm=sign * written.get("percent", 0),
                on=on,
                kind=written.get("kind", TaxKind.TAX),
                inclusive=written.get("included in prices", False),
                per_mwh=sign * per_kwh * KWH_PER_MWH,
            )
        )
    return tuple(found)


def _raised_on(reading: Reading, at: Path, written: TaxDraft, earlier: Sequence[str]) -> frozenset[str]:
    """Return what a tax is raised on, after reporting what about it is wrong."""
    if "percent" not in written and "per kWh" not in written:
        reading.add(at, "'percent' is missing", "add percent: 15, or per kWh: and an amount")
    if "per kWh" in written:
        for key in ("percent", "applies to", "included in prices"):
            if key in written:
                message = f"{key!r} does not go with 'per kWh'"
                reading.add((*at, key), message, "write two entries, or take one key away", key=True)
        return frozenset()
    if written.get("included in prices") and written.get("kind") is TaxKind.REBATE:
        reading.add((*at, "included in prices"), "a rebate is not in the prices", "take this key away")
    named = written.get("applies to")
    if named is None:
        return frozenset(TaxBase)
    return frozenset(
        _base(reading, (*at, "applies to", index), name, earlier, written) for index, name in enumerate(named)
    )


def _base(reading: Reading, at: Path, name: str, earlier: Sequence[str], written: TaxDraft) -> str:
    """Return a charge or an earlier tax by the name that the file gives it."""
    known = [*TAX_BASES, *earlier]
    if name not in known:
        message = f"{name!r} is not one of {', '.join(known)}"
        remedy = "put that tax first" if name == written["name"] else suggest(name, known)
        reading.add(at, message, remedy)
    elif name in earlier and written.get("included in prices"):
        reading.add(at, f"what is in the prices has no {name!r} on it", "name charges only")
    return TAX_BASES.get(name, name)
