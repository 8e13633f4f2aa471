"""Energy and its cost by hour, and the hours that changed since a client last asked.

The facts are the journal's own: segments for what was charged, postings to ``adjustment`` for what was
corrected. A correction counts in the hour of what it corrects, so that a month that was repriced shows what
it costs now, and the sums of all hours are the sums of the journal.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
import json
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, RowMapping, func, select, true

from meter_bridge.core.calendar import day_start, iso
from meter_bridge.core.ledger.journal import Bucket, EntryKind
from meter_bridge.core.rating.rating import LineKind
from meter_bridge.core.tariff.periods import period_bounds
from meter_bridge.protocol.messages import AccountHistory, HistoryHour, HistoryPage
from meter_bridge.storage import tables
from meter_bridge.storage.database import snapshot
from meter_bridge.storage.exact_sum import exact_sum
from meter_bridge.storage.segment_archive import Archive, complete_segments, retired_upto

HOUR_MS: Final = 3_600_000
MAX_HOURS: Final = 5_000
"""Hours of a page after which no further account is added to it."""
MAX_SINGLE_QUERIES: Final = 20
"""Accounts of which each is asked what was booked on it; of more, all that was booked is looked through."""
_CORRECTING: Final = (EntryKind.CORRECTION, EntryKind.REVERSAL)


class HistoryQuery(NamedTuple):
    """Which part of the history of an account is wanted."""

    account_id: str
    first_seq: int
    """First journal entry that may be seen."""
    zone: ZoneInfo


class SeqRange(NamedTuple):
    """Journal entries after one ``seq`` up to another."""

    after: int
    upto: int


class _Change(NamedTuple):
    """What a correction changes in an hour."""

    seq: int
    hour: int
    amount: int


def history_page(
    reader: Engine,
    request: Iterable[HistoryQuery],
    *,
    after: int,
    upto: int | None = None,
    from_account: str | None = None,
    most_hours: int = MAX_HOURS,
    archive: Archive | None = None,
) -> HistoryPage:
    """Return the accounts of which hours changed in a span of the journal, each from its first such hour on.

    Hours hold all that was booked up to the span's end, the newest entry unless one is given. Everything
    counts as changed after entry 0.
    """
    wanted = sorted(
        (query for query in request if from_account is None or query.account_id >= from_account),
        key=lambda query: query.account_id,
    )
    histories: list[AccountHistory] = []
    with snapshot(reader) as connection:
        span = SeqRange(after, _newest_seq(connection) if upto is None else upto)
        # What is not in the database any more is not looked through for the first hour that changed.
        known = span.after and span.after >= retired_upto(connection)
        firsts = _first_changed(connection, span, wanted) if known else None
        room = most_hours
        for query in wanted:
            if room <= 0:
                return HistoryPage(seq=span.upto, accounts=tuple(histories), next_account=query.account_id)
            history = _account_hours(connection, archive, query, span, firsts)
            if history is not None:
                histories.append(history)
                room -= len(history.hours)
    return HistoryPage(seq=span.upto, accounts=tuple(histories), next_account=None)


def _newest_seq(connection: Connection) -> int:
    return connection.execute(select(func.max(tables.journal_entry.c.seq))).scalar() or 0


def _account_hours(
    connection: Connection,
    archive: Archive | None,
    request: HistoryQuery,
    seq_range: SeqRange,
    firsts: Mapping[str, int] | None,
) -> AccountHistory | None:
    """Return the hours of an account from the first changed one on, or None if none changed."""
    corrections = _corrections(connection, request, seq_range)
    changed = [change.hour for change in corrections if change.seq > seq_range.after]
    if firsts is not None and request.account_id in firsts:
        changed.append(firsts[request.account_id])
    if firsts is not None and not changed:
        return None
    first = min(changed) if firsts is not None else 0
    # What was used in an hour is posted after it began, so that older entries need not be looked at.
    early = first_entry_since(connection, first * HOUR_MS, request.account_id) if first else 0
    lowest = max(request.first_seq, early)
    with complete_segments(connection, archive, request.account_id, lowest, seq_range.upto) as there:
        hours = _hourly_use(there, request, SeqRange(lowest, seq_range.upto), first)
    for change in corrections:
        if change.hour >= first:
            wh, amount = hours.get(change.hour, (0, 0))
            hours[change.hour] = (wh, amount + change.amount)
    if firsts is not None:
        hours.setdefault(first, (0, 0))
    changed_hours = tuple(
        HistoryHour(start=iso(hour * HOUR_MS), wh=wh, amount=amount)
        for hour, (wh, amount) in sorted(hours.items())
    )
    return AccountHistory(account_id=request.account_id, hours=changed_hours) if changed_hours else None


def _first_changed(
    connection: Connection, seq_range: SeqRange, wanted: Sequence[HistoryQuery]
) -> dict[str, int]:
    """Return the first hour of each account into which something was booked."""
    entry, table = tables.journal_entry, tables.segment
    query = (
        select(table.c.account_id, func.min(table.c.start_ms))
        .where(table.c.entry_seq > seq_range.after, table.c.entry_seq <= seq_range.upto)
        .group_by(table.c.account_id)
    )
    if len(wanted) <= MAX_SINGLE_QUERIES:
        query = (
            select(entry.c.account_id, func.min(table.c.start_ms))
            .select_from(entry.join(table, table.c.entry_seq == entry.c.seq))
            .where(
                entry.c.account_id.in_([account_query.account_id for account_query in wanted]),
                entry.c.seq > seq_range.after,
                entry.c.seq <= seq_range.upto,
            )
            .group_by(entry.c.account_id)
        )
    return {account_id: first // HOUR_MS for account_id, first in connection.execute(query).tuples()}


def _hourly_use(
    connection: Connection, request: HistoryQuery, seq_range: SeqRange, first: int
) -> dict[int, tuple[int, int]]:
    """Return energy in Wh and charges by hour, from hour ``first`` on."""
    entry, segment = tables.journal_entry, tables.segment
    hour = (segment.c.start_ms // HOUR_MS).label("hour")
    query = (
        select(hour, func.sum(segment.c.wh), exact_sum(segment.c.amount + segment.c.tax))
        .select_from(entry.join(segment, segment.c.entry_seq == entry.c.seq))
        .where(
            entry.c.account_id == request.account_id,
            entry.c.seq >= seq_range.after,
            entry.c.seq <= seq_range.upto,
            segment.c.start_ms >= first * HOUR_MS,
            # What was used before a customer moved in is the unit's, and none of the customer's.
            segment.c.kind != LineKind.VACANT if request.first_seq else true(),
        )
        .group_by(hour)
    )
    return {int(at): (int(wh), int(amount)) for at, wh, amount in connection.execute(query).tuples()}


def first_entry_since(connection: Connection, at: int, account_id: str | None = None) -> int:
    """Return from which number on entries were booked at an instant or later, those of an account if named.

    Entries are booked in order of time: those of an account always, those of all where there is one shard.
    """
    entry = tables.journal_entry
    own = true() if account_id is None else entry.c.account_id == account_id

    def booked(seq: int) -> int:
        query = select(entry.c.at).where(own, entry.c.seq >= seq).order_by(entry.c.seq).limit(1)
        return int(connection.execute(query).scalar_one())

    newest = connection.execute(select(func.max(entry.c.seq)).where(own)).scalar() or 0
    return bisect_left(range(1, newest + 1), at, key=booked) + 1


def _corrections(connection: Connection, request: HistoryQuery, seq_range: SeqRange) -> list[_Change]:
    """Return the corrections, each at the hour of what it corrects."""
    entry, posting = tables.journal_entry, tables.posting
    # Asked for by themselves, an index alone tells which they are; else every entry of the account is read.
    own = select(entry.c.seq).where(
        entry.c.kind.in_(_CORRECTING),
        entry.c.account_id == request.account_id,
        entry.c.seq >= request.first_seq,
        entry.c.seq <= seq_range.upto,
    )
    query = (
        select(
            entry.c.seq,
            entry.c.at,
            entry.c.refers_to,
            entry.c.detail,
            exact_sum(posting.c.amount).label("amount"),
        )
        .select_from(entry.join(posting, posting.c.entry_seq == entry.c.seq))
        .where(entry.c.seq.in_(own), posting.c.bucket == Bucket.ADJUSTMENT)
        .group_by(entry.c.seq, entry.c.at, entry.c.refers_to, entry.c.detail)
    )
    rows = connection.execute(query).mappings().all()
    booked = _booking_times(connection, [row["refers_to"] for row in rows if row["refers_to"]])
    return [_Change(row["seq"], _hour_of(row, booked, request.zone), int(row["amount"])) for row in rows]


def _booking_times(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    entry = tables.journal_entry
    query = select(entry.c.id, entry.c.at)
    return {
        entry_id: at
        for wanted_id in ids
        for entry_id, at in connection.execute(query.where(entry.c.id == wanted_id)).tuples()
    }


def _hour_of(row: RowMapping, booked: Mapping[str, int], zone: ZoneInfo) -> int:
    """Return the hour of a correction: of the reversed charge, or the last of a repriced period."""
    repriced = json.loads(row["detail"]).get("repricing")
    at: int = row["at"]
    if repriced is not None:
        at = day_start(period_bounds(repriced["period"])[1], zone) - 1
    elif row["refers_to"] is not None:
        at = booked[row["refers_to"]] - 1
    return at // HOUR_MS
