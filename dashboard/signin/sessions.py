"""Sessions of people who signed in with a token: kept in memory, named by a random cookie, ended by time."""

from collections.abc import Callable
from dataclasses import dataclass, field
import secrets
from threading import Lock
import time
from typing import Final

COOKIE: Final = "prepaid_dashboard"
MAX_SESSIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in."""

    token: str = field(repr=False)
    ends: float
    """By the monotonic clock, so that nobody's session grows with a jump of the wall clock."""


@dataclass
class Sessions:
    """All sessions of this process."""

    clock: Callable[[], float] = time.monotonic
    _open: dict[str, Session] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self, token: str, hours: int) -> str:
        """Begin a session and return its cookie: 256 random bits."""
        now = self.clock()
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._open = {each: one for each, one in self._open.items() if one.ends > now}
            while len(self._open) >= MAX_SESSIONS:
                self._open.pop(next(iter(self._open)))
            self._open[name] = Session(token, now + hours * 3600)
        return name

    def token(self, cookie: str | None) -> str | None:
        """Return the token of a session that has not ended."""
        found = self._open.get(cookie or "")
        if found is None:
            return None
        if found.ends <= self.clock():
            self.end(cookie)
            return None
        return found.token

    def end(self, cookie: str | None) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(cookie or "", None)


SESSIONS: Final = Sessions()
