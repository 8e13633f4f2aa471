"""Prices the loads of many units by one timeline at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import duckdb
import pyarrow as pa

from dashboard.pricing import amounts, climbing, quantities
from dashboard.pricing.book import BASES, KINDS, TariffTables, build_tariff_tables, kind_number
from dashboard.pricing.calendar import build_calendar, run_table, slot_tables, table
from meter_bridge.core.calendar import day_start, local_day
from meter_bridge.core.rating.rating import LineKey, LineKind, SupplyTerms
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.core.tariff.tariff import DemandOf, TariffVersion, Timeline


def unsupported_reason(timeline: Timeline, last: int) -> str | None:
    """Return why a timeline cannot be priced set-based, or None where it can.

    These are combinations that only a change of the tariff within a billing period makes, and each of them
    changes a value to date; the core prices them, unit by unit.
    """
    versions = timeline.versions
    if len({version.time_zone for version in versions}) > 1:
        return "its versions are in different time zones"
    if len(versions) == 1:
        return None
    if _open_period_changes(timeline, last):
        return "it changes within the billing period that is not over"
    return next((reason for reason, differs in _unsupported_changes(versions) if differs), None)


def _unsupported_changes(versions: Sequence[TariffVersion]) -> Sequence[tuple[str, bool]]:
    demands = {
        each.demand.interval_min
        for each in versions
        if each.demand is not None and each.demand.of is DemandOf.MAXIMUM
    }
    some = any(each.has_period_to_date or each.history_periods or each.free_wh for each in versions)
    return (
        ("its versions bill on different days", len({each.billing_period for each in versions}) > 1 and some),
        ("its versions take the demand of intervals of different length", len(demands) > 1),
        ("its versions give different free units", len({each.free_wh for each in versions}) > 1),
        (
            "its versions know different shares of a first period",
            len({each.prorate for each in versions}) > 1,
        ),
    )


def _open_period_changes(timeline: Timeline, last: int) -> bool:
    stretch = timeline.interval_at(last - 1)
    start, end = (day_start(day, stretch.version.zone) for day in period_bounds(stretch.period))
    changes = any(start < version.valid_from < last for version in timeline.versions)
    return end > last and changes and timeline.has_period_to_date(stretch.period)


LOAD: Final = pa.schema(
    [("unit", pa.int32()), ("start_ms", pa.int64()), ("end_ms", pa.int64()), ("wh", pa.int64())]
)
"""Energy of [start, end) of a unit, at most a quarter hour and not across one; in any order."""
FEW_DIVIDED: Final = 5_000
"""Up to so many pieces that are not the first of their ladder, their units are sorted."""
_UNITS: Final = pa.schema([("unit", pa.int32()), ("grp", pa.int32())])
_RESULT: Final = """
    SELECT unit, period, version, kind, block, name, base, sum(quantity)::BIGINT AS quantity,
           sum(amount)::HUGEINT AS amount
    FROM amount GROUP BY ALL HAVING sum(quantity) <> 0 OR sum(amount) <> 0 ORDER BY ALL"""
_TOTALS: Final = """
    SELECT unit, period, sum(amount)::HUGEINT AS amount FROM amount
    WHERE kind <> $included AND ($only = -1 OR kind = $only) GROUP BY ALL ORDER BY ALL"""
_UNIT_TOTALS: Final = "SELECT unit, sum(amount)::HUGEINT FROM amount WHERE kind <> $included GROUP BY unit"
_ENERGY: Final = """
    SELECT unit, period, sum(wh)::BIGINT AS wh FROM (
        SELECT unit, period, wh FROM line UNION ALL SELECT unit, period, wh FROM free_line) GROUP BY ALL"""


class PricingError(ValueError):
    """A load or tariff that cannot be priced set-based; the message says why."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one line of one unit comes to."""

    unit: int
    key: LineKey
    quantity: int
    """Wh of energy, W of demand, else 0."""
    amount: int


