"""A stand-in for the tenant's page: one customer, one code, one session."""

from collections.abc import Callable

from meter_bridge.actor import Actor
from meter_bridge.errors import RequestRefused
from meter_bridge.protocol.messages import ErrorCode
from meter_bridge.protocol.payments import AccessView, NotificationSettings, SignedIn

COOKIE = "a-session"
CODE = "K7QM-2XRP"
ACCESS = AccessView(
    account_id="flat-1",
    number="Flat 1",
    code=CODE,
    link="https://pay.example.org/my/#in=secret",
    secret="secret",
    created_at="2026-03-01T10:00:00.000Z",
)


class StandInPage:
    """A page in memory."""

    secure = False

    def __init__(self, asked: Callable[[str], None], customer: Actor) -> None:
        """Keep how the stand-in notes what is asked, and the one customer."""
        self._asked = asked
        self._customer = customer

    async def make_access(self, actor: Actor, account_id: str) -> AccessView:
        """Return the one access."""
        self._asked(f"make_access {account_id}")
        return ACCESS

    async def revoke_access(self, actor: Actor, account_id: str) -> None:
        """Note that it was asked for."""
        self._asked(f"revoke_access {account_id}")

    async def sign_in(self, number: str, code: str, peer: str | None) -> tuple[SignedIn, str]:
        """Let the one customer in."""
        self._asked("sign_in")
        if (number, code) != ("Flat 1", CODE):
            raise RequestRefused(ErrorCode.NOT_AUTHENTICATED, "these do not go together", field="code")
        return SignedIn(account_id="flat-1"), COOKIE

    async def sign_in_by_link(self, secret: str) -> tuple[SignedIn, str]:
        """Let the one customer in."""
        self._asked("sign_in_by_link")
        return SignedIn(account_id="flat-1"), COOKIE

    def actor_of(self, cookie: str) -> Actor | None:
        """Return the one customer for the one cookie."""
        return self._customer if cookie == COOKIE else None

    async def notification_settings(self, actor: Actor, account_id: str) -> NotificationSettings:
        """Return what is usual."""
        self._asked(f"notification_settings {account_id}")
        return NotificationSettings()

    async def set_notification_settings(
        self, actor: Actor, account_id: str, settings: NotificationSettings
    ) -> NotificationSettings:
        """Return what was sent."""
        self._asked(f"set_notification_settings {account_id}")
        return settings
