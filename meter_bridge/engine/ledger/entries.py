"""Reading the journal, alerts and events from the database for clients."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, and_, select

from meter_bridge.core.calendar import iso
from meter_bridge.core.ledger.debt import Debt
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.protocol.messages import (
    ChargeLine,
    DebtView,
    LedgerEntry,
    LedgerPage,
    TopUpView,
)
from meter_bridge.protocol.statements import (
    EntryExplanation,
    MeterReadings,
    RegisterReading,
    Repriced,
    SegmentView,
)
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot
from meter_bridge.storage.segment_archive import Archive, complete_segments

MAX_LOOK_BACK = 500
"""Charges before an entry among which a meter's reading before is looked for: days, with many supplies."""


def ledger_page(
    reader: Engine, account_id: str, before: int | None, limit: int, *, first: int = 0
) -> LedgerPage:
    """Return a page of an account's journal from an entry on, newest first, each charge with its lines."""
    entry = tables.journal_entry
    query = select(entry).where(entry.c.account_id == account_id, _visible_from(first))
    if before is not None:
        query = query.where(entry.c.seq < before)
    query = query.order_by(entry.c.seq.desc()).limit(limit + 1)
    with snapshot(reader) as connection:
        rows = connection.execute(query).mappings().all()
        entries = ledger_entries(connection, rows[:limit])
    return LedgerPage(entries=entries, next_before=entries[-1].seq if len(rows) > limit else None)


def ledger_entries(connection: Connection, rows: Sequence[RowMapping]) -> tuple[LedgerEntry, ...]:
    """Return journal entries of one account, given by their rows, each with its lines, change and key."""
    seqs = [row["seq"] for row in rows]
    lines, posting, operation = tables.charge_line, tables.posting, tables.operation
    priced: defaultdict[int, list[ChargeLine]] = defaultdict(list)
    of_entries = select(lines).where(lines.c.entry_seq.in_(seqs)).order_by(*lines.primary_key)
    for line in connection.execute(of_entries).mappings():
        priced[line["entry_seq"]].append(line_view(line))
    amounts: defaultdict[int, int] = defaultdict(int)
    posted = select(posting).where(posting.c.entry_seq.in_(seqs), posting.c.bucket == Bucket.BALANCE)
    for row in connection.execute(posted).mappings():
        amounts[row["entry_seq"]] += row["amount"]
    booked = select(operation.c.entry_seq, operation.c.key).where(
        operation.c.account_id.in_({row["account_id"] for row in rows}), operation.c.entry_seq.in_(seqs)
    )
    keys = dict(connection.execute(booked).tuples().all())
    return tuple(
        _entry_view(row, priced[row["seq"]], amounts[row["seq"]], keys.get(row["seq"])) for row in rows
    )


def explain_entry(
    reader: Engine, archive: Archive | None, account_id: str, entry_id: str, *, first: int = 0
) -> EntryExplanation | None:
    """Return an account's entry with its segments and the readings they came from.

    None if there is none, or if it is older than the ``first`` that may be seen.
    """
    entry, segment = tables.journal_entry, tables.segment
    own = entry.c.account_id == account_id
    query = select(entry).where(own, entry.c.id == entry_id, _visible_from(first))
    with snapshot(reader) as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            return None
        own_segments = select(segment).where(segment.c.entry_seq == row["seq"]).order_by(segment.c.n)
        with complete_segments(connection, archive, account_id, row["seq"], row["seq"]) as there:
            segments = there.execute(own_segments).mappings().all()
        return EntryExplanation(
            entry=ledger_entries(connection, [row])[0],
            segments=tuple(map(_segment_view, segments)),
            readings=_readings(connection, row),
            taken_back=_is_reversed(connection, entry_id),
            repriced=_repriced(row),
        )


def _repriced(row: RowMapping) -> Repriced | None:
    """Return what a repricing found, as its entry keeps it."""
    found = json.loads(row["detail"]).get("repricing")
    if found is None:
        return None
    named = {"supply_id": found["supply"], "period": found["period"], "version_id": found["version"]}
    return Repriced(
        supply_id=found["supply"],
        period=found["period"],
        tariff_version_id=found["version"],
        wh=found["wh"],
        charged=found["charged"],
        priced=found["priced"],
        lines=tuple(line_view(line | named) for line in found["lines"]),
    )