class Pricer:
    """One pricing on its way: loads are added part by part, then lines and totals are asked for.

    It keeps temporary tables in the connection, which therefore has to be its own (``Warehouse.cursor``).
    Raises ``PricingError`` for a timeline or terms that only the core can price.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        timeline: Timeline,
        units: Mapping[int, SupplyTerms],
        first: int,
        last: int,
    ) -> None:
        why = unsupported_reason(timeline, last)
        if any(terms.ended is not None for terms in units.values()):
            why = why or "a customer moved out within the time"
        if why is not None:
            raise PricingError(f"this tariff cannot be priced in sets: {why}")
        self._connection = connection
        units = _effective_terms(units, timeline, first)
        groups = list(dict.fromkeys(units.values()))
        self.book: TariffTables = build_tariff_tables(build_calendar(timeline, first, last), groups)
        numbers = {terms: number for number, terms in enumerate(groups)}
        self._make_tables(table([(unit, numbers[terms]) for unit, terms in units.items()], _UNITS))
        self._ready = False
        self._in_order = False
        self._added = 0

    def _make_tables(self, units: pa.Table) -> None:
        run = run_table(self.book.calendar)
        slot, cut = slot_tables(self.book.calendar)
        self._cuts = cut.num_rows > 0
        tables = {
            "run": run,
            "slot": slot,
            "cut": cut,
            "unit_group": units,
            "step": self.book.step_table(),
            "free": self.book.free_table(),
            "version": self.book.version_table(),
            "known": self.book.known_table(),
            "ladder": self.book.ladder_table(),
            "price": self.book.price_table(),
            "share": self.book.share_table(),
            "pooled": self.book.pooled_table(),
            "lifeline": self.book.lifeline_table(),
            "demand": self.book.demand_table(),
            "period": self.book.period_table(),
            "minimum": self.book.minimum_table(),
            "fixed": self.book.fixed_table(),
            "tax_per_wh": self.book.tax_per_wh_table(),
            "tax_factor": self.book.tax_factor_table(),
            "included": self.book.included_table(),
        }
        for name, rows in tables.items():
            self._connection.register(f"given_{name}", rows)
            self._connection.execute(_copy(name, rows.schema))
            self._connection.unregister(f"given_{name}")
        for statement in (*quantities.CREATE, *climbing.create(self.book), *amounts.MACROS):
            self._connection.execute(statement)

    def register(self, name: str, rows: pa.Table) -> None:
        """Make a table known to the queries of ``add``."""
        self._connection.register(name, rows)

    def set_variables(self, **values: object) -> None:
        """Set what the queries of ``add`` get with ``getvariable``."""
        for name, value in values.items():
            self._connection.execute(f"SET VARIABLE {name} = $value", {"value": value})

    def add(self, query: str, *, in_order: bool = False) -> None:
        """Add the loads that a query returns, in the columns of ``LOAD``.

        ``in_order`` says that most rows come in the order of unit and time, and few of them in one run. It
        changes nothing but the time that pricing takes.
        """
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW loads AS {query}")
        self._ready = False
        if in_order and self.supports_ordered_loads:
            self._connection.execute(climbing.add(self.book))
            self._in_order = True
        else:
            self._sum_by_interval()

    @property
    def supports_ordered_loads(self) -> bool:
        """Return whether ladders can be climbed in the order of the loads."""
        return not (self._cuts or self.book.looks_back)

    def add_table(self, loads: pa.Table, *, in_order: bool = False) -> None:
        """Add loads in the columns of ``LOAD``."""
        self._connection.register("given_loads", loads)
        self.add("SELECT unit, start_ms, end_ms, wh FROM given_loads", in_order=in_order)
        self._connection.execute("DROP VIEW loads")
        self._connection.unregister("given_loads")

    def _sum_by_interval(self) -> None:
        self._added += 1
        self._connection.execute(quantities.ADD_RUNS)
        if self._cuts:
            self._connection.execute(quantities.ADD_CUT_RUNS)
        if self.book.has_demand_charge:
            self._connection.execute(quantities.ADD_PEAKS)

    def check(self, loads: pa.Table) -> None:
        """Raise ``PricingError`` where a load is not of one quarter hour within the span."""
        cursor = self._connection.cursor()
        cursor.register("loads", loads)
        span = {"first": self.book.calendar.first, "last": self.book.calendar.last}
        (unfit,) = cursor.execute(quantities.UNFIT, span).fetchone() or (0,)
        if unfit:
            raise PricingError(
                f"{unfit} intervals are longer than a quarter hour or outside the span: cut them first"
            )

    def _compute_lines(self) -> None:
        if self._ready:
            return
        climbed = self._ordered_energy_query() if self._in_order else ""
        summed = self._added + self._in_order <= 1 and not self._cuts
        for statement in quantities.line_statements(self.book, summed=summed, climbed=climbed):
            self._connection.execute(statement)
        for statement in amounts.amount_statements(self.book):
            self._connection.execute(statement, self._names(statement))
        self._ready = True

    def _ordered_energy_query(self) -> str:
        self._connection.execute(climbing.PIECES)
        mixed, divided = self._connection.execute(climbing.COUNTS).fetchone() or (0, 0)
        many = not mixed and divided > FEW_DIVIDED
        steps = climbing.SORT_ALL if mixed else climbing.SORT_DIVIDED if divided else ()
        for statement in (climbing.WALK,) if many else steps:
            self._connection.execute(statement)
        return climbing.energy_by_block_query(self.book, divided=many)

    def _names(self, statement: str) -> dict[str, int]:
        names = {kind: self.book.names.number(kind.value) for kind in (LineKind.DEMAND, LineKind.MINIMUM)}
        return {str(kind): number for kind, number in names.items() if f"${kind}" in statement}

    def charges(self) -> list[Charge]:
        """Return every line of every unit that comes to something."""
        self._compute_lines()
        return [self._charge(row) for row in self._connection.execute(_RESULT).fetchall()]

    def _charge(self, row: Sequence[int]) -> Charge:
        unit, period, version, kind, block, name, base, quantity, amount = row
        key = LineKey(
            KINDS[kind],
            self.book.calendar.periods.things[period],
            self.book.versions[version].id,
            block,
            self.book.names.things[name],
            BASES[base],
        )
        return Charge(unit, key, quantity, amount)

    def unit_totals(self) -> dict[int, int]:
        """Return what each unit pays for the whole span, contained taxes counted once."""
        self._compute_lines()
        parameters = {"included": kind_number(LineKind.INCLUDED_TAX)}
        return dict(self._connection.execute(_UNIT_TOTALS, parameters).fetchall())

    def totals(self, only: LineKind | None = None) -> dict[tuple[int, str], int]:
        """Return what each unit pays in each billing period, contained taxes counted once; or of one kind."""
        self._compute_lines()
        periods = self.book.calendar.periods.things
        parameters = {
            "included": kind_number(LineKind.INCLUDED_TAX),
            "only": -1 if only is None else kind_number(only),
        }
        rows = self._connection.execute(_TOTALS, parameters).fetchall()
        return {(unit, periods[period]): amount for unit, period, amount in rows}


def _effective_terms(
    units: Mapping[int, SupplyTerms], timeline: Timeline, first: int
) -> dict[int, SupplyTerms]:
    """Drop the start of terms that began before every period of the span: equal terms form one group."""
    day = local_day(first, timeline.versions[0].zone)
    rules = [rule for version in timeline.versions for rule in (version.billing_period, version.block_period)]
    earliest = min(rule.start_of(day) for rule in rules) - timedelta(days=1)
    known: dict[SupplyTerms, SupplyTerms] = {}
    for terms in units.values():
        if terms not in known:
            before = terms.started is not None and terms.started < earliest
            known[terms] = replace(terms, started=None) if before else terms
    return {unit: known[terms] for unit, terms in units.items()}


def _copy(name: str, schema: pa.Schema) -> str:
    """Return the statement that copies a given table; exact values come as text and count in 128 bits."""
    columns = ", ".join(
        f"{field.name}::HUGEINT AS {field.name}" if pa.types.is_string(field.type) else field.name
        for field in schema
    )
    return f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM given_{name}"  # noqa: S608
