"""How customers want to be told of things; each tenancy has its own, so that none reads another's."""

import asyncio
from dataclasses import asdict
import json

import msgspec
from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import changeset as ops, tables


def _stored(session: Session, account: Account) -> NotificationSettings:
    table = tables.contact
    query = select(table.c.document).where(
        table.c.account_id == account.id, table.c.tenancy == account.tenancy.n
    )
    with session.reader.connect() as connection:
        text = connection.execute(query).scalar()
    return NotificationSettings() if text is None else msgspec.json.decode(text, type=NotificationSettings)


async def read_settings(session: Session, account: Account) -> NotificationSettings:
    """Return how the present customer of an account wants to be told."""
    return await asyncio.to_thread(_stored, session, account)


async def save_settings(
    session: Session, actor: Actor, account: Account, settings: NotificationSettings
) -> NotificationSettings:
    """Store how the present customer of an account wants to be told."""
    tx = session.begin(actor)
    row = {"account_id": account.id, "tenancy": account.tenancy.n, "at": tx.at}
    tx.changeset.add(ops.UPSERT_CONTACT, row | {"document": json.dumps(asdict(settings))})
    await session.commit(tx)
    return settings
