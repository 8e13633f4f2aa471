"""A stand-in for messages to people: one was sent, and tests go through."""

from collections.abc import Callable

from meter_bridge.actor import Actor
from meter_bridge.protocol.notices import ChannelResult, NoticeList, NoticeView, TrialSent

NOTICE = NoticeView(
    id="7:anna",
    made_at="2026-03-01T10:00:00.000Z",
    recipient="anna",
    topic="tamper",
    account_id="flat-1",
    title="Flat 1: A sign of tampering",
    attempts=1,
    next_at=None,
    ended_at="2026-03-01T10:00:01.000Z",
    outcome="sent",
)
SENT = (ChannelResult(channel="ntfy 1", sent=True),)


class StandInNotices:
    """Messages in memory."""

    def __init__(self, asked: Callable[[str], None]) -> None:
        """Keep how the stand-in notes what is asked."""
        self._asked = asked

    async def notices(self, actor: Actor, limit: int) -> NoticeList:
        """Return the one notice."""
        del actor, limit
        self._asked("notices")
        return NoticeList(notices=(NOTICE,))

    async def try_person(self, person_id: str) -> TrialSent:
        """Say that it was sent."""
        self._asked(f"try_person {person_id}")
        return TrialSent(recipient=person_id, channels=SENT)

    async def try_customer(self, actor: Actor, account_id: str) -> TrialSent:
        """Say that it was sent."""
        del actor
        self._asked(f"try_customer {account_id}")
        return TrialSent(recipient="customer", channels=SENT)
