"""Stored events, read back."""

import json

from sqlalchemy import Engine, select

from meter_bridge.core.calendar import iso
from meter_bridge.protocol.messages import (
    Event,
    EventKind,
)
from meter_bridge.storage import tables

EVENTS_PER_PAGE = 10_000


def read_events(reader: Engine, after: int, upto: int) -> list[Event]:
    """Return the durable events after one ``seq`` up to another, at most a page."""
    table = tables.event
    query = select(table).where(table.c.seq > after, table.c.seq <= upto).order_by(table.c.seq)
    with reader.connect() as connection:
        rows = connection.execute(query.limit(EVENTS_PER_PAGE)).mappings()
        return [
            Event(
                seq=row["seq"],
                at=iso(row["at"]),
                kind=EventKind(row["kind"]),
                account_id=row["account_id"],
                meter_id=row["meter_id"],
                data=json.loads(row["data"]),
            )
            for row in rows
        ]
