"""The taxes of a statement: each with its rate and what it was raised on, as invoices have to show."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select

from meter_bridge.config.codec import decode_tariff_version
from meter_bridge.core.rating.rating import BASE_OF, TAX_KINDS, LineKind
from meter_bridge.core.tariff.tariff import TariffVersion, Tax
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import TaxSum
from meter_bridge.storage import tables

_BASES: Final[Mapping[str, str]] = {kind.value: base.value for kind, base in BASE_OF.items()}


def read_tax_sums(connection: Connection, lines: Sequence[ChargeLine]) -> tuple[TaxSum, ...]:
    """Return the taxes among the lines, with the rates of the versions that charged them."""
    table = tables.tariff_version
    used = {line.tariff_version_id for line in lines if line.kind in TAX_KINDS}
    query = select(table.c.document).where(table.c.id.in_(used))
    documents = connection.execute(query).scalars() if used else ()
    return tax_sums(lines, [decode_tariff_version(document) for document in documents])


def tax_sums(lines: Iterable[ChargeLine], versions: Iterable[TariffVersion]) -> tuple[TaxSum, ...]:
    """Return the taxes among lines, in the order in which they are raised."""
    charged = list(lines)
    sums: dict[tuple[str, int, bool], tuple[int, int]] = {}
    for version in versions:
        own = [line for line in charged if line.tariff_version_id == version.id]
        for tax in version.taxes:
            amounts = [line.amount for line in own if _is_line_of(line, tax)]
            if amounts:
                key = tax.name, tax.rate_ppm, tax.inclusive
                base, amount = sums.get(key, (0, 0))
                raised_on = sum(line.amount for line in own if _bears(line, tax))
                sums[key] = base + raised_on, amount + sum(amounts)
    return tuple(
        TaxSum(name=name, rate_ppm=rate, included=included, base=base, amount=amount)
        for (name, rate, included), (base, amount) in sums.items()
    )


def _is_line_of(line: ChargeLine, tax: Tax) -> bool:
    return line.kind == (LineKind.INCLUDED_TAX if tax.inclusive else LineKind.TAX) and line.band == tax.name


def _bears(line: ChargeLine, tax: Tax) -> bool:
    """Return whether a tax is raised on a line: a kind of charge, or an earlier tax by its name."""
    return _BASES.get(line.kind) in tax.on or (line.kind == LineKind.TAX and line.band in tax.on)
