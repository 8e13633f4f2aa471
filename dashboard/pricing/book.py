"""A tariff's prices, limits and taxes as tables, numbered as in the calendar."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import pyarrow as pa

from dashboard.pricing.calendar import Calendar, Numbering, table
from dashboard.pricing.fixed import FixedCharges, block_limits, fixed_charges, free_units, least_charge
from meter_bridge.core.rating.rating import NO_BLOCK, LineKind, SupplyTerms
from meter_bridge.core.tariff.bands import Band
from meter_bridge.core.tariff.tariff import (
    EXACT_SCALE,
    PPM,
    WH_PER_MWH,
    BlockBandMeaning,
    DemandOf,
    TariffVersion,
    TaxBase,
)

KINDS: Final = tuple(LineKind)
BASES: Final = ("", *TaxBase)
ENDLESS: Final = 1 << 62
"""Limit of a last block, Wh."""
_TAXED: Final = {
    LineKind.CONSUMPTION: TaxBase.CONSUMPTION,
    LineKind.LIFELINE: TaxBase.CONSUMPTION,
    LineKind.DEMAND: TaxBase.DEMAND,
    LineKind.MINIMUM: TaxBase.MINIMUM,
}
"""Kinds of lines that are values to date, with what they count as where a tax is raised on them."""


def kind_number(kind: str) -> int:
    """Return the number by which SQL knows a kind of line."""
    return KINDS.index(LineKind(kind))


@dataclass(frozen=True)
class TariffTables:
    """Everything that SQL has to know of a timeline over a span of time, for some groups of terms."""

    calendar: Calendar
    groups: tuple[SupplyTerms, ...]
    names: Numbering[str]
    """Bands, and names of charges and taxes."""
    fixed: tuple[FixedCharges, ...]

    @property
    def blocks(self) -> int:
        """Return the most blocks of any ladder that SQL has to distinguish."""
        return max((len(row) for row in self._ends.values()), default=0) + 1

    @property
    def versions(self) -> Sequence[TariffVersion]:
        """Return the versions by their numbers."""
        return self.calendar.versions

    @property
    def has_free_units(self) -> bool:
        """Return whether some supply gets free units."""
        return any(terms.free_units for terms in self.groups) and any(each.free_wh for each in self.versions)

    @property
    def has_history_blocks(self) -> bool:
        """Return whether some block is that of the periods before."""
        return any(version.history_periods for version in self.versions)

    @property
    def has_demand_charge(self) -> bool:
        """Return whether the greatest power of a period has a price."""
        return any(each.demand and each.demand.of is DemandOf.MAXIMUM for each in self.versions)

    @property
    def looks_back(self) -> bool:
        """Return whether a line depends on more than the energy before it on its ladder."""
        return self.has_free_units or self.has_history_blocks or self.has_demand_charge

    @cached_property
    def _ends(self) -> dict[tuple[int, int], tuple[int, ...]]:
        """Return the limits of each step for each group; pro rata blocks are divided later."""
        found: dict[tuple[int, int], tuple[int, ...]] = {}
        for number, step in enumerate(self.calendar.steps.things):
            version = self.versions[step.version]
            pooled = version.meaning is BlockBandMeaning.POOLED_PRO_RATA
            for group, terms in enumerate(self.groups):
                ends = block_limits(version, step.ladder, step.block_period, terms)
                found[group, number] = () if pooled else ends
        return found

    def step_table(self) -> pa.Table:
        """Return the limits of each step in columns ``e0`` to ``eN``, for each group."""
        width = self.blocks
        rows = [(*key, *ends, *[ENDLESS] * (width - len(ends))) for key, ends in self._ends.items()]
        ends = [(f"e{place}", pa.int64()) for place in range(width)]
        return table(rows, pa.schema([("grp", pa.int32()), ("step", pa.int32()), *ends]))

    def free_table(self) -> pa.Table:
        """Return the free units of each billing period, for each group."""
        version = self.versions[-1]
        rows = [
            (group, period, free_units(version, text, terms))
            for group, terms in enumerate(self.groups)
            for period, text in enumerate(self.calendar.periods.things)
        ]
        return table(rows, _schema("grp period", "free"))

    def version_table(self) -> pa.Table:
        """Return what each version means for the way of energy to its lines."""
        rows = [
            (
                number,
                version.meaning is BlockBandMeaning.POOLED_PRO_RATA,
                version.free_climbs,
                version.history_periods > 0,
            )
            for number, version in enumerate(self.versions)
        ]
        flags = [(name, pa.bool_()) for name in ("pro_rata", "free_climbs", "by_history")]
        return table(rows, pa.schema([("version", pa.int32()), *flags]))

    def known_table(self) -> pa.Table:
        """Return the billing periods whose mean sets the block of a later one."""
        periods = self.calendar.periods
        closed = sorted(self.fixed[0].closed & periods.known.keys()) if self.fixed else []
        rows = []
        for number, version in enumerate(self.versions):
            for text, period in periods.known.items():
                before = [each for each in closed if each < text][-version.history_periods :]
                rows += [(number, period, periods.known[each]) for each in before if version.history_periods]
        return table(rows, _schema("version period known"))

    def ladder_table(self) -> pa.Table:
        """Return the ladder of each band with its limits, for blocks by history."""
        rows = [
            (number, self.names.number(band.name), block, limit)
            for number, version in enumerate(self.versions)
            if version.history_periods
            for band in version.bands
            for block, limit in enumerate(version.ladders[version.schedule_of(band.name)].limits)
        ]
        return table(rows, _schema("version band block", "limit_wh"))

    def price_table(self) -> pa.Table:
        """Return the amount per MWh of each block and band; energy of shared blocks has none of its own."""
        rows = [
            (number, block, self.names.number(band.name), price)
            for number, version in enumerate(self.versions)
            for band in version.bands
            for block, price in _prices(version, band)
        ]
        return table(rows, _schema("version block band", "price"))

    def share_table(self) -> pa.Table:
        """Return the blocks of pro rata ladders: where each begins and ends, and what it costs in a band."""
        rows = []
        for number, version in enumerate(self.versions):
            if version.meaning is not BlockBandMeaning.POOLED_PRO_RATA:
                continue
            for (text, period), (group, terms), band in (
                (period, group, band)
                for period in self.calendar.periods.known.items()
                for group in enumerate(self.groups)
                for band in version.bands
            ):
                ladder = version.schedule_of(band.name)
                ends = [0, *block_limits(version, ladder, text, terms), ENDLESS]
                rows += [
                    (group, period, number, self.names.number(band.name), block, low, high, price)
                    for block, (low, high) in enumerate(pairwise(ends))
                    for price in (version.price(block, band.name),)
                ]
        return table(rows, _schema("grp period version band block", "low high price"))

    def pooled_table(self) -> pa.Table:
        """Return which bands' energy shares the blocks of a band."""
        rows = [
            (number, self.names.number(band), self.names.number(other), version.free_climbs)
            for number, version in enumerate(self.versions)
            if version.meaning is BlockBandMeaning.POOLED_PRO_RATA
            for ladder in version.ladders
            for band in ladder.bands
            for other in ladder.bands
        ]
        return table(rows, pa.schema([*_schema("version band other"), ("free_climbs", pa.bool_())]))

    def lifeline_table(self) -> pa.Table:
        """Return the prices of lifelines, with the limit of the period."""
        rows = [
            (number, self.names.number(band.name), version.lifeline.limit_wh, price)
            for number, version in enumerate(self.versions)
            if version.lifeline is not None
            for band, price in zip(version.bands, version.lifeline.prices, strict=True)
        ]
        return table(rows, _schema("version band", "limit_wh price"))

    def demand_table(self) -> pa.Table:
        """Return the price of the greatest power, for the versions that have one."""
        rows = [
            (number, version.demand.interval_min, version.demand.per_kw)
            for number, version in enumerate(self.versions)
            if version.demand is not None and version.demand.of is DemandOf.MAXIMUM
        ]
        return table(rows, _schema("version", "interval_min per_kw"))

    def minimum_table(self) -> pa.Table:
        """Return the least charges of the billing periods that are over, exact, for each group."""
        rows = [
            (group, period, number, str(least_charge(version, text, terms)))
            for number, version in enumerate(self.versions)
            if version.minimum
            for group, terms in enumerate(self.groups)
            for text, period in self.calendar.periods.known.items()
            if text in self.fixed[group].closed
        ]
        return table(rows, pa.schema([*_schema("grp period version"), ("exact", pa.string())]))

    def period_table(self) -> pa.Table:
        """Return the billing periods with the version in force at their end."""
        ends: dict[int, int] = {run.period: run.version for run in self.calendar.runs}
        return table(list(ends.items()), _schema("period version"))

    def fixed_table(self) -> pa.Table:
        """Return the fixed charges of each group by line, exact."""
        rows = [
            (
                group,
                self.calendar.periods.known[key.period],
                self.calendar.version_number(key.version_id),
                kind_number(key.kind),
                self.names.number(key.band),
                BASES.index(key.base),
                str(exact),
            )
            for group, fixed in enumerate(self.fixed)
            for key, exact in fixed.lines.items()
            if key.period in self.calendar.periods.known
        ]
        return table(rows, pa.schema([*_schema("grp period version kind name base"), ("exact", pa.string())]))

    def tax_per_wh_table(self) -> pa.Table:
        """Return what a Wh adds to each tax line, exact; under shared blocks only what is raised per unit."""
        rows = []
        for number, version in enumerate(self.versions):
            for term in version.tax_terms[TaxBase.CONSUMPTION]:
                inclusive = term.tax.inclusive
                kind = LineKind.INCLUDED_TAX if inclusive else LineKind.TAX
                base = BASES.index(TaxBase.CONSUMPTION if inclusive else "")
                name = self.names.number(term.tax.name)
                for band in version.bands:
                    for block, price in _prices(version, band):
                        per_wh = (
                            price * (EXACT_SCALE // WH_PER_MWH)
                            if inclusive
                            else price * term.factor + term.per_wh
                        )
                        rows.append(
                            (
                                number,
                                block,
                                self.names.number(band.name),
                                kind_number(kind),
                                name,
                                base,
                                str(per_wh),
                            )
                        )
        return table(
            rows, pa.schema([*_schema("version block band kind name base"), ("per_wh", pa.string())])
        )

    def tax_factor_table(self) -> pa.Table:
        """Return the rates on lines that are values to date, in 10**-12."""
        rows = [
            (
                number,
                kind_number(of),
                kind_number(LineKind.INCLUDED_TAX if term.tax.inclusive else LineKind.TAX),
                self.names.number(term.tax.name),
                BASES.index(base if term.tax.inclusive else ""),
                str(term.factor),
                term.tax.inclusive,
            )
            for number, version in enumerate(self.versions)
            for of, base in _TAXED.items()
            for term in version.tax_terms[base]
        ]
        columns = [("factor", pa.string()), ("inclusive", pa.bool_())]
        return table(rows, pa.schema([*_schema("version of_kind kind name base"), *columns]))

    def included_table(self) -> pa.Table:
        """Return the share of a contained tax in what contains it."""
        rows = []
        for number, version in enumerate(self.versions):
            for base in TaxBase:
                contained = [tax for tax in version.taxes if tax.inclusive and base in tax.on]
                whole = EXACT_SCALE * (PPM + sum(tax.rate_ppm for tax in contained))
                rows += [
                    (number, self.names.number(tax.name), BASES.index(base), tax.rate_ppm, str(whole))
                    for tax in contained
                ]
        return table(rows, pa.schema([*_schema("version name base", "rate"), ("whole", pa.string())]))


def _schema(small: str, large: str = "") -> pa.Schema:
    return pa.schema(
        [(name, pa.int32()) for name in small.split()] + [(name, pa.int64()) for name in large.split()]
    )


def _prices(version: TariffVersion, band: Band) -> Iterator[tuple[int, int]]:
    """Yield the blocks of a band with their prices; ladders shared pro rata have none of their own."""
    if version.meaning is BlockBandMeaning.POOLED_PRO_RATA:
        yield NO_BLOCK, 0
        return
    for block in range(version.ladders[version.schedule_of(band.name)].blocks):
        yield block, version.price(block, band.name)


def build_tariff_tables(calendar: Calendar, groups: Sequence[SupplyTerms]) -> TariffTables:
    """Return the tables of a calendar's tariff for some groups of terms."""
    names: Numbering[str] = Numbering(dict(calendar.bands.known))
    return TariffTables(
        calendar, tuple(groups), names, tuple(fixed_charges(calendar, terms) for terms in groups)
    )
