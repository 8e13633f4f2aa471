"""The tenant's page beside a session, as the API sees it."""

from collections.abc import Callable

from meter_bridge.actor import Actor
from meter_bridge.engine.access.secret_key import SecretKey
from meter_bridge.engine.state.model import Account
from meter_bridge.engine.state.session import Session
from meter_bridge.protocol.payments import NotificationSettings
from meter_bridge.tenant_page.contacts import read_settings, save_settings
from meter_bridge.tenant_page.sign_in import CustomerSignIn


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
