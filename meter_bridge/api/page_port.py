"""What the API asks of the tenant's page; ``meter_bridge.tenant_page`` implements it beside the engine."""

from typing import Protocol

from meter_bridge.actor import Actor
from meter_bridge.protocol.payments import AccessView, NotificationSettings, SignedIn


class PagePort(Protocol):
    """The tenant's page as the API sees it.

    Every method raises ``RequestRefused`` where it does not do it.
    """

    @property
    def secure(self) -> bool:
        """Say whether customers reach the page over TLS, be it a proxy's."""

    async def make_access(self, actor: Actor, account_id: str) -> AccessView:
        """Make a code and a link for a customer, in place of those there were; shown this once."""

    async def revoke_access(self, actor: Actor, account_id: str) -> None:
        """End a customer's access and every session that began with it."""

    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        """Let a customer in by number and code; return the session's cookie beside it.

        Raises ``RequestRefused`` with NOT_AUTHENTICATED, the same whatever is wrong, or TOO_MANY_REQUESTS.
        """

    async def sign_in_by_link(self, secret: str) -> tuple[SignedIn, str]:
        """Let a customer in by a link; return the session's cookie beside it."""

    def actor_of(self, cookie: str) -> Actor | None:
        """Return the customer of a session, or None; constant-time in the signature."""

    async def notification_settings(self, actor: Actor, account_id: str) -> NotificationSettings:
        """Return how a customer wants to be told of things."""

    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        """Store how a customer wants to be told of things."""
