"""Letting go of old segments: once exported, read back and compared, a few at a time.

Nothing waits for it: files and database are compared on a thread and in a child process, and each deletion is
a small unit of work among all others. With it goes the energy of each meter, so that the books can still be
verified without the files; what needs the segments themselves reads them from the files (``archive``).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging
from typing import Final

from sqlalchemy import Select, func, select

from meter_bridge.engine.ledger.hourly_history import first_entry_since
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.storage.database import snapshot
from meter_bridge.storage.segment_archive import Archive, ArchiveError, retired_upto, sums_in_database

DAY_MS: Final = 86_400_000
COMPARE_BATCH: Final = 100_000
"""Entries whose segments are compared at once, which bounds the memory of it."""
DELETE_BATCH: Final = 500
"""Entries whose segments go in one transaction: some milliseconds of the writer's time."""
PAUSE_S: Final = 0.02
_LOGGER: Final = logging.getLogger(__name__)


class Retention:
    """Keeps the segments of so many days in the database, and older ones in exported files alone."""

    def __init__(self, session: Session, archive: Archive, days: int) -> None:
        self._session, self._archive, self._days = session, archive, days

    async def tick(self) -> None:
        """Let go of what is old, piece by piece, until nothing is or something differs."""
        while self._session.storage_error is None:
            spans = await asyncio.to_thread(self._verified_ranges)
            if not spans:
                return
            for first, last in spans:
                await self._delete(first, last)
                await asyncio.sleep(PAUSE_S)

    def _verified_ranges(self) -> Sequence[tuple[int, int]]:
        """Return ranges of entries that the exported files were just found to hold."""
        session = self._session
        with snapshot(session.reader) as connection:
            first = retired_upto(connection) + 1
            old = first_entry_since(connection, session.clock.now() - self._days * DAY_MS) - 1
            exported = connection.execute(select(tables.export_watermark.c.seq)).scalar() or 0
            last = min(old, exported, first + COMPARE_BATCH - 1)
            if last < first:
                return ()
            try:
                kept = self._archive.sums(connection, first, last)
            except ArchiveError as error:
                _LOGGER.warning("Readings older than %d days stay in the database: %s", self._days, error)
                return ()
            if kept != sums_in_database(connection, first, last):
                _LOGGER.error(
                    "Readings older than %d days stay in the database: the exported files differ from it in"
                    " entries %d to %d. Nothing is lost; keep a copy of the data folder and report it",
                    self._days, first, last,
                )  # fmt: skip
                return ()
        return [
            (begin, min(begin + DELETE_BATCH - 1, last)) for begin in range(first, last + 1, DELETE_BATCH)
        ]

    async def _delete(self, first: int, last: int) -> None:
        tx = Transaction(self._session.clock.now())
        tx.changeset.add(ops.RETIRE_ENERGY, {"first": first, "last": last})
        tx.changeset.add(ops.DELETE_SEGMENTS, {"first": first, "last": last})
        tx.changeset.add(ops.UPSERT_RETENTION, {"id": 1, "seq": last})
        await self._session.persist(tx)


BATCH_ROWS: Final = 500
"""Rows that go in one transaction."""


@dataclass(frozen=True, slots=True)
class _PurgeRule:
    purge: ops.Statement
    ended_rows: Callable[[int], Select[tuple[object, ...]]]
    """Returns the query of what ended before an instant, by its key as ``forget`` takes it."""


def _events(before: int) -> Select[tuple[object, ...]]:
    """Return the events before an instant except the newest, from which the numbering continues."""
    event = tables.event.c
    newest = select(func.max(event.seq)).scalar_subquery()
    return select(event.seq.label("row_seq")).where(event.at < before, event.seq < newest).order_by(event.seq)


def _commands(before: int) -> Select[tuple[object, ...]]:
    table = tables.outbox.c
    keys = table.meter_id.label("row_meter_id"), table.revision.label("row_revision")
    return select(*keys).where(table.settled_at < before)


def _notices(before: int) -> Select[tuple[object, ...]]:
    table = tables.notice.c
    return select(table.id.label("row_id")).where(table.ended_at < before)


def _files(before: int) -> Select[tuple[object, ...]]:
    """Return the exported files that were replaced, and removed, before an instant."""
    table = tables.export_file.c
    return select(table.name.label("row_name")).where(table.retired_at < before)


_PURGE_RULES: Final = (
    _PurgeRule(ops.PURGE_EVENT, _events),
    _PurgeRule(ops.PURGE_COMMAND, _commands),
    _PurgeRule(ops.PURGE_NOTICE, _notices),
    _PurgeRule(ops.PURGE_FILE, _files),
)


class EventRetention:
    """Keeps what ended within so many days."""

    def __init__(self, session: Session, days: int) -> None:
        self._session, self._days = session, days

    async def tick(self) -> None:
        """Forget what ended before the days that are kept, a few rows at a time; raises ``StorageError``."""
        before = self._session.clock.now() - self._days * DAY_MS
        for kind in _PURGE_RULES:
            more = True
            while more and self._session.storage_error is None:
                more = await self._purge_batch(kind, before)
                await asyncio.sleep(PAUSE_S)

    async def _purge_batch(self, kind: _PurgeRule, before: int) -> bool:
        rows = await asyncio.to_thread(self._next_rows, kind, before)
        tx = Transaction(self._session.clock.now())
        tx.changeset.extend(kind.purge, rows)
        await self._session.persist(tx)
        return bool(rows)

    def _next_rows(self, kind: _PurgeRule, before: int) -> Sequence[dict[str, object]]:
        with self._session.reader.connect() as connection:
            return [
                dict(row) for row in connection.execute(kind.ended_rows(before).limit(BATCH_ROWS)).mappings()
            ]
