"""Forgetting what ended long ago: events, relay commands, messages to people, and files that were merged.

Nothing is charged or decided by any of it, and what it told of stays: journal, payments, decisions, alerts.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Select, func, select

from meter_bridge.engine.export.retention import DAY_MS, PAUSE_S
from meter_bridge.engine.state.session import Session
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.storage import changeset as ops, tables

BATCH_ROWS: Final = 500
"""Rows that go in one transaction."""


@dataclass(frozen=True, slots=True)
class _PurgeRule:
    """What is forgotten alike."""

    purge: ops.Statement
    ended_rows: Callable[[int], Select[tuple[object, ...]]]
    """Returns the query of what ended before an instant, by its key as ``forget`` takes it."""


def _events(before: int) -> Select[tuple[object, ...]]:
    """Return the events before an instant but for the newest, from which their numbers go on."""
    event = tables.event.c
    newest = select(func.max(event.seq)).scalar_subquery()
    return select(event.seq.label("row_seq")).where(event.at < before, event.seq < newest).order_by(event.seq)


def _commands(before: int) -> Select[tuple[object, ...]]:
    """Return the relay commands that were settled before an instant."""
    table = tables.outbox.c
    keys = table.meter_id.label("row_meter_id"), table.revision.label("row_revision")
    return select(*keys).where(table.settled_at < before)


def _notices(before: int) -> Select[tuple[object, ...]]:
    """Return the messages that were sent or given up before an instant."""
    table = tables.notice.c
    return select(table.id.label("row_id")).where(table.ended_at < before)


def _files(before: int) -> Select[tuple[object, ...]]:
    """Return the exported files that were replaced before an instant, and are not there any more."""
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
        """Take the days that are kept; nothing goes before ``tick``."""
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
        """Forget a few rows of a kind in one transaction; say whether there were any."""
        rows = await asyncio.to_thread(self._next_rows, kind, before)
        tx = Transaction(self._session.clock.now())
        tx.changeset.extend(kind.purge, rows)
        done = self._session.submit(tx)
        if done is not None:
            await self._session.wait_for(done)
        return bool(rows)

    def _next_rows(self, kind: _PurgeRule, before: int) -> Sequence[dict[str, object]]:
        """Return the next few rows of a kind."""
        with self._session.reader.connect() as connection:
            return [
                dict(row) for row in connection.execute(kind.ended_rows(before).limit(BATCH_ROWS)).mappings()
            ]
