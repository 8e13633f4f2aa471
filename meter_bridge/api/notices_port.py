"""What the API asks of messages to people; ``meter_bridge.notify`` implements it beside the engine."""

from typing import Protocol

from meter_bridge.actor import Actor
from meter_bridge.protocol.notices import NoticeList, TrialSent


class NoticesPort(Protocol):
    """Messages to people as the API sees them.

    Every method raises ``RequestRefused`` where it does not do it.
    """

    async def notices(self, actor: Actor, limit: int) -> NoticeList:
        """Return the newest notices that staff may see."""

    async def try_person(self, person_id: str) -> TrialSent:
        """Send a test message to somebody of the staff; raises NOT_FOUND or TOO_MANY_REQUESTS."""

    async def try_customer(self, actor: Actor, account_id: str) -> TrialSent:
        """Send a test message to an account's customer; raises CONFLICT without an address for it."""
