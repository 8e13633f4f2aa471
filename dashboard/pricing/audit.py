"""The ledger compared with the price list: the same energy, priced in sets, must differ by zero.

For each supply, everything that was charged in the billing period that is open and in the one before is
added up, and the same energy is priced again by the same price lists. What sets cannot price is named, never
guessed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from dashboard.access import Viewer
from dashboard.data.snapshot import read_snapshot
from dashboard.data.snapshot_sql import Scope
from dashboard.data.warehouse import Warehouse, local_date
from dashboard.pricing.pricer import Pricer, PricingError
from dashboard.queries.tariffs import supply_tariffs
from meter_bridge.config.codec import decode_policy
from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.rating.load_pricing import energy_needed_from
from meter_bridge.core.rating.rating import LineKind, SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import BlockBandMeaning, BlockBasis, Timeline
from meter_bridge.protocol.audit import AuditReport, Difference, SkippedSupply

_EVERYBODY: Final = Viewer(every_site=True)
_SUPPLIES: Final = """
    SELECT s.id AS supply_id, a.id AS account_id, a.name, a.currency, a.policy,
           coalesce(t.first_seq, 0) AS first_seq, coalesce(t.start_ms, a.opened_at) AS since,
           greatest(a.opened_at, coalesce(t.start_ms, 0)) AS begun, coalesce(p.n, 0) AS shard
    FROM supply s JOIN account a ON a.id = s.account_id LEFT JOIN tenancy t ON t.account_id = a.id
    LEFT JOIN site_shard p ON p.site_id = a.site_id
    ORDER BY s.id"""
_LATEST: Final = "SELECT coalesce(max(greatest(start_ms + 1, end_ms)), 0) AS latest FROM tail_segment"
_MINE: Final = """
    FROM segment s JOIN chosen c ON c.supply_id = s.supply_id AND s.entry_seq >= c.first_seq
    WHERE s.local_day >= getvariable('first_day')"""
_ENERGY: Final = f"""
    SELECT c.unit, s.start_ms, s.end_ms, s.wh {_MINE}
    AND s.wh > 0 AND s.kind <> 'vacant' AND s.start_ms >= getvariable('start_ms')"""
_CHARGED: Final = f"""
    SELECT s.unit, p.period, sum(s.amount + s.tax)::BIGINT AS amount,
           coalesce(sum(s.amount) FILTER (s.kind = 'standing'), 0)::BIGINT AS standing
    FROM (SELECT c.unit, s.local_day, s.kind, s.amount, s.tax {_MINE}) s
    JOIN audited p ON s.local_day >= p.first_day AND s.local_day < p.end_day GROUP BY ALL"""  # noqa: S608
_METERS: Final = f"SELECT c.unit, count(DISTINCT s.meter_id) AS meters {_MINE} AND s.wh > 0 GROUP BY ALL"
_CHOSEN: Final = pa.schema([("supply_id", pa.string()), ("unit", pa.int32()), ("first_seq", pa.int64())])
_AUDITED: Final = pa.schema([("period", pa.string()), ("first_day", pa.date32()), ("end_day", pa.date32())])

SELLS_UNITS: Final = "it sells units, whose price is that of their purchase"
NO_ORDER: Final = (
    "several meters climb one ladder of several bands, and in which order they did is not on record"
)
WAIVED: Final = "standing charges were waived"


@dataclass(frozen=True, slots=True)
class _AuditedSupply:
    supply_id: str
    account_id: str
    name: str
    currency: str
    first_seq: int
    terms: SupplyTerms


def audit(folder: Path, database: str | None = None, shard: int | None = None) -> AuditReport:
    """Compare the ledger of a shard, or the whole one, with its price lists. Raises ``SnapshotError``."""
    opened = Warehouse(read_snapshot(folder, Scope(kind="audit"), database))
    upto = max(opened.as_of or 0, opened.rows(_LATEST, {})[0]["latest"])
    found = AuditReport(upto=upto)
    every = opened.rows(_SUPPLIES, {})
    rows = {row["supply_id"]: row for row in every if shard is None or row["shard"] == shard}
    groups: dict[int, tuple[Timeline, list[_AuditedSupply]]] = {}
    for tariff in supply_tariffs(opened, _EVERYBODY):
        if tariff.supply_id in rows:
            unit = _audited_supply(rows[tariff.supply_id], tariff.timeline)
            groups.setdefault(id(tariff.timeline), (tariff.timeline, []))[1].append(unit)
    for timeline, units in groups.values():
        _audit(opened, timeline, units, found)
    return found


def _audited_supply(row: Mapping[str, Any], timeline: Timeline) -> _AuditedSupply:
    policy = decode_policy(row["policy"])
    started = local_date(row["begun"], timeline.versions[0].time_zone)
    return _AuditedSupply(
        row["supply_id"],
        row["account_id"],
        row["name"],
        row["currency"],
        row["first_seq"],
        SupplyTerms(started, policy.contracted_w, policy.free_units),
    )


def _audit(
    opened: Warehouse, timeline: Timeline, units: Sequence[_AuditedSupply], found: AuditReport
) -> None:
    if timeline.versions[0].valid_from >= found.upto:
        return
    periods, since = _periods(timeline, found.upto)
    terms = {number: unit.terms for number, unit in enumerate(units)}
    with opened.cursor() as connection:
        pricer, why = _pricer(connection, timeline, terms, (since, found.upto))
        if pricer is None:
            found.skipped += [SkippedSupply(supply_id=unit.supply_id, reason=why) for unit in units]
            return
        _register_selection(pricer, units, periods, since, timeline)
        pricer.add(_ENERGY)
        unordered = _unordered(connection, timeline, since)
        _compare(connection, pricer, units, periods, unordered, found)


def _pricer(
    connection: duckdb.DuckDBPyConnection,
    timeline: Timeline,
    terms: Mapping[int, SupplyTerms],
    span: tuple[int, int],
) -> tuple[Pricer | None, str]:
    why = _obstacle(timeline, span[0])
    if why is not None:
        return None, why
    try:
        return Pricer(connection, timeline, terms, *span), ""
    except PricingError as error:
        return None, str(error)


def _periods(timeline: Timeline, upto: int) -> tuple[list[str], int]:
    """Return the billing periods to audit, and the instant from which their energy has to be known."""
    first = timeline.versions[0].valid_from
    version = timeline.at(upto - 1)
    day = local_day(upto - 1, version.zone)
    start = version.billing_period.start_of(day)
    before = version.billing_period.start_of(start - timedelta(days=1))
    periods = [version.billing_period.text(each) for each in (before, start)]
    return periods, max(
        energy_needed_from(timeline.at(max(first, day_start(before, version.zone))), periods[0]), first
    )


def _obstacle(timeline: Timeline, since: int) -> str | None:
    ends = [*(version.valid_from for version in timeline.versions[1:]), None]
    for version, end in zip(timeline.versions, ends, strict=True):
        if version.basis is BlockBasis.PURCHASE_TIME and (end is None or end > since):
            return SELLS_UNITS
    return None


def _register_selection(
    pricer: Pricer, units: Sequence[_AuditedSupply], periods: Sequence[str], since: int, timeline: Timeline
) -> None:
    chosen = [[unit.supply_id for unit in units], list(range(len(units))), [unit.first_seq for unit in units]]
    pricer.register("chosen", pa.table(chosen, schema=_CHOSEN))
    spans = [period_bounds(period) for period in periods]
    columns = [list(periods), [first for first, _ in spans], [end for _, end in spans]]
    pricer.register("audited", pa.table(columns, schema=_AUDITED))
    first = local_day(since, timeline.versions[0].zone)
    pricer.set_variables(first_day=min(first, spans[0][0]), start_ms=since)


def _unordered(connection: duckdb.DuckDBPyConnection, timeline: Timeline, since: int) -> frozenset[int]:
    """Return the supplies whose meters climb one ladder in an order that is not on record."""
    versions = [each for each in timeline.versions if each.valid_from < since or len(timeline.versions) > 1]
    ordered = all(
        version.meaning is not BlockBandMeaning.POOLED_CHRONOLOGICAL
        or not any(ladder.limits for ladder in version.ladders)
        or len(version.bands) == 1
        for version in versions
    ) and not any(version.free_wh and len(version.bands) > 1 for version in versions)
    if ordered and len(timeline.versions) == 1:
        return frozenset()
    rows = connection.execute(_METERS).fetchall()
    return frozenset(unit for unit, meters in rows if meters > 1)


def _compare(
    connection: duckdb.DuckDBPyConnection,
    pricer: Pricer,
    units: Sequence[_AuditedSupply],
    periods: Iterable[str],
    unordered: frozenset[int],
    found: AuditReport,
) -> None:
    priced, standing = pricer.totals(), pricer.totals(LineKind.STANDING)
    rows = connection.execute(_CHARGED).fetchall()
    charged = {(unit, period): (amount, fixed) for unit, period, amount, fixed in rows}
    for number, unit in enumerate(units):
        found.supplies += 1
        for key in ((number, period) for period in periods):
            amount, fixed = charged.get(key, (0, 0))
            if amount == priced.get(key, 0):
                continue
            if number in unordered:
                found.skipped.append(SkippedSupply(supply_id=unit.supply_id, reason=NO_ORDER))
            elif fixed < standing.get(key, 0):
                found.skipped.append(SkippedSupply(supply_id=unit.supply_id, reason=WAIVED))
            else:
                found.differences.append(
                    Difference(
                        account_id=unit.account_id,
                        supply_id=unit.supply_id,
                        name=unit.name,
                        currency=unit.currency,
                        period=key[1],
                        charged=amount,
                        priced=priced.get(key, 0),
                    )
                )
