"""Retention: old segments are deleted once exported, read back and compared, a few at a time.

Nothing waits for it: files and database are compared on a thread and in a child process, and each deletion is
a small transaction. The energy of each meter is kept, so that the books can be verified without the files;
what needs the segments themselves reads them from the files (``storage.segment_archive``).
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Select, bindparam, func, select

from meter_bridge.engine.ledger.hourly_history import first_entry_since
from meter_bridge.engine.state.periodic import JobError
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


class Retention:
    """Keeps the segments of so many days in the database, and older ones in exported files alone."""

    def __init__(self, session: Session, archive: Archive, days: int) -> None:
        self._session, self._archive, self._days = session, archive, days

    async def tick(self) -> None:
        """Let go of what is old, piece by piece, until none is; raises ``JobError`` if something differs."""
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
                raise JobError(str(error)) from error
            if kept != sums_in_database(connection, first, last):
                raise JobError(
                    f"the exported files differ from the database in entries {first} to {last}; keep a copy"
                    " of the data folder and report it"
                )
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


_EVENT, _OUTBOX, _NOTICE, _FILE = tables.event.c, tables.outbox.c, tables.notice.c, tables.export_file.c
_BEFORE: Final = bindparam("before", type_=BigInteger)
_PURGED: Final[tuple[tuple[ops.Statement, Select[Any]], ...]] = (
    (
        # But for the newest event, from which the numbers continue.
        ops.PURGE_EVENT,
        select(_EVENT.seq.label("row_seq"))
        .where(_EVENT.at < _BEFORE, _EVENT.seq < select(func.max(_EVENT.seq)).scalar_subquery())
        .order_by(_EVENT.seq),
    ),
    (
        ops.PURGE_COMMAND,
        select(_OUTBOX.meter_id.label("row_meter_id"), _OUTBOX.revision.label("row_revision")).where(
            _OUTBOX.settled_at < _BEFORE
        ),
    ),
    (ops.PURGE_NOTICE, select(_NOTICE.id.label("row_id")).where(_NOTICE.ended_at < _BEFORE)),
    (ops.PURGE_FILE, select(_FILE.name.label("row_name")).where(_FILE.retired_at < _BEFORE)),
)
"""What is forgotten, and the query of what ended before an instant, by the keys that the statement takes."""


class EventRetention:
    """Keeps what ended within so many days."""

    def __init__(self, session: Session, days: int) -> None:
        self._session, self._days = session, days

    async def tick(self) -> None:
        """Forget what ended before the days that are kept, a few rows at a time; raises ``StorageError``."""
        before = self._session.clock.now() - self._days * DAY_MS
        for purge, ended in _PURGED:
            more = True
            while more and self._session.storage_error is None:
                more = await self._purge_batch(purge, ended, before)
                await asyncio.sleep(PAUSE_S)

    async def _purge_batch(self, purge: ops.Statement, ended: Select[Any], before: int) -> bool:
        """Forget a few rows in one transaction; return whether there were any."""
        rows = await asyncio.to_thread(self._next_rows, ended, before)
        tx = Transaction(self._session.clock.now())
        tx.changeset.extend(purge, rows)
        await self._session.persist(tx)
        return bool(rows)

    def _next_rows(self, ended: Select[Any], before: int) -> Sequence[dict[str, object]]:
        with self._session.reader.connect() as connection:
            rows = connection.execute(ended.limit(BATCH_ROWS), {"before": before}).mappings()
            return [dict(row) for row in rows]
