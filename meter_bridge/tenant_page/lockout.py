"""Lock-out at the door: how often somebody may be wrong, whatever rooms exist."""

from typing import Final

from meter_bridge.api.port import Refused
from meter_bridge.api.throttle import peer_of
from meter_bridge.payments.guessing import WRONG, Guard, Limits, Verdict
from meter_bridge.protocol.messages import ErrorCode

_NEVER: Final = 10**9
FROM_ONE_PLACE: Final = 5
"""Wrong codes for a number from one place within ten minutes, before it is not heard for an hour."""
FOR_ONE_NUMBER: Final = 30
"""The same from wherever."""
FROM_ONE_PLACE_IN_ALL: Final = 20
"""The same for whatever numbers."""


class Lockout:
    """Counts wrong codes by number, by place, and by both.

    A number is counted as it was typed, whether or not there is such a room, so that the count tells nothing.
    A proxy on this machine hides places: then only numbers count.
    """

    def __init__(self) -> None:
        """Start with nobody known."""
        self._both = Guard(Limits(each=FROM_ONE_PLACE * WRONG))
        self._numbers = Guard(Limits(each=FOR_ONE_NUMBER * WRONG, everybody=_NEVER))
        self._places = Guard(Limits(each=FROM_ONE_PLACE_IN_ALL * WRONG, everybody=_NEVER))

    def _guards(self, number: str, peer: str | None) -> list[tuple[Guard, str]]:
        place = None if peer is None else peer_of(peer)
        found = [(self._both, f"{number} {place}"), (self._numbers, number)]
        return found if place is None else [*found, (self._places, place)]

    def refuse(self, number: str, peer: str | None, at: int) -> None:
        """Raise ``Refused`` while somebody is not heard."""
        known = [guard.locked_until(who, at) for guard, who in self._guards(number, peer)]
        until = max((each for each in known if each is not None), default=0)
        if until:
            minutes = max((until - at + 59_999) // 60_000, 1)
            raise Refused(
                ErrorCode.TOO_MANY_REQUESTS,
                "too many wrong codes; none is looked at for a while",
                field="code",
                remedy=f"try again in {minutes} minute{'s' if minutes > 1 else ''}, or open your link",
            )

    def wrong(self, number: str, peer: str | None, mark: str, at: int) -> bool:
        """Count a wrong code; say whether it was one too many."""
        # One code tried at many rooms is a guess at each.
        mark = f"{number} {mark}"
        verdicts = [guard.wrong(who, mark, WRONG, at) for guard, who in self._guards(number, peer)]
        return Verdict.LOCKED in verdicts

    def right(self, number: str, peer: str | None) -> None:
        """Forget the slips of who has now shown the right code."""
        guard, who = self._guards(number, peer)[0]
        guard.forgive(who)
