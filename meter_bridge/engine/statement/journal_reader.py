"""Reading what a statement is made of from the journal, all of it as of one instant."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
import json
from typing import Any, Final, Protocol, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    RowMapping,
    Select,
    and_,
    case,
    func,
    select,
)

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.journal import EntryKind
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.engine.ledger.entries import line_view, noted_readings, reading_view
from meter_bridge.engine.state.supply_document import stored_open_wh
from meter_bridge.engine.statement.balances import (
    balance_before,
    is_holding,
    read_holdings,
    read_moved_amounts,
    read_units,
    spent_on,
    sums_by_kind,
)
from meter_bridge.engine.statement.builder import StatementData
from meter_bridge.engine.statement.entry_range import EntryRange, TenancyRange, find_entry_range
from meter_bridge.engine.statement.period import Period
from meter_bridge.engine.statement.taxes import read_tax_sums
from meter_bridge.protocol.messages import ChargeLine
from meter_bridge.protocol.statements import DayCharge, MeterReadings, NotYetPosted, StatementEntry
from meter_bridge.storage import tables
from meter_bridge.storage.database import on_sqlite, snapshot
from meter_bridge.storage.exact_sum import exact_sum
from meter_bridge.storage.segment_archive import Archive, complete_segments

MAX_PARALLEL: Final = 4
_THREADS: Final = ThreadPoolExecutor(MAX_PARALLEL, thread_name_prefix="statement")


class ReadInParallel(Protocol):
    """Begins to read a part; what it returns waits for that, and raises what the reading raised."""

    def __call__[T](self, part: Callable[[Connection], T], /) -> Callable[[], T]:
        """Begin to read a part of what was booked when the connection looked first."""


@contextmanager
def parallel_reader(reader: Engine, connection: Connection) -> Iterator[ReadInParallel]:
    """Offer to read beside a connection; all that was begun has ended afterwards.

    A server reads for many at once as it is, and its connections are few: there, all is read on the one.
    """
    begun: list[Future[object]] = []

    def apart[T](part: Callable[[Connection], T], /) -> Callable[[], T]:
        def read() -> T:
            with snapshot(reader) as own:
                return part(own)

        future = _THREADS.submit(read)
        begun.append(cast("Future[object]", future))
        return future.result

    def at_once[T](part: Callable[[Connection], T], /) -> Callable[[], T]:
        value = part(connection)
        return lambda: value

    try:
        yield apart if on_sqlite(connection) else at_once
    finally:
        wait(begun)


MAX_ENTRIES: Final = 5_000
MAX_CHARGES: Final = 10_000
"""Rows of charges, by line or by day."""
_IN_ORDER: Final = {kind.value: place for place, kind in enumerate(LineKind)}
"""Places of lines: energy first, taxes last."""


class TooLongError(ValueError):
    """A period with more in it than one statement holds."""


def read_statement_data(
    reader: Engine,
    archive: Archive | None,
    account_id: str,
    currency: str,
    period: Period,
    *,
    by_day: bool,
    tenancy_range: TenancyRange,
) -> StatementData:
    """Return what the journal holds of a period and tenancy; raises ``TooLongError`` for too much."""
    with snapshot(reader) as connection, parallel_reader(reader, connection) as beside:
        span = find_entry_range(connection, account_id, currency, period, tenancy_range)
        halves = span.halves(connection)
        line_sums = [beside(partial(_line_sums, entry_range=half)) for half in halves]
        moved = [beside(partial(read_moved_amounts, entry_range=half)) for half in halves]
        days = _by_day(connection, archive, span) if by_day else None
        balances = (
            balance_before(connection, account_id, span.first),
            balance_before(connection, account_id, span.stop),
        )
        units, entries = read_units(connection, span), _entries(connection, span)
        pending = _read_pending(connection, account_id, period.start)
        lines = _lines(part() for part in line_sums)
        sums = sums_by_kind(connection, span, (part() for part in moved))
        return StatementData(
            holdings=read_holdings(connection, span, sums),
            units=units,
            balances=balances,
            sums=sums,
            lines=lines,
            days=None if days is None else _priced(days, lines),
            entries=entries,
            pending=pending,
            taxes=read_tax_sums(connection, lines),
            readings=_readings(connection, span),
        )


def _readings(connection: Connection, span: EntryRange) -> tuple[MeterReadings, ...]:
    """Return the newest reading of each meter among the charges of a span, and the one before it."""
    meter, supply = tables.meter.c, tables.supply.c
    own = select(meter.id).join(tables.supply, supply.id == meter.supply_id)
    meters = set(connection.execute(own.where(supply.account_id == span.account_id)).scalars())
    after = _newest_readings(connection, span, meters)
    before = _newest_readings(connection, replace(span, first=0, stop=span.first), set(after))
    return tuple(
        MeterReadings(
            meter_id=meter_id,
            before=reading_view(before[meter_id]) if meter_id in before else None,
            after=reading_view(after[meter_id]),
        )
        for meter_id in sorted(after)
    )


def _newest_readings(connection: Connection, span: EntryRange, meters: set[str]) -> dict[str, list[int]]:
    entry = tables.journal_entry
    charges = select(entry.c.detail).where(span.entries, entry.c.kind == EntryKind.CHARGE)
    newest = charges.order_by(entry.c.seq.desc()).limit(MAX_CHARGES)
    found: dict[str, list[int]] = {}
    for row in connection.execute(newest).mappings():
        found = noted_readings(row) | found
        if found.keys() >= meters:
            break
    return found


def _in_range(
    entry_range: EntryRange, rows: FromClause, query: Select[tuple[object, ...]]
) -> Select[tuple[object, ...]]:
    entry = tables.journal_entry
    return query.select_from(entry.join(rows, rows.c.entry_seq == entry.c.seq)).where(entry_range.entries)


_LINE_KEYS: Final = ("period", "supply_id", "kind", "version_id", "block", "band", "unit_price")
type _LineKey = tuple[str, str, str, str, int | None, str | None, int | None]
type _LineSums = Mapping[_LineKey, tuple[int, int]]
"""Quantity and amount of each line of the price list."""


def _line_sums(connection: Connection, entry_range: EntryRange) -> _LineSums:
    """Return the charges by line of the price list, at most one more than a statement holds."""
    line = tables.charge_line
    keys = [line.c[name] for name in _LINE_KEYS]
    query = select(*keys, func.sum(line.c.quantity), exact_sum(line.c.amount))
    rows = connection.execute(_in_range(entry_range, line, query).group_by(*keys).limit(MAX_CHARGES + 1))
    return {cast("_LineKey", tuple(key)): (quantity, amount) for *key, quantity, amount in rows}


def _lines(parts: Iterable[_LineSums]) -> tuple[ChargeLine, ...]:
    added: dict[_LineKey, tuple[int, int]] = {}
    for part in parts:
        for key, (quantity, amount) in part.items():
            before = added.get(key, (0, 0))
            added[key] = before[0] + quantity, before[1] + amount
    lines = [
        line_view(dict(zip(_LINE_KEYS, key, strict=True)) | {"quantity": quantity, "amount": amount})
        for key, (quantity, amount) in added.items()
    ]
    return tuple(sorted(_check_size(lines, MAX_CHARGES, "lines of charges"), key=_sort_key))


def _sort_key(line: ChargeLine) -> tuple[object, ...]:
    order = _IN_ORDER.get(line.kind, len(_IN_ORDER))
    return (
        line.period,
        line.supply_id,
        order,
        line.kind,
        line.tariff_version_id,
        line.block or 0,
        line.band or "",
        line.unit_price or 0,
    )


def _priced(days: Iterable[DayCharge], lines: Sequence[ChargeLine]) -> tuple[DayCharge, ...]:
    """Return the charges by day with the unit price of their lines; None where it changed in the period."""
    prices: dict[tuple[object, ...], int | None] = {}
    for line in lines:
        key = _price_key(line)
        prices[key] = line.unit_price if prices.get(key, line.unit_price) == line.unit_price else None
    return tuple(replace(day, unit_price=prices.get(_price_key(day))) for day in days)


def _price_key(charge: ChargeLine | DayCharge) -> tuple[object, ...]:
    return charge.kind, charge.supply_id, charge.tariff_version_id, charge.block, charge.band


def _by_day(
    connection: Connection, archive: Archive | None, entry_range: EntryRange
) -> tuple[DayCharge, ...]:
    """Return the charges by local day of use, also from exported segments."""
    with complete_segments(
        connection, archive, entry_range.account_id, entry_range.first, entry_range.stop - 1
    ) as there:
        return _days(there, entry_range)


def _days(connection: Connection, entry_range: EntryRange) -> tuple[DayCharge, ...]:
    segment = tables.segment
    keys = (
        segment.c.local_day,
        segment.c.supply_id,
        segment.c.kind,
        segment.c.version_id,
        segment.c.block,
        segment.c.band,
    )
    query = select(
        *keys,
        func.sum(segment.c.wh).label("wh"),
        func.sum(case((segment.c.amount < 0, 0), else_=1)).label("times"),
        exact_sum(segment.c.amount).label("amount"),
        exact_sum(segment.c.tax).label("tax"),
        func.sum(case((segment.c.estimated, segment.c.wh), else_=0)).label("estimated_wh"),
    )
    order = [key.nulls_first() for key in keys]
    query = _in_range(entry_range, segment, query).group_by(*keys).order_by(*order).limit(MAX_CHARGES + 1)
    days = [
        DayCharge(
            day=row["local_day"],
            kind=row["kind"],
            supply_id=row["supply_id"],
            tariff_version_id=row["version_id"],
            block=row["block"],
            band=row["band"],
            quantity=row["times"] if row["kind"] == LineKind.STANDING else row["wh"],
            unit_price=None,
            amount=row["amount"],
            tax=row["tax"],
            estimated_wh=row["estimated_wh"],
        )
        for row in connection.execute(query).mappings()
    ]
    return tuple(_check_size(days, MAX_CHARGES, "charges by day"))


def _entries(connection: Connection, entry_range: EntryRange) -> tuple[StatementEntry, ...]:
    entry = tables.journal_entry
    wanted = entry_range.credits
    # Put in order here: asked for in order, a database walks all charges between them.
    query = select(entry).where(wanted).limit(MAX_ENTRIES + 1)
    entries = _check_size(connection.execute(query).mappings().all(), MAX_ENTRIES, "entries")
    rows = sorted(entries, key=lambda row: row["seq"])
    changes = _differs_from_previous(connection, wanted, entry_range.currency)
    return tuple(
        _entry(row, detail, sum(changes[row["seq"]].values()), changes[row["seq"]])
        for row, detail in ((row, json.loads(row["detail"])) for row in rows)
    )


def read_settlements(reader: Engine, account_id: str, tenancy: int) -> tuple[StatementEntry, ...]:
    """Return what was settled later with the customer of a tenancy, oldest first."""
    entry = tables.journal_entry
    own = and_(entry.c.account_id == account_id, entry.c.kind == EntryKind.SETTLEMENT)
    with snapshot(reader) as connection:
        rows = connection.execute(select(entry).where(own).order_by(entry.c.seq)).mappings().all()
    return tuple(
        _entry(row, detail, detail["change"], {})
        for row, detail in ((row, json.loads(row["detail"])) for row in rows)
        if detail["tenancy"] == tenancy
    )


def _entry(
    row: RowMapping, detail: Mapping[str, Any], amount: int, changes: dict[str, int]
) -> StatementEntry:
    return StatementEntry(
        seq=row["seq"],
        id=row["id"],
        at=iso(row["at"]),
        kind=row["kind"],
        description=row["description"],
        reference=detail.get("reference"),
        reason=detail.get("reason"),
        by=row["actor"],
        refers_to=row["refers_to"],
        amount=amount,
        changes=changes,
        balance_after=row["balance_after"],
        units_wh=detail.get("units_wh", 0),
    )


def _differs_from_previous(
    connection: Connection, wanted: ColumnElement[bool], currency: str
) -> defaultdict[int, dict[str, int]]:
    """Return where the money of each entry went: to holdings, or spent at once."""
    entry, posting, line = tables.journal_entry, tables.posting, tables.charge_line
    moved = (
        select(posting.c.entry_seq, posting.c.bucket, exact_sum(posting.c.amount))
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(wanted, is_holding(posting, currency))
        .group_by(posting.c.entry_seq, posting.c.bucket)
        .order_by(posting.c.entry_seq, func.min(posting.c.n))
    )
    spent = (
        select(entry.c.seq, entry.c.kind, exact_sum(line.c.amount))
        .select_from(entry.join(line, line.c.entry_seq == entry.c.seq))
        .where(wanted, line.c.kind != LineKind.INCLUDED_TAX)
        .group_by(entry.c.seq, entry.c.kind)
    )
    changes: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for seq, bucket, amount in connection.execute(moved):
        changes[seq][bucket] = amount
    for seq, kind, amount in connection.execute(spent):
        changes[seq][spent_on(kind)] = amount
    return changes


def _check_size[T](rows: Sequence[T], most: int, noun: str) -> Sequence[T]:
    if len(rows) > most:
        raise TooLongError(f"the period has more than {most} {noun}")
    return rows


def _read_pending(connection: Connection, account_id: str, start: int) -> NotYetPosted:
    """Return what was used since the last posting, according to the newest stored state."""
    status, supply = tables.supply_status, tables.supply
    own = select(supply.c.id).where(supply.c.account_id == account_id)
    rows = connection.execute(select(status).where(status.c.supply_id.in_(own))).mappings().all()
    return NotYetPosted(
        at=iso(max((row["at"] for row in rows), default=start)),
        wh=sum(stored_open_wh(row["document"]) for row in rows),
        amount=sum(row["accrued"] for row in rows),
    )
