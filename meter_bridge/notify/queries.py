"""Reading notices, contacts and the consumer's position from the database."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import json
from typing import Final

import msgspec
from sqlalchemy import Engine, RowMapping, func, select, union_all

from meter_bridge.core.calendar import iso
from meter_bridge.core.clock import WALL_CLOCK_TOLERANCE_MS
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.answers import NoticeView
from meter_bridge.protocol.messages import EventKind
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import tables
from meter_bridge.storage.shards import Shard

_NOTICE = tables.notice
_PENDING_COLUMNS: Final = ("sent", "sending", "uncertain")


@dataclass(frozen=True, slots=True)
class ConsumerPosition:
    """The newest event that was consumed, and the day of each person's last digest."""

    event_seq: int
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """A notice that is to be sent."""

    id: str
    recipient: str
    topic: str
    account_id: str | None
    tenancy: int | None
    alert_id: str | None
    title: str
    body: str
    made_at: int
    next_at: int
    attempts: int
    sent: frozenset[str]
    """Names of the channels that took it."""
    sending: frozenset[str] = frozenset()
    """Names of those through which it was on its way when this was stored."""
    uncertain: frozenset[str] = frozenset()
    """Names of those that may have taken it: a bridge was ended before they answered."""


def read_position(reader: Engine, shard: Shard) -> ConsumerPosition | None:
    """Return the position of a shard, None where it never consumed an event."""
    table = tables.notice_mark
    with reader.connect() as connection:
        row = connection.execute(select(table).where(table.c.id == position_id(shard))).mappings().first()
    return None if row is None else ConsumerPosition(row["event_seq"], json.loads(row["digests"]))


def position_id(shard: Shard) -> int:
    """Return the key of a shard's position."""
    return shard.n + 1


def read_contacts(
    reader: Engine, tenancies: Iterable[tuple[str, int]] | None = None
) -> dict[tuple[str, int], NotificationSettings]:
    """Return how customers want to be notified, by account and tenancy: some or (None) all who said so."""
    table = tables.contact
    query = select(table.c.account_id, table.c.tenancy, table.c.document)
    if tenancies is not None:
        tenancies = set(tenancies)
        query = query.where(table.c.account_id.in_({account_id for account_id, _ in tenancies}))
    with reader.connect() as connection:
        rows = connection.execute(query).all()
    return {
        (account_id, tenancy): msgspec.json.decode(document, type=NotificationSettings)
        for account_id, tenancy, document in rows
        if tenancies is None or (account_id, tenancy) in tenancies
    }


async def read_contact(session: Session, account: Account) -> NotificationSettings | None:
    """Return how the present customer of an account wants to be notified, None where nobody said."""
    key = (account.id, account.tenancy.n)
    return (await asyncio.to_thread(read_contacts, session.reader, (key,))).get(key)


def read_pending(reader: Engine, shard: Shard, now: int, most: int) -> list[PendingNotice]:
    """Return the notices that the bridge of a shard is to send and that are due, the oldest first.

    Those of an account belong to its shard, also where it was another's when they were made; digests, which
    are of no event, belong to the first. ``now`` is by the wall clock that is believed: where that was ahead
    when a notice was made, and was set back since, the notice is due.
    """
    due = (_NOTICE.c.next_at <= now) | (_NOTICE.c.made_at > now + WALL_CLOCK_TOLERANCE_MS)
    seq = _NOTICE.c.event_seq
    of_shard = shard.numbers(seq) if shard.n else shard.numbers(seq) | (seq == 0)
    own = (_NOTICE.c.account_id.is_(None) & of_shard) | shard.has_account(_NOTICE.c.account_id)
    query = select(_NOTICE).where(_NOTICE.c.ended_at.is_(None), due, own)
    with reader.connect() as connection:
        rows = connection.execute(query.order_by(_NOTICE.c.next_at, _NOTICE.c.id).limit(most)).mappings()
        return [_pending_from(row) for row in rows]


def _pending_from(row: RowMapping) -> PendingNotice:
    values = {name: row[name] for name in PendingNotice.__slots__}
    return PendingNotice(
        **values | {name: frozenset(json.loads(row[name] or "[]")) for name in _PENDING_COLUMNS}
    )


def read_notices(reader: Engine, account_ids: frozenset[str] | None, most: int) -> tuple[NoticeView, ...]:
    """Return the newest notices, of some accounts or (None) of all and of the installation."""
    query = select(_NOTICE).order_by(_NOTICE.c.made_at.desc(), _NOTICE.c.id.desc()).limit(most)
    if account_ids is not None:
        query = query.where(_NOTICE.c.account_id.in_(account_ids))
    with reader.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return tuple(
        NoticeView(
            id=row["id"],
            made_at=iso(row["made_at"]),
            recipient=row["recipient"],
            topic=row["topic"],
            account_id=row["account_id"],
            title=row["title"],
            attempts=row["attempts"],
            next_at=None if row["ended_at"] is not None else iso(row["next_at"]),
            ended_at=None if row["ended_at"] is None else iso(row["ended_at"]),
            outcome=row["outcome"],
        )
        for row in rows
    )


def sent_between(reader: Engine, since: int, now: int) -> frozenset[tuple[str, str, str | None]]:
    """Return recipient, topic and account of the notices made between two instants of the wall clock."""
    columns = (_NOTICE.c.recipient, _NOTICE.c.topic, _NOTICE.c.account_id)
    with reader.connect() as connection:
        rows = connection.execute(select(*columns).where(_NOTICE.c.made_at > since, _NOTICE.c.made_at <= now))
        return frozenset((row[0], row[1], row[2]) for row in rows)


def open_alerts(reader: Engine, ids: Iterable[str]) -> frozenset[str]:
    """Return which of some alerts and warnings of personal thresholds are open."""
    alert, own, wanted = tables.alert.c, tables.own_warning.c, set(ids)
    if not wanted:
        return frozenset()
    query = union_all(
        select(alert.id).where(alert.id.in_(wanted), alert.closed_at.is_(None)),
        select(own.id).where(own.id.in_(wanted), own.below.is_(True)),
    )
    with reader.connect() as connection:
        return frozenset(connection.execute(query).scalars())


def threshold_states(reader: Engine) -> dict[str, bool]:
    """Return for each personal threshold whether its account is below it."""
    table = tables.own_warning
    with reader.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(select(table.c.id, table.c.below))}


def contacts_version(reader: Engine) -> tuple[int, int]:
    """Return the number of contacts and the newest change; they are read again when it differs."""
    table = tables.contact
    with reader.connect() as connection:
        row = connection.execute(select(func.count(), func.coalesce(func.max(table.c.at), 0))).one()
    return row[0], row[1]


def uncertain_since(reader: Engine, since: int) -> int:
    """Return the number of messages since an instant that may not have arrived."""
    query = select(func.count()).where(_NOTICE.c.outcome == "uncertain", _NOTICE.c.ended_at >= since)
    with reader.connect() as connection:
        return connection.execute(query).scalar_one()


def top_ups_since(reader: Engine, since: int) -> list[tuple[str, int]]:
    """Return the account and amount of every top-up since an instant."""
    table = tables.event
    query = select(table.c.account_id, table.c.data).where(
        table.c.kind == EventKind.TOP_UP, table.c.at >= since
    )
    with reader.connect() as connection:
        return [(row[0], int(json.loads(row[1])["amount"])) for row in connection.execute(query)]
