"""Recording durable events as part of a transaction."""

from collections.abc import Mapping
import json

from meter_bridge.core.calendar import iso
from meter_bridge.engine.state.model import Installation
from meter_bridge.engine.state.transaction import Transaction
from meter_bridge.protocol.messages import Event, EventKind
from meter_bridge.storage import changeset as ops


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
