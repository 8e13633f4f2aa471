"""Messages to people, as they go over the wire."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A message for one person about one event, and what became of it."""

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
    """When it is tried next; None once it ended."""
    ended_at: str | None
    outcome: str | None
    """``sent``, ``failed`` at every attempt, ``overtaken`` by what came after, ``unreachable``, or
    ``uncertain``: the bridge was ended in the instant of sending, and what can wait is not told twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeList:
    """Notices, newest first."""

    notices: tuple[NoticeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelResult:
    """What became of a test message on one channel."""

    channel: str
    """Kind and place in the file, such as ``ntfy 1``; never its address."""
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSent:
    """What became of a test message."""

    recipient: str
    channels: tuple[ChannelResult, ...]
