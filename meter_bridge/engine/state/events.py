"""Recording durable events as part of a transaction."""

from collections.abc import Mapping
import json
import logging
from typing import Final

from sqlalchemy import Engine, select

from meter_bridge.core.calendar import iso
from meter_bridge.engine.state.model import Installation
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import (
    Event,
    EventKind,
)
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.text.alerts import alert_event_text


def entry_id(seq: int) -> str:
    """Return the public id of a journal entry."""
    return f"entry-{seq}"


def record_event(
    installation: Installation,
    tx: Transaction,
    kind: EventKind,
    *,
    account_id: str | None = None,
    meter_id: str | None = None,
    data: Mapping[str, object],
) -> Event:
    """Add a durable event to the unit; it goes out after the commit."""
    installation.sequences.event += 1
    seq = installation.sequences.event
    event = Event(
        seq=seq, at=iso(tx.at), kind=kind, account_id=account_id, meter_id=meter_id, data=dict(data)
    )
    tx.events.append(event)
    tx.changeset.add(
        ops.INSERT_EVENT,
        {
            "seq": seq,
            "at": tx.at,
            "kind": kind,
            "account_id": account_id,
            "meter_id": meter_id,
            "data": json.dumps(data, separators=(",", ":")),
        },
    )
    return event


_LOGGER: Final = logging.getLogger("meter_bridge.events")


def log_event(event: Event) -> None:
    """Log a committed event in one line; charges and acknowledgements are too many and too small."""
    data = event.data
    if event.kind is EventKind.SUPPLY_CHANGED:
        note = f" ({data['note']})" if data.get("note") else ""
        _LOGGER.info("%s: supply is %s, %s%s", event.account_id, data["state"], data["reason"], note)
    elif event.kind is EventKind.TOP_UP:
        _LOGGER.info("%s: top-up %s booked", event.account_id, data["id"])
    elif event.kind is EventKind.ALERT_OPENED:
        _LOGGER.warning("Alert: %s", alert_event_text(data))
    elif event.kind is EventKind.ALERT_CLOSED:
        _LOGGER.info("Alert over: %s", alert_event_text(data))
    elif event.kind is EventKind.CLOCK_CONFIRMED:
        _LOGGER.info("The clock, at %s, was confirmed by %s", data["wall"], data["by"])
    elif event.kind in (EventKind.ACCOUNT_ADDED, EventKind.ACCOUNT_REMOVED):
        _LOGGER.info("%s: %s", event.account_id, event.kind.value.replace("_", " "))


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