def _is_reversed(connection: Connection, entry_id: str) -> bool:
    entry = tables.journal_entry.c
    reversal = select(entry.seq).where(entry.refers_to == entry_id, entry.kind == EntryKind.REVERSAL)
    return connection.execute(reversal.limit(1)).first() is not None


def _visible_from(first: int) -> ColumnElement[bool]:
    """Return the condition for entries from ``first`` on, without settlements with former customers."""
    entry = tables.journal_entry.c
    return entry.seq >= first if not first else and_(entry.seq >= first, entry.kind != EntryKind.SETTLEMENT)


def _segment_view(row: RowMapping) -> SegmentView:
    upto = row["register_wh"]
    start = None if upto is None or upto < row["wh"] else upto - row["wh"]
    return SegmentView(
        kind=row["kind"],
        supply_id=row["supply_id"],
        meter_id=row["meter_id"],
        start=iso(row["start_ms"]),
        end=iso(row["end_ms"]),
        wh=row["wh"],
        register_from_wh=start,
        register_to_wh=upto,
        tariff_version_id=row["version_id"],
        block=row["block"],
        band=row["band"],
        amount=row["amount"],
        tax=row["tax"],
        estimated=row["estimated"],
    )


def _readings(connection: Connection, row: RowMapping) -> tuple[MeterReadings, ...]:
    """Return the readings between which an entry's energy was used: noted with it, and before it."""
    noted = noted_readings(row)
    entry = tables.journal_entry
    query = select(entry.c.detail).where(
        entry.c.account_id == row["account_id"], entry.c.kind == EntryKind.CHARGE, entry.c.seq < row["seq"]
    )
    before: dict[str, list[int]] = {}
    if noted:
        for earlier in connection.execute(query.order_by(entry.c.seq.desc()).limit(MAX_LOOK_BACK)).mappings():
            before = noted_readings(earlier) | before
            if before.keys() >= noted.keys():
                break
    return tuple(
        MeterReadings(
            meter_id=meter_id,
            before=reading_view(before[meter_id]) if meter_id in before else None,
            after=reading_view(reading),
        )
        for meter_id, reading in noted.items()
    )


def noted_readings(row: RowMapping) -> dict[str, list[int]]:
    """Return the newest readings that an entry notes, by meter: instant, Wh and epoch."""
    readings: dict[str, list[int]] = json.loads(row["detail"]).get("readings", {})
    return readings


def reading_view(noted: Sequence[int]) -> RegisterReading:
    """Return a reading that an entry notes."""
    at, wh, epoch = noted
    return RegisterReading(at=iso(at), wh=wh, epoch=epoch)


def _entry_view(row: RowMapping, lines: Sequence[ChargeLine], amount: int, key: str | None) -> LedgerEntry:
    detail = json.loads(row["detail"])
    return LedgerEntry(
        seq=row["seq"],
        id=row["id"],
        at=iso(row["at"]),
        kind=row["kind"],
        amount=amount,
        balance_after=row["balance_after"],
        description=row["description"],
        key=key,
        refers_to=row["refers_to"],
        reference=detail.get("reference"),
        reason=detail.get("reason"),
        by=row["actor"],
        split=detail.get("split", {}),
        lines=tuple(lines),
    )


def line_view(row: RowMapping | Mapping[str, Any]) -> ChargeLine:
    """Return a charge line from the columns of its row."""
    return ChargeLine(
        kind=row["kind"],
        supply_id=row["supply_id"],
        period=row["period"],
        tariff_version_id=row["version_id"],
        block=row["block"],
        band=row["band"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
        amount=row["amount"],
    )


def top_up_view(row: RowMapping) -> TopUpView:
    """Return a top-up's journal entry as it goes over the wire."""
    detail = json.loads(row["detail"])
    return TopUpView(
        id=row["id"],
        at=iso(row["at"]),
        amount=detail["amount"],
        method=detail["method"],
        reference=detail["reference"],
        split=detail["split"],
        units_wh=detail.get("units_wh", 0),
        balance_after=row["balance_after"],
    )


def debt_view(debt: Debt) -> DebtView:
    """Return a debt with its terms."""
    return DebtView(
        id=debt.id,
        description=debt.description,
        owed=debt.owed,
        priority=debt.priority,
        rate=debt.rate,
        every=debt.every.value,
        next_recovery=iso(debt.due) if debt.by_time else None,
        percent_ppm=debt.percent_ppm,
        cap=debt.cap,
        cap_every=debt.cap_every.value,
    )
