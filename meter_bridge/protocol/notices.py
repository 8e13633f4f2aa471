"""Messages to people, as they go over the wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A notification of one person about one event, with its delivery status."""

    id: str
    made_at: str
    recipient: str
    """Id of a person of the staff, or ``customer``."""
    topic: str
    """Kind of the alert, ``supply_restored``, ``top_up`` or ``digest``."""
    account_id: str | None
    title: str
    attempts: int
    next_at: str | None
    """Time of the next attempt; None once it has ended."""
    ended_at: str | None
    outcome: str | None
    """``sent``, ``failed`` at every attempt, ``overtaken`` by what came after, ``unreachable``, or
    ``uncertain``: the bridge was killed while sending, and messages that can wait are not sent twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeList:
    """Notifications, newest first."""

    notices: tuple[NoticeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelResult:
    """Result of a test message on one channel."""

    channel: str
    """Kind and place in the file, such as ``ntfy 1``; never its address."""
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSent:
    """Result of a test message."""

    recipient: str
    channels: tuple[ChannelResult, ...]
