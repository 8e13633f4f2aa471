"""The tenant's page beside a session, as the API sees it."""

from collections.abc import Callable
from dataclasses import asdict, replace
import json

from meter_bridge.actor import Actor
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.notify.queries import read_contact
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.storage import changeset as ops
from meter_bridge.tenant_page.sign_in import CustomerSignIn


class TenantPage:
    """Lets customers in, and keeps how they want to be notified."""

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
        """Return how the present customer of an account wants to be notified."""
        account = self._find_account(actor, account_id)
        return await read_contact(self._session, account) or NotificationSettings()

    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        """Store how the present customer of an account wants to be notified."""
        account = self._find_account(actor, account_id)
        tx = self._session.begin(actor)
        row = {"account_id": account.id, "tenancy": account.tenancy.n, "at": tx.at}
        document = json.dumps(asdict(replace(settings, unconfirmed=(), unconfirmed_addresses={})))
        tx.changeset.add(ops.UPSERT_CONTACT, row | {"document": document})
        await self._session.commit(tx)
        return settings
