"""The tenant's page beside a session, as the API sees it."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
import json

import msgspec
from sqlalchemy import select

from meter_bridge.actor import Actor
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import changeset as ops, tables
from meter_bridge.tenant_page.sign_in import CustomerSignIn


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


class TenantPage:
    """Lets customers in, and keeps what they want to be told."""

    def __init__(
        self, session: Session, key: SecretKey, address: str | None, account: Callable[[Actor, str], Account]
    ) -> None:
        """Open the door; ``address`` is where customers reach the page."""
        self._session = session
        self._find_account = account
        self._address = address
        self.access = CustomerSignIn(session, key, address, account)

    @property
    def secure(self) -> bool:
        """Return whether customers reach the page over TLS, be it a proxy's."""
        return self._address is not None and self._address.startswith("https://")

    async def notification_settings(self, actor: Actor, account_id: str) -> NotificationSettings:
        """Return how a customer wants to be told of things."""
        return await read_settings(self._session, self._find_account(actor, account_id))

    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        """Store how a customer wants to be told of things."""
        return await save_settings(self._session, actor, self._find_account(actor, account_id), settings)
